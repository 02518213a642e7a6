from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import canary
import pytest
from delivery import settings
from delivery.canary_release import Canary
from delivery.canary_settings import CanarySettings
from delivery.cluster import Cluster
from delivery.errors import MisuseError
from delivery.split import Application

CONFIG = Path(__file__).parents[2] / "config" / "delivery.toml"
IMAGE = f"ghcr.io/acme/churn@sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("30m", timedelta(minutes=30), id="minutes"),
        pytest.param("0m", timedelta(0), id="any age"),
        pytest.param("2h", timedelta(hours=2), id="hours"),
        pytest.param("14d", timedelta(days=14), id="days"),
    ],
)
def test_a_length_of_time_is_read(text: str, expected: timedelta) -> None:
    assert canary.span(text) == expected


@pytest.mark.parametrize("text", ["soon", "2", "h", "-2h", "1.5h", ""])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a length of time such as 30m, 2h or 14d"):
        canary.span(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "one of the arguments --image --clear is required", id="nothing to do"),
        pytest.param(["--clear", "--image", IMAGE], "not allowed with argument", id="both"),
        pytest.param(["--image", IMAGE, "--older-than", "2h"], "--older-than goes with --clear", id="older image"),
        pytest.param(["--clear", "--hold", "2h"], "--hold with --image", id="clear and hold"),
    ],
)
def test_a_wrong_call_is_misuse(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        canary.main(["production", *arguments])
    assert message in capsys.readouterr().err


def test_without_the_model_that_was_built_nothing_begins_and_no_old_record_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    old, release = Path("artifacts/canary.json"), Path("artifacts/deployment.json")
    old.parent.mkdir()
    for record in (old, release):
        record.write_text("{}", encoding="utf-8")
    assert canary.main(["production", "--image", IMAGE, "--config", str(CONFIG)]) == 2
    assert "run make export first" in capsys.readouterr().err
    assert not old.exists()
    assert release.exists()  # that of another script


@dataclass
class Waiting:
    """A canary that a trial holds while another call waits for the lock."""

    app: Application
    held: datetime | None = None
    removed: bool = False

    def age(self) -> timedelta:
        return timedelta(minutes=5)

    def held_until(self) -> datetime | None:
        return self.held

    def clear(self) -> bool:
        self.removed = True
        return True


@pytest.mark.parametrize(
    ("until", "said"),
    [
        pytest.param(None, "churn-canary: removed", id="not held"),
        pytest.param(
            datetime(2099, 1, 2, tzinfo=UTC), "churn-canary stays: held until 2099-01-02 00:00 UTC", id="held"
        ),
    ],
)
def test_a_canary_that_is_held_while_the_lock_is_awaited_is_spared(
    until: datetime | None, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Waiting(Application(Cluster("churn"), "churn", timeout=1, poll=1))

    @contextmanager
    def locked(*_: object) -> Iterator[None]:
        found.held = until
        yield

    monkeypatch.setattr(canary, "locked", locked)
    monkeypatch.setattr(canary, "raise_on_signals", lambda: None)
    monkeypatch.setattr(Canary, "of", lambda *_: found)
    assert canary.main(["production", "--clear", "--older-than", "0m", "--config", str(CONFIG)]) == 0
    assert (capsys.readouterr().out.strip(), found.removed) == (said, until is None)


def changed(folder: Path, pattern: str, text: str) -> settings.Settings:
    """Return the settings of a copy of the project's file in which `text` stands for `pattern`."""
    (folder / "delivery.schema.json").write_bytes(CONFIG.with_name("delivery.schema.json").read_bytes())
    config, count = re.subn(pattern, text, CONFIG.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1
    (folder / "delivery.toml").write_text(config, encoding="utf-8")
    return settings.load(folder / "delivery.toml")


def test_the_settings_of_the_project_make_sense() -> None:
    choice = CanarySettings.of(settings.load(CONFIG))
    assert choice.plan.failure_limit < choice.plan.count
    assert choice.limits.min_predictions >= choice.limits.min_requests
    assert choice.prometheus is None


def test_the_schema_has_the_same_defaults_as_the_file() -> None:
    """A key that is taken out of the file keeps its value."""
    schema = json.loads(CONFIG.with_name("delivery.schema.json").read_text(encoding="utf-8"))
    bare = settings.with_defaults({"canary": {}}, schema)["canary"]
    assert {**bare, "traffic": ""} == {**settings.load(CONFIG)["canary"], "traffic": ""}


@pytest.mark.parametrize("steps", ["[]", "[0, 50]", "[50, 10]", "[10, 10]", "[10, 100]", "[10.5]", "[true]", '["10"]'])
def test_steps_must_rise_between_nothing_and_all(steps: str, tmp_path: Path) -> None:
    rules = changed(tmp_path, r"^steps = \[.*?\]", f"steps = {steps}")
    with pytest.raises(MisuseError, match="wanted rising whole numbers from 1 to 99 such as"):
        CanarySettings.of(rules)


@pytest.mark.parametrize(
    ("pattern", "text", "message"),
    [
        pytest.param("^traffic = .*?#", 'traffic = "mesh" #', "canary.traffic is 'mesh', wanted one of", id="traffic"),
        pytest.param("^max_restarts", "max_restart", "did you mean 'max_restarts'", id="a key that is nearly right"),
        pytest.param("^count = 5", "count = 0", "canary.count is 0, wanted at least 1", id="no window"),
        pytest.param(
            r"^# \[canary.prometheus\]", "[canary.prometheus]", "prometheus.service is missing", id="no service"
        ),
    ],
)
def test_settings_that_are_wrong_are_named(pattern: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=re.escape(message)):
        changed(tmp_path, pattern, text)
