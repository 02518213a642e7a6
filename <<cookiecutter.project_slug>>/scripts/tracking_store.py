"""Carry the embedded tracking store (mlflow.db and mlartifacts/) from one workflow run to the next.

restore  fetch the newest store that the pipeline saved on the default branch
pack     copy the store to tracking-store/, ready to be saved

A store is an artifact of a workflow run. "None was ever saved" is the only reason to start with an empty one, and an
older one never stands in for one that is gone. With a tracking server (MLFLOW_TRACKING_URI) both commands do nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from github_api import runs
from github_api.cli import EPILOG, GitHubError, api, download, each, fail, from_fork, output, pages, repository, run
from github_api.runs import default_branch, is_on, strange
from github_api.store_archive import DATABASE, FILES, StoreError, copy, read, sha256, unpack, write

NAME = "tracking-store"  # of the artifact, and of the folder that `pack` writes
LATER = f"{NAME}-later"  # what a run saves after its first store: an upload that fails must not cost the first
ORIGIN = Path("artifacts/tracking-store.json")  # travels with the candidate: the store that it was compared in
PIPELINE = runs.PIPELINE[0]
WORKFLOWS = (*runs.PIPELINE, "deploy.yml", "rollback.yml")
CHANGING = ("register", "promote", "alias")  # jobs of these workflows that change the store and save it
RETENTION = 90  # days that .github/actions/tracking-store/action.yml asks for
LONGEST_RUN = timedelta(days=35 + 30)  # GitHub ends a run after 35 days, and repeats none that is older than 30
EPOCH = datetime.fromtimestamp(0, UTC)
START_EMPTY = "TRACKING_STORE_START_EMPTY"
WAY_OUT = (
    f"to begin again without a champion, set the repository variable {START_EMPTY} to today's date "
    "(UTC, as in 2026-11-21); "
    "a tracking server (MLFLOW_TRACKING_URI) keeps its store for ever"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Restore or pack."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("restore", "pack"))
    command = parser.parse_args(argv).command
    return run(lambda: carry(restore if command == "restore" else pack))


def carry(command: Callable[[], int]) -> int:
    """Run `command`, unless a tracking server keeps the store."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        print("a tracking server is configured: there is no store to carry")
        return 0
    try:
        return command()
    except StoreError as error:
        return fail(str(error))


def restore() -> int:
    """Put the newest saved store into the working folder, and note which one it is."""
    if DATABASE.exists() or FILES.exists():
        return fail(f"{DATABASE} or {FILES}/ is already here; move it away first, it would be lost")
    repo = repository()
    branch = default_branch(repo)
    saved = newest(repo, branch, stores(repo, branch))
    if saved is None:
        print("no tracking store was ever saved: starting with an empty one")
    else:
        fetch(repo, saved)
        print(f"restored the tracking store of {saved['created_at']} (artifact {saved['id']})")
    write(ORIGIN, {"artifact": saved and saved["id"]})
    return 0


def pack() -> int:
    """Copy the store to a folder of its own, and say by which name to save it.

    Refused when a newer one was saved than this candidate was judged in. A job that is repeated may save again, but not
    after this run saved a later store: that one may hold the promotion, which the candidate's does not.
    """
    repo = repository()
    branch = default_branch(repo)
    saved_before = stores(repo, branch)
    origin, saved = read(ORIGIN)["artifact"], newest(repo, branch, saved_before)
    mine = [store for store in saved_before if str(store["workflow_run"]["id"]) == os.environ.get("GITHUB_RUN_ID")]
    first = [store for store in mine if store["name"] == NAME]
    if origin != (saved and saved["id"]) and saved not in first:
        writer = "this run" if saved in mine else "another run"
        return fail(
            f"{writer} saved tracking store {saved and saved['id']} after this candidate was compared in {origin}; "
            "run all jobs again, so that it is held against the present champion"
        )
    with tempfile.TemporaryDirectory(dir=".") as folder:
        copy(draft := Path(folder, NAME))
        shutil.rmtree(NAME, ignore_errors=True)
        draft.rename(NAME)
    output("name", LATER if first else NAME)
    return 0


def stores(repo: str, branch: str) -> list[dict[str, Any]]:
    """Return what was saved on `branch` of this repository as a tracking store, newest first, expired ones too."""
    listed = [
        one for name in (NAME, LATER) for one in pages(f"repos/{repo}/actions/artifacts?name={name}", "artifacts")
    ]
    return sorted(own(listed, branch), key=lambda one: (one["created_at"], one["id"]), reverse=True)


def newest(repo: str, branch: str, saved: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the newest of the stores `saved` that the pipeline wrote, or None when none was ever saved.

    Raises StoreError when it has expired, when a later one is gone, and when "never saved" cannot be told from "gone".
    """
    for number, store in enumerate(saved):
        writer = api(f"repos/{repo}/actions/runs/{store['workflow_run']['id']}")
        if not strange(writer, WORKFLOWS) and is_on(repo, branch, writer["head_sha"]):
            return _unless_outlived(repo, branch, saved[number:])
    if from_fork():
        raise StoreError(
            "no tracking store was ever saved, and a fork's pull request does not see whether a tracking server holds "
            "the champion instead; push the branch to this repository to have it judged"
        )
    if gone := next(lost(repo, branch, []), None):
        _allow_empty(f"none was found, but {gone} registered a model or moved an alias: its store was deleted")
    first_run = since(repo)
    if first_run and (datetime.now(UTC) - first_run).days >= retention():
        _allow_empty(f"none was found, but {PIPELINE} is there since {first_run:%Y-%m-%d}: one may have expired")
    return None


def _unless_outlived(repo: str, branch: str, saved: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the first of `saved` unless it has expired or a later one is gone, which only a person can allow."""
    if saved[0]["expired"]:
        _allow_empty(f"the newest one expired on {saved[0]['expires_at']}")
        return None
    if gone := next(lost(repo, branch, saved), None):
        _allow_empty(
            f"the newest one found is of {saved[0]['created_at']}, but {gone} changed it later, and what that run "
            f"saved was deleted, or its commit is no longer on {branch}; run all jobs of that run again"
        )
        return None
    return saved[0]


def lost(repo: str, branch: str, saved: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the addresses of runs that changed the store after the first of `saved`, and whose store is not among them.

    Without any, every run that changed it. Runs whose commit has left the branch count: their versions were given out.
    """
    last = datetime.fromisoformat(saved[0]["created_at"]) if saved else EPOCH
    kept = {(store["workflow_run"]["id"], store["name"]) for store in saved}
    for workflow_run in _runs_after(repo, branch, last):
        number = workflow_run["id"]
        jobs = pages(f"repos/{repo}/actions/runs/{number}/jobs", "jobs")
        done = {job["name"].split(" / ")[-1] for job in jobs if job["conclusion"] == "success"}.intersection(CHANGING)
        wanted = {(number, LATER)} if len(done) > 1 else {(number, NAME), (number, LATER)}
        if done and kept.isdisjoint(wanted):
            yield str(workflow_run["html_url"])


def _runs_after(repo: str, branch: str, moment: datetime) -> Iterator[dict[str, Any]]:
    """Yield the runs on `branch` of the workflows that save stores, unless they ended before `moment`."""
    for workflow in WORKFLOWS:
        for workflow_run in _each_or_none(f"repos/{repo}/actions/workflows/{workflow}/runs?branch={branch}"):
            if datetime.fromisoformat(workflow_run["created_at"]) + LONGEST_RUN < moment:
                break  # the newest come first
            if datetime.fromisoformat(workflow_run["updated_at"]) > moment and not strange(workflow_run, WORKFLOWS):
                yield workflow_run


def retention() -> int:
    """Return for how many days a saved store lives, and a run can be seen: an organisation may allow fewer."""
    return min(RETENTION, int(os.environ.get("GITHUB_RETENTION_DAYS") or RETENTION))


def _allow_empty(seen: str) -> None:
    today = datetime.now(UTC).date().isoformat()
    if os.environ.get(START_EMPTY) != today:
        raise StoreError(f"a tracking store is kept for {retention()} days, and {seen}; {WAY_OUT}")


def _each_or_none(path: str) -> Iterator[dict[str, Any]]:
    """Yield the runs of a workflow; none when it is not there yet."""
    try:
        yield from each(path, "workflow_runs")
    except GitHubError as error:
        if error.status != 404:
            raise


def own(listing: Sequence[dict[str, Any]], branch: str) -> Iterator[dict[str, Any]]:
    """Yield what was saved on `branch` of this repository.

    A fork may have a branch of the same name and upload what it likes in its pull request: the head repository tells.
    """
    for artifact in listing:
        source = artifact.get("workflow_run") or {}
        inside = source and source["head_repository_id"] == source["repository_id"]
        if inside and artifact["name"] in (NAME, LATER) and source["head_branch"] == branch:
            yield artifact


def since(repo: str) -> datetime | None:
    """Return when the pipeline came to the default branch; None when it is not there yet."""
    try:
        return datetime.fromisoformat(api(f"repos/{repo}/actions/workflows/{PIPELINE}")["created_at"])
    except GitHubError as error:
        if error.status == 404:
            return None
        raise


def fetch(repo: str, saved: Mapping[str, Any]) -> None:
    """Download, verify and unpack a store; nothing is in place until all of it is right."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        archive = Path(folder, "store.zip")
        download(f"repos/{repo}/actions/artifacts/{saved['id']}/zip", archive)
        digest = f"sha256:{sha256(archive)}"
        if digest != (saved.get("digest") or digest):
            raise StoreError(f"tracking store {saved['id']} arrived damaged ({digest}); run the job again")
        unpack(archive, Path(folder, "store"))
        for part in (FILES, DATABASE):
            if (found := Path(folder, "store", part)).exists():
                found.rename(part)


if __name__ == "__main__":
    sys.exit(main())
