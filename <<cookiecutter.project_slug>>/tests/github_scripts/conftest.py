"""What the tests of the GitHub scripts share: a fake GitHub, a workflow's environment, an empty working folder."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from github_api import cli as github_cli
from github_api import store_archive

from .fake_gh import FakeGitHub

REPOSITORY = "acme/churn"
RUN = "4711"
Start = Callable[[str, dict[str, object]], None]


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGitHub:
    """Return a fake GitHub that the scripts ask, from a workflow run in an empty folder."""
    folder, work = tmp_path / "bin", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "MLFLOW_", "TRACKING_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    monkeypatch.setenv("GITHUB_RUN_ID", RUN)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setattr(github_cli, "PAUSES", (0.0, 0.0))
    monkeypatch.chdir(work)
    fake = FakeGitHub(folder)
    monkeypatch.setattr(github_cli, "_run", fake.run)
    return fake


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return a function that names the event by which the workflow started."""

    def start(name: str, payload: dict[str, object]) -> None:
        path = tmp_path / "event.json"
        path.write_text(json.dumps(payload), encoding="utf-8")
        monkeypatch.setenv("GITHUB_EVENT_NAME", name)
        monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))

    return start


def make_store(note: str) -> None:
    """Make a small store in the working folder."""
    with closing(sqlite3.connect("mlflow.db")) as database:
        database.execute("create table runs (note text)")
        database.execute("insert into runs values (?)", (note,))
        database.commit()
    Path("mlartifacts/1/models").mkdir(parents=True)
    Path("mlartifacts/1/models/model.skops").write_bytes(note.encode())


def nothing_is_here() -> bool:
    """Return whether the working folder is empty."""
    return not list(Path().iterdir())


@pytest.fixture
def archive(github: FakeGitHub, tmp_path: Path) -> Path:
    """Return a packed store as GitHub sends it, and leave the working folder empty."""
    make_store("champion")
    store_archive.copy(Path("packed"))
    path = tmp_path / "store.zip"
    with zipfile.ZipFile(path, "w") as target:
        for file in sorted(Path("packed").rglob("*")):
            target.write(file, file.relative_to("packed"))
    shutil.rmtree("packed")
    shutil.rmtree("mlartifacts")
    Path("mlflow.db").unlink()
    return path
