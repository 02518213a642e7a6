from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tracking_store
from github_api import store_archive

from .conftest import REPOSITORY, RUN, Start, make_store, nothing_is_here
from .fake_gh import FakeGitHub

RUNS = f"GET repos/{REPOSITORY}/actions/workflows/{{}}/runs?branch=main&status=completed&per_page=100&page=1"
LIST = f"GET repos/{REPOSITORY}/actions/artifacts?name=tracking-store&per_page=100&page=1"
WORKFLOW = f"GET repos/{REPOSITORY}/actions/workflows/pipeline.yml"


def saved(number: int, **changes: object) -> dict[str, Any]:
    """Return what GitHub lists for a store of the default branch, saved by run 1000 + number."""
    source = {"id": 1000 + number, "repository_id": 1, "head_repository_id": 1, "head_branch": "main"}
    source |= {key: changes.pop(key) for key in list(changes) if key in source}
    listed = {
        "id": number,
        "name": "tracking-store",
        "expired": False,
        "created_at": f"2026-11-{number:02}T00:00:00Z",
        "expires_at": "2027-01-01T00:00:00Z",
        "workflow_run": source,
    }
    return listed | changes


def lists(github: FakeGitHub, *artifacts: dict[str, Any], age: int = 0, runs: Sequence[dict[str, Any]] = ()) -> None:
    """Let GitHub list `artifacts`, of a pipeline that is `age` days old."""
    github.answers(f"GET repos/{REPOSITORY}", {"default_branch": "main"})
    github.answers(LIST, {"total_count": len(artifacts), "artifacts": list(artifacts)})
    for artifact in artifacts:
        wrote(github, artifact["workflow_run"]["id"])
    created = (datetime.now(UTC) - timedelta(days=age)).isoformat()
    github.answers(WORKFLOW, {"created_at": created})
    for workflow in ("pipeline.yml", "retrain.yml"):
        github.answers(RUNS.format(workflow), {"workflow_runs": [run for run in runs if run["file"] == workflow]})


def wrote(github: FakeGitHub, number: int, lies: str = "behind", **changes: object) -> None:
    """Let GitHub know the run that saved a store, and how its commit lies to the default branch."""
    run = {"path": ".github/workflows/pipeline.yml", "event": "push", "head_sha": f"c{number}"}
    github.answers(f"GET repos/{REPOSITORY}/actions/runs/{number}", run | changes)
    github.answers(f"GET repos/{REPOSITORY}/branches/main", {"commit": {"sha": "head"}})
    github.answers(f"GET repos/{REPOSITORY}/compare/head...c{number}", {"status": lies})


def note() -> str:
    """Return the note of the store in the working folder."""
    with closing(sqlite3.connect("mlflow.db")) as database:
        return str(database.execute("select note from runs").fetchone()[0])


def test_the_newest_store_comes_back_whole(github: FakeGitHub, archive: Path) -> None:
    lists(github, saved(1), saved(3), saved(2))
    github.sends(f"GET repos/{REPOSITORY}/actions/artifacts/3/zip", archive)
    assert tracking_store.main(["restore"]) == 0
    assert note() == "champion"
    assert Path("mlartifacts/1/models/model.skops").read_bytes() == b"champion"
    assert json.loads(tracking_store.ORIGIN.read_text(encoding="utf-8"))["artifact"] == 3


def test_a_store_that_was_never_saved_is_a_clean_start(github: FakeGitHub) -> None:
    lists(github)
    assert tracking_store.main(["restore"]) == 0
    assert json.loads(tracking_store.ORIGIN.read_text(encoding="utf-8"))["artifact"] is None


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_a_store_that_was_deleted_is_not_taken_for_one_that_never_was(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str], conclusion: str
) -> None:
    lists(github, runs=[{"file": "pipeline.yml", "id": 5, "html_url": "https://github.com/run/5"}])
    jobs = [{"name": "model / register", "conclusion": conclusion}, {"name": "test", "conclusion": "success"}]
    github.answers(f"GET repos/{REPOSITORY}/actions/runs/5/jobs?per_page=100&page=1", {"jobs": jobs})
    assert tracking_store.main(["restore"]) == (2 if conclusion == "success" else 0)
    assert ("https://github.com/run/5 registered a model: its store was deleted" in capsys.readouterr().err) == (
        conclusion == "success"
    )


def test_a_fork_may_not_start_empty_because_it_sees_no_variables(
    github: FakeGitHub, starts: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    starts("pull_request", {"pull_request": {"head": {"repo": {"full_name": "somebody/churn"}}}})
    lists(github)
    assert tracking_store.main(["restore"]) == 2
    assert "push the branch to this repository" in capsys.readouterr().err


def test_a_pipeline_that_is_not_on_the_default_branch_yet_saved_nothing(github: FakeGitHub) -> None:
    github.answers(f"GET repos/{REPOSITORY}", {"default_branch": "main"})
    github.answers(LIST, {"total_count": 0, "artifacts": []})
    github.answers(WORKFLOW, status=404)
    for workflow in ("pipeline.yml", "retrain.yml"):
        github.answers(RUNS.format(workflow), status=404)
    assert tracking_store.main(["restore"]) == 0


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(saved(5, head_repository_id=2), id="a fork whose branch is named main"),
        pytest.param(saved(5, head_branch="feature"), id="another branch"),
        pytest.param(saved(5, workflow_run=None), id="no run"),
    ],
)
def test_what_others_saved_is_not_taken(github: FakeGitHub, archive: Path, foreign: dict[str, Any]) -> None:
    github.answers(f"GET repos/{REPOSITORY}", {"default_branch": "main"})
    github.answers(LIST, {"total_count": 2, "artifacts": [foreign, saved(4)]})
    wrote(github, 1004, path=".github/workflows/retrain.yml@main", event="schedule")
    github.sends(f"GET repos/{REPOSITORY}/actions/artifacts/4/zip", archive)
    assert tracking_store.main(["restore"]) == 0
    assert note() == "champion"


@pytest.mark.parametrize("lies", ["ahead", "diverged"])
def test_what_a_tag_saved_that_bears_the_branches_name_is_not_taken(
    github: FakeGitHub, archive: Path, lies: str
) -> None:
    github.answers(f"GET repos/{REPOSITORY}", {"default_branch": "main"})
    github.answers(LIST, {"total_count": 2, "artifacts": [saved(5), saved(4)]})
    wrote(github, 1005, lies)
    wrote(github, 1004)
    github.sends(f"GET repos/{REPOSITORY}/actions/artifacts/4/zip", archive)
    assert tracking_store.main(["restore"]) == 0
    assert note() == "champion"


@pytest.mark.parametrize(
    "run",
    [
        pytest.param({"path": ".github/workflows/other.yml", "event": "push"}, id="another workflow"),
        pytest.param({"path": ".github/workflows/pipeline.yml", "event": "pull_request"}, id="a pull request"),
        pytest.param({}, id="nothing known"),
    ],
)
def test_only_the_pipeline_writes_stores(run: dict[str, Any]) -> None:
    assert not tracking_store.written_by_pipeline(run)


def test_an_expired_store_is_an_error_even_when_older_ones_live(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    lists(github, saved(1), saved(2, expired=True))
    assert tracking_store.main(["restore"]) == 2
    assert "the newest one expired on 2027-01-01" in capsys.readouterr().err
    assert nothing_is_here()


def test_an_old_pipeline_without_any_store_is_an_error(github: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    lists(github, age=tracking_store.RETENTION)
    assert tracking_store.main(["restore"]) == 2
    assert "one may have expired" in capsys.readouterr().err


@pytest.mark.parametrize("found", [(), (saved(1, expired=True),)], ids=["gone", "expired"])
def test_a_person_can_allow_an_empty_start(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, found: tuple[dict[str, Any], ...]
) -> None:
    monkeypatch.setenv("TRACKING_STORE_START_EMPTY", datetime.now(UTC).date().isoformat())
    lists(github, *found, age=400)
    assert tracking_store.main(["restore"]) == 0


@pytest.mark.parametrize("broken", [f"GET repos/{REPOSITORY}", LIST, WORKFLOW], ids=["repository", "list", "workflow"])
def test_any_failure_of_the_api_is_an_error(
    github: FakeGitHub, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    github.answers(broken, status=403, says="Resource not accessible by integration")
    lists(github)
    assert tracking_store.main(["restore"]) == 2
    assert capsys.readouterr().err.startswith("error: GitHub refused repos/acme/churn")
    assert nothing_is_here()


def test_a_download_that_fails_leaves_nothing(github: FakeGitHub) -> None:
    lists(github, saved(1))
    github.answers(f"GET repos/{REPOSITORY}/actions/artifacts/1/zip", status=410, says="Gone")
    assert tracking_store.main(["restore"]) == 2
    assert nothing_is_here()


def test_a_download_of_another_digest_is_refused(
    github: FakeGitHub, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lists(github, saved(1, digest="sha256:" + "0" * 64))
    github.sends(f"GET repos/{REPOSITORY}/actions/artifacts/1/zip", archive)
    assert tracking_store.main(["restore"]) == 2
    assert "arrived damaged" in capsys.readouterr().err
    assert nothing_is_here()


def test_a_store_that_is_already_here_is_never_overwritten(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    make_store("mine")
    assert tracking_store.main(["restore"]) == 2
    assert "move it away first" in capsys.readouterr().err
    assert note() == "mine"


@pytest.mark.parametrize("command", ["restore", "pack"])
def test_with_a_tracking_server_there_is_nothing_to_carry(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert tracking_store.main([command]) == 0
    assert github.calls() == []
    assert nothing_is_here()


def judged_in(store: int | None) -> None:
    store_archive.write(tracking_store.ORIGIN, {"artifact": store})


def test_the_store_is_packed_with_its_digest(github: FakeGitHub, tmp_path: Path) -> None:
    lists(github, saved(7))
    make_store("new")
    judged_in(7)
    assert tracking_store.main(["pack"]) == 0
    packed = Path("tracking-store")
    manifest = json.loads((packed / "store.json").read_text(encoding="utf-8"))
    assert manifest["sha256"] == hashlib.sha256((packed / "mlflow.db").read_bytes()).hexdigest()
    assert (packed / "mlartifacts/1/models/model.skops").read_bytes() == b"new"
    assert (tmp_path / "output").read_text(encoding="utf-8") == "packed=true\n"


@pytest.mark.parametrize("store", [None, 6], ids=["none was there", "an older one"])
def test_a_candidate_that_was_judged_in_another_store_is_not_saved(
    github: FakeGitHub, store: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    lists(github, saved(7))
    make_store("late")
    judged_in(store)
    assert tracking_store.main(["pack"]) == 2
    assert "another run saved tracking store 7" in capsys.readouterr().err
    assert not Path("tracking-store").exists()


def test_a_repeated_job_may_save_again(github: FakeGitHub) -> None:
    lists(github, saved(7, id=int(RUN)))
    make_store("again")
    judged_in(6)
    assert tracking_store.main(["pack"]) == 0


def test_without_a_store_there_is_nothing_to_pack(github: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    lists(github)
    judged_in(None)
    assert tracking_store.main(["pack"]) == 2
    assert "run scripts/train.py first" in capsys.readouterr().err
