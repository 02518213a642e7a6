from __future__ import annotations

import sys
from pathlib import Path

import pull_data
import pytest

from .fake_gh import FakeGitHub


@pytest.fixture
def dvc(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository that uses DVC, with a `dvc` that copies what it was given and fails on demand."""
    Path(".dvc").mkdir()
    program = github.folder / "dvc"
    program.write_text("#!/bin/sh\ncp .dvc/config.local seen 2>/dev/null\n[ ! -f fail ] || { cat fail >&2; exit 1; }\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(github.folder / "python"))
    return program


def test_without_dvc_there_is_nothing_to_do(github: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert pull_data.main([]) == 0
    assert "no DVC in this repository" in capsys.readouterr().out


def test_credentials_are_there_for_the_pull_and_gone_after_it(dvc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_CONFIG", "['remote \"s3\"']\n    access_key_id = x")
    assert pull_data.main([]) == 0
    assert "access_key_id = x" in Path("seen").read_text(encoding="utf-8")
    assert not Path(".dvc/config.local").exists()


def test_a_config_of_the_own_machine_stays_as_it_is(dvc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_CONFIG", "from the secret")
    Path(".dvc/config.local").write_text("mine", encoding="utf-8")
    assert pull_data.main([]) == 0
    assert Path(".dvc/config.local").read_text(encoding="utf-8") == "mine"


def test_a_failure_without_credentials_names_the_secret(dvc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("fail").write_text("Collecting\nERROR: Unable to locate credentials\n", encoding="utf-8")
    assert pull_data.main([]) == 2
    said = capsys.readouterr().err
    assert "dvc pull failed: ERROR: Unable to locate credentials; no credentials were given" in said
    assert "repository secret DVC_CONFIG" in said


def test_a_failure_with_credentials_shows_what_dvc_said(
    dvc: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DVC_CONFIG", "x")
    Path("fail").write_text("ERROR: Access denied\n", encoding="utf-8")
    assert pull_data.main([]) == 2
    assert capsys.readouterr().err == "error: dvc pull failed: ERROR: Access denied\n"
    assert not Path(".dvc/config.local").exists()


def test_a_missing_dvc_says_how_to_get_it(
    dvc: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dvc.unlink()
    monkeypatch.setenv("PATH", str(dvc.parent))
    assert pull_data.main([]) == 2
    assert "name it in requirements/train.in" in capsys.readouterr().err
