"""What keeps the service from starting is told before a port is open."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from <<cookiecutter.package_name>>.errors import ConfigError, ContractError, EvidenceError
from <<cookiecutter.package_name>>.serving import options
from <<cookiecutter.package_name>>.serving.options import Options, from_environment

from tests.serving.client import serve


def test_an_empty_environment_gives_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(options, "IN_IMAGE", tmp_path / "nowhere")
    assert from_environment({}) == Options()
    assert from_environment({"PORT": "", "FEEDBACK_KEY": ""}) == Options()
    monkeypatch.setattr(options, "IN_IMAGE", tmp_path)
    assert from_environment({}).model_dir == tmp_path


def test_variables_replace_the_defaults() -> None:
    found = from_environment(
        {
            "MODEL_DIR": "m",
            "UNKNOWN_COLUMNS": "ignore",
            "DEADLINE_SECONDS": "0.5",
            "MODEL_TRACK": "canary",
            "LOG_LEVEL": "DEBUG",
        }
    )
    assert (found.model_dir, found.ignore_unknown, found.deadline_seconds) == (Path("m"), True, 0.5)
    assert (found.track, found.log_level) == ("canary", "debug")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "70000", "PORT is '70000', wanted a whole number from 0 to 65535"),
        ("PORT", "8080 ", "PORT is '8080 '"),
        ("MAX_CONNECTIONS", "999999999", "MAX_CONNECTIONS is '999999999', wanted a whole number from 1 to"),
        ("MAX_ROWS", "0", "MAX_ROWS is '0', wanted a whole number from 1"),
        ("MAX_ROWS", "٣", "MAX_ROWS is '٣'"),
        ("DRAIN_SECONDS", "-1", "DRAIN_SECONDS is '-1', wanted a number of seconds above 0"),
        ("DRAIN_SECONDS", "0", "DRAIN_SECONDS is '0'"),
        ("DEADLINE_SECONDS", "nan", "DEADLINE_SECONDS is 'nan'"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud', wanted one of debug, info, warning, error"),
        ("UNKNOWN_COLUMNS", "keep", "UNKNOWN_COLUMNS is 'keep', wanted one of refuse, ignore"),
        ("MODEL_TRACK", 'a"b', "MODEL_TRACK is"),
        ("FEEDBACK_KEY", "short", "FEEDBACK_KEY has 5 bytes, wanted at least 16; `openssl rand -hex 32` makes one"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_without_its_secret(name: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        from_environment({name: value})
    assert message in str(refused.value)
    assert "short" not in str(refused.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"(?s)PORT.*MAX_ROWS.*DRAIN_SECONDS"):
        from_environment({"PORT": "x", "MAX_ROWS": "x", "DRAIN_SECONDS": "x"})


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}), encoding="utf-8")


def test_a_folder_that_is_not_of_one_piece_is_refused(folder: Path, runtime: str, tmp_path: Path) -> None:
    def copied() -> Path:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        return shutil.copytree(folder, tmp_path / "copy")

    model = copied() / f"model.{runtime}"
    model.write_bytes(model.read_bytes() + b" ")
    with pytest.raises(EvidenceError, match=rf"model\.{runtime}: sha256 is .*it was changed after the export"):
        serve(model.parent)
    edit(copied() / "contract/data.schema.json", title="Another")
    with pytest.raises(EvidenceError, match="contract: sha256 is"):
        serve(tmp_path / "copy")
    (copied() / f"model.{runtime}").unlink()
    with pytest.raises(EvidenceError, match=rf"model\.{runtime}: No such file"):
        serve(tmp_path / "copy")
    edit(copied() / "export.json", runtime="pickle")
    with pytest.raises(EvidenceError, match="runtime is 'pickle', wanted one of"):
        serve(tmp_path / "copy")
    edit(copied() / "golden.json", format="golden/2")
    with pytest.raises(EvidenceError, match="format is 'golden/2', wanted 'golden/1'"):
        serve(tmp_path / "copy")
    (copied() / "contract/data.schema.json").unlink()
    with pytest.raises(ContractError, match="data.schema.json: not found"):
        serve(tmp_path / "copy")


def test_a_model_file_that_no_runtime_can_read_is_refused(folder: Path, runtime: str, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / f"model.{runtime}").write_bytes(b"no model")
    about = {"file": f"model.{runtime}", "sha256": hashlib.sha256(b"no model").hexdigest(), "bytes": 8}
    edit(copy / "export.json", model=about)
    with pytest.raises(EvidenceError, match="is not a readable .*model"):
        serve(copy)
