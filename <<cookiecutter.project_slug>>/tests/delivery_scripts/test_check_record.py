from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import check_record
import pytest

IMAGE = "ghcr.io/acme/churn@sha256:" + "a" * 64
CHECK = {"name": "ready", "passed": True, "seen": "200", "wanted": "200"}
GOOD: dict[str, Any] = {
    "format": "deployment/1",
    "environment": "staging",
    "image": IMAGE,
    "outcome": "deployed",
    "checks": [CHECK],
}


def verdict(folder: Path, record: dict[str, Any]) -> int:
    path = folder / "deployment.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    return check_record.main([IMAGE, "--record", str(path)])


def test_what_staging_runs_well_may_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(tmp_path, GOOD) == 0
    assert capsys.readouterr().out == f"staging ran {IMAGE}, and passed 1 checks\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"environment": "production"}, "of environment 'production'", id="another environment"),
        pytest.param({"image": IMAGE.replace("a" * 64, "b" * 64)}, "is to be deployed", id="another digest"),
        pytest.param({"outcome": "rolled-back"}, "ended as 'rolled-back'", id="rolled back"),
        pytest.param({"checks": []}, "holds no check", id="nothing checked"),
        pytest.param({"checks": [CHECK | {"passed": False}]}, "staging: ready: 200", id="a failed check"),
        pytest.param({"checks": [{"name": "ready", "seen": "?"}]}, "staging: ready: ?", id="a check without verdict"),
    ],
)
def test_anything_else_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verdict(tmp_path, GOOD | change) == 1
    assert message in capsys.readouterr().out


@pytest.mark.parametrize("record", [{}, GOOD | {"format": "deployment/2"}], ids=["empty", "another format"])
def test_a_record_that_cannot_be_read_is_no_evidence(tmp_path: Path, record: dict[str, Any]) -> None:
    assert verdict(tmp_path, record) == 2


def test_a_missing_record_is_no_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_record.main([IMAGE, "--record", str(tmp_path / "none.json")]) == 2
    assert "run scripts/deploy.py staging first" in capsys.readouterr().err
