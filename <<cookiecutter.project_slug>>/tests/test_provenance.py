from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from <<cookiecutter.package_name>> import provenance

COMMIT = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "--message=first")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_the_commit_is_named_and_changes_are_noticed(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").touch()
    assert provenance.git_state(tmp_path) == {"commit": None, "dirty": True}
    git(tmp_path, "add", "file")
    git(tmp_path, *COMMIT)
    state = provenance.git_state(tmp_path)
    assert (len(state["commit"]), state["dirty"]) == (40, False)
    (tmp_path / "file").write_text("changed")
    assert provenance.git_state(tmp_path) == {"commit": state["commit"], "dirty": True}


def test_a_runner_without_a_repository_names_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SHA", "a" * 40)
    assert provenance.git_state(tmp_path / "absent") == {"commit": "a" * 40, "dirty": None}


def test_the_environment_names_what_a_model_needs() -> None:
    assert {"numpy", "scikit-learn", "skops"} <= set(provenance.environment()["packages"])
    assert provenance.mlflow_version().count(".") == 2
