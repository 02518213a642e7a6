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
from github_api.runs import strange

from .conftest import REPOSITORY, RUN, Start, make_store, nothing_is_here
from .fake_gh import FakeGitHub

RUNS = f"GET repos/{REPOSITORY}/actions/workflows/{{}}/runs?branch=main&per_page=100&page=1"
LIST = f"GET repos/{REPOSITORY}/actions/artifacts?name=tracking-store&per_page=100&page=1"
LATER = LIST.replace("=tracking-store", "=tracking-store-later")
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
    """Let GitHub list `artifacts` and `runs`, of a pipeline that is `age` days old."""
    github.answers(f"GET repos/{REPOSITORY}", {"default_branch": "main"})
    for request, name in ((LIST, "tracking-store"), (LATER, "tracking-store-later")):
        named = [artifact for artifact in artifacts if artifact["name"] == name]
        github.answers(request, {"total_count": len(named), "artifacts": named})
    for artifact in artifacts:
        wrote(github, (artifact["workflow_run"] or {"id": 0})["id"])
    created = (datetime.now(UTC) - timedelta(days=age)).isoformat()
    github.answers(WORKFLOW, {"created_at": created})
    for workflow in tracking_store.WORKFLOWS:
        of_it = [run for run in runs if run["path"].endswith(workflow)]
        github.answers(RUNS.format(workflow), {"workflow_runs": of_it})
    for run in runs:
        github.answers(f"GET repos/{REPOSITORY}/actions/runs/{run['id']}/jobs?per_page=100&page=1", run)


def ran(
    number: int, *jobs: str, began: str = "2026-11-05", ended: str = "2026-11-05", **changes: object
) -> dict[str, Any]:
    """Return what GitHub lists for a run of the pipeline in which `jobs` succeeded."""
    run = {"id": number, "html_url": f"https://github.com/run/{number}", "event": "push"}
    run |= {"created_at": f"{began}T00:00:00Z", "updated_at": f"{ended}T12:00:00Z"}
    run |= {"path": ".github/workflows/pipeline.yml"}
    return run | {"jobs": [{"name": f"model / {job}", "conclusion": "success"} for job in jobs]} | changes


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
    jobs = [{"name": "model / register", "conclusion": conclusion}, {"name": "test", "conclusion": "success"}]
    lists(github, runs=[ran(5, jobs=jobs)])
    assert tracking_store.main(["restore"]) == (2 if conclusion == "success" else 0)
    assert ("https://github.com/run/5 registered a model" in capsys.readouterr().err) == (conclusion == "success")


@pytest.mark.parametrize(
    ("run", "others"),
    [
        pytest.param(ran(5, "register"), [], id="deleted"),
        pytest.param(ran(5, "register", began="2026-11-01"), [], id="began before the store that is left"),
        pytest.param(ran(5, "register", status="in_progress"), [], id="waits for an approval"),
        pytest.param(ran(5, "alias", path=".github/workflows/rollback.yml"), [], id="a rollback"),
        pytest.param(ran(1004, "register", "promote"), [], id="only the promotion"),
        pytest.param(ran(1009, "register"), [saved(9)], id="its commit left the branch"),
    ],
)
def test_an_older_store_does_not_stand_in_for_one_that_is_gone(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str], run: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    wrote(github, 1009, "diverged")
    lists(github, saved(4), *others, runs=[run])
    assert tracking_store.main(["restore"]) == 2
    said = capsys.readouterr().err
    assert f"the newest one found is of 2026-11-04T00:00:00Z, but {run['html_url']} changed it later" in said
    assert "run all jobs of that run again" in said
    assert nothing_is_here()


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(ran(1004, "register"), id="the one that saved it"),
        pytest.param(ran(1002, "register", "promote"), id="one that saved before and after another"),
        pytest.param(ran(5, "check"), id="one that changed nothing"),
        pytest.param(ran(5, "register", ended="2026-11-03"), id="one that ended before"),
        pytest.param(ran(5, "register", began="2026-08-01"), id="one that is too old"),
        pytest.param(ran(5, "register", event="pull_request"), id="a fork's pull request"),
    ],
)
def test_what_other_runs_did_does_not_keep_the_newest_store_back(
    github: FakeGitHub, archive: Path, run: dict[str, Any]
) -> None:
    lists(github, saved(4), saved(2), saved(3, name="tracking-store-later", id=1002), runs=[run])
    github.sends(f"GET repos/{REPOSITORY}/actions/artifacts/4/zip", archive)
    assert tracking_store.main(["restore"]) == 0
    assert note() == "champion"


def test_what_a_run_saved_later_is_newer_than_its_first_store(github: FakeGitHub, archive: Path) -> None:
    later = saved(5, name="tracking-store-later", id=1004)
    lists(github, saved(4), later, runs=[ran(1004, "register", "promote")])
    github.sends(f"GET repos/{REPOSITORY}/actions/artifacts/5/zip", archive)
    assert tracking_store.main(["restore"]) == 0
    assert note() == "champion"


def test_a_fork_may_not_start_empty_because_it_sees_no_variables(
    github: FakeGitHub, starts: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    starts("pull_request", {"pull_request": {"head": {"repo": {"full_name": "somebody/churn"}}}})
    lists(github)
    assert tracking_store.main(["restore"]) == 2
    assert "push the branch to this repository" in capsys.readouterr().err


def test_a_pipeline_that_is_not_on_the_default_branch_yet_saved_nothing(github: FakeGitHub) -> None:
    lists(github)
    for request in (WORKFLOW, *map(RUNS.format, tracking_store.WORKFLOWS)):
        github.refuses(request, status=404, says="Not Found")
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
    wrote(github, 1004, path=".github/workflows/retrain.yml@main", event="schedule")
    lists(github, foreign, saved(4))
    github.sends(f"GET repos/{REPOSITORY}/actions/artifacts/4/zip", archive)
    assert tracking_store.main(["restore"]) == 0
    assert note() == "champion"


@pytest.mark.parametrize("lies", ["ahead", "diverged"])
def test_what_a_tag_saved_that_bears_the_branches_name_is_not_taken(
    github: FakeGitHub, archive: Path, lies: str
) -> None:
    wrote(github, 1005, lies)
    lists(github, saved(5), saved(4))
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
    assert strange(run, tracking_store.WORKFLOWS)


def test_an_expired_store_is_an_error_even_when_older_ones_live(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    lists(github, saved(1), saved(2, expired=True))
    assert tracking_store.main(["restore"]) == 2
    assert "the newest one expired on 2027-01-01" in capsys.readouterr().err
    assert nothing_is_here()


@pytest.mark.parametrize(("allowed", "kept"), [("", 90), ("90", 90), ("400", 90), ("30", 30)])
def test_an_old_pipeline_without_any_store_is_an_error(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], allowed: str, kept: int
) -> None:
    monkeypatch.setenv("GITHUB_RETENTION_DAYS", allowed)
    lists(github, age=kept)
    assert tracking_store.main(["restore"]) == 2
    said = capsys.readouterr().err
    assert f"a tracking store is kept for {kept} days" in said and "one may have expired" in said


def test_a_young_pipeline_without_any_store_starts_empty(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_RETENTION_DAYS", "30")
    lists(github, age=29)
    assert tracking_store.main(["restore"]) == 0


@pytest.mark.parametrize("found", [(), (saved(1, expired=True),), (saved(1),)], ids=["gone", "expired", "older"])
def test_a_person_can_allow_an_empty_start(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, found: tuple[dict[str, Any], ...]
) -> None:
    monkeypatch.setenv("TRACKING_STORE_START_EMPTY", datetime.now(UTC).date().isoformat())
    lists(github, *found, age=400, runs=[ran(5, "register")])
    assert tracking_store.main(["restore"]) == 0
    assert json.loads(tracking_store.ORIGIN.read_text(encoding="utf-8"))["artifact"] is None


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
    assert (tmp_path / "output").read_text(encoding="utf-8") == "name=tracking-store\n"


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


def test_a_repeated_job_may_save_again_beside_what_it_saved(github: FakeGitHub, tmp_path: Path) -> None:
    lists(github, saved(7, id=int(RUN)))
    make_store("again")
    judged_in(6)
    assert tracking_store.main(["pack"]) == 0
    assert (tmp_path / "output").read_text(encoding="utf-8") == "name=tracking-store-later\n"


def test_a_run_whose_first_store_was_followed_by_another_runs_does_not_replace_it(
    github: FakeGitHub, tmp_path: Path
) -> None:
    lists(github, saved(6, id=int(RUN)), saved(7))
    make_store("promoted")
    judged_in(7)
    assert tracking_store.main(["pack"]) == 0
    assert (tmp_path / "output").read_text(encoding="utf-8") == "name=tracking-store-later\n"


def test_a_registration_that_is_repeated_after_the_promotion_does_not_undo_it(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    lists(github, saved(7, id=int(RUN)), saved(8, id=int(RUN), name="tracking-store-later"))
    make_store("without the promotion")
    judged_in(6)
    assert tracking_store.main(["pack"]) == 2
    assert "this run saved tracking store 8 after this candidate was compared in 6" in capsys.readouterr().err
    assert not Path("tracking-store").exists()


def test_without_a_store_there_is_nothing_to_pack(github: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    lists(github)
    judged_in(None)
    assert tracking_store.main(["pack"]) == 2
    assert "run make pipeline first" in capsys.readouterr().err
