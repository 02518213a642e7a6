"""Carry the embedded tracking store (mlflow.db and mlartifacts/) from one workflow run to the next.

restore  fetch the newest store that the pipeline saved on the default branch
pack     copy the store to tracking-store/, ready to be saved

A store is an artifact of a workflow run. "None was ever saved" is the only reason to start with an empty one. With a
tracking server (MLFLOW_TRACKING_URI) both commands do nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from github_api.cli import EPILOG, GitHubError, api, download, fail, from_fork, output, pages, repository, run
from github_api.store_archive import DATABASE, FILES, StoreError, copy, read, sha256, unpack, write

NAME = "tracking-store"  # of the artifact, and of the folder that `pack` writes
ORIGIN = Path("artifacts/tracking-store.json")  # travels with the candidate: the store that it was compared in
PIPELINE = "pipeline.yml"
REGISTERING = (PIPELINE, "retrain.yml")
WRITERS = tuple(f".github/workflows/{name}" for name in (*REGISTERING, "deploy.yml", "rollback.yml"))
EVENTS = ("push", "schedule", "workflow_dispatch", "repository_dispatch")
RETENTION = 90  # days that a saved store lives, as in .github/actions/tracking-store/action.yml
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
    saved = newest(repository())
    if saved is None:
        print("no tracking store was ever saved: starting with an empty one")
    else:
        fetch(repository(), saved)
        print(f"restored the tracking store of {saved['created_at']} (artifact {saved['id']})")
    write(ORIGIN, {"artifact": saved and saved["id"]})
    return 0


def pack() -> int:
    """Copy the store to a folder of its own, unless another run saved a newer one than this candidate was judged in."""
    origin, saved = read(ORIGIN)["artifact"], newest(repository())
    mine = saved is not None and str(saved["workflow_run"]["id"]) == os.environ.get("GITHUB_RUN_ID")
    if not mine and origin != (saved and saved["id"]):
        return fail(
            f"another run saved tracking store {saved and saved['id']} after this candidate was compared in {origin}; "
            "run all jobs again, so that it is held against the present champion"
        )
    with tempfile.TemporaryDirectory(dir=".") as folder:
        copy(draft := Path(folder, NAME))
        shutil.rmtree(NAME, ignore_errors=True)
        draft.rename(NAME)
    output("packed", "true")
    return 0


def newest(repo: str) -> dict[str, Any] | None:
    """Return the newest store that this repository's pipeline saved, or None when none was ever saved.

    Raises StoreError when it has expired, and when "never saved" cannot be told from "gone".
    """
    branch = api(f"repos/{repo}")["default_branch"]
    listing = pages(f"repos/{repo}/actions/artifacts?name={NAME}", "artifacts")
    for artifact in own(listing, branch):
        writer = api(f"repos/{repo}/actions/runs/{artifact['workflow_run']['id']}")
        if written_by_pipeline(writer) and is_on(repo, branch, writer["head_sha"]):
            if not artifact["expired"]:
                return artifact
            _allow_empty(f"the newest one expired on {artifact['expires_at']}")
            return None
    if from_fork():
        raise StoreError(
            "no tracking store was ever saved, and a fork's pull request does not see whether a tracking server holds "
            "the champion instead; push the branch to this repository to have it judged"
        )
    if registered := next(registrations(repo, branch), None):
        _allow_empty(f"none was found, but {registered} registered a model: its store was deleted")
    first_run = since(repo)
    if first_run and (datetime.now(UTC) - first_run).days >= RETENTION:
        _allow_empty(f"none was found, but {PIPELINE} is there since {first_run:%Y-%m-%d}: one may have expired")
    return None


def registrations(repo: str, branch: str) -> Iterator[str]:
    """Yield the addresses of finished runs on `branch` whose job `register` succeeded."""
    for workflow in REGISTERING:
        listing = f"repos/{repo}/actions/workflows/{workflow}/runs?branch={branch}&status=completed"
        for workflow_run in _pages_or_none(listing, "workflow_runs"):
            jobs = pages(f"repos/{repo}/actions/runs/{workflow_run['id']}/jobs", "jobs")
            if any(job["name"].split(" / ")[-1] == "register" and job["conclusion"] == "success" for job in jobs):
                yield str(workflow_run["html_url"])


def _allow_empty(seen: str) -> None:
    today = datetime.now(UTC).date().isoformat()
    if os.environ.get(START_EMPTY) != today:
        raise StoreError(f"a tracking store is kept for {RETENTION} days, and {seen}; {WAY_OUT}")


def _pages_or_none(path: str, key: str) -> list[Any]:
    """Return every item of a list; none when what it belongs to is not there yet."""
    try:
        return pages(path, key)
    except GitHubError as error:
        if error.status == 404:
            return []
        raise


def own(listing: Sequence[dict[str, Any]], branch: str) -> Iterator[dict[str, Any]]:
    """Yield the stores that were written on `branch` of this repository, newest first.

    A fork may have a branch of the same name and upload what it likes in its pull request: the head repository tells.
    """
    for artifact in sorted(listing, key=lambda one: (one["created_at"], one["id"]), reverse=True):
        source = artifact.get("workflow_run") or {}
        inside = source and source["head_repository_id"] == source["repository_id"]
        if inside and artifact["name"] == NAME and source["head_branch"] == branch:
            yield artifact


def written_by_pipeline(workflow_run: Mapping[str, Any]) -> bool:
    """Return whether the run is one of the workflows that save a store, started by an event of this repository."""
    path = str(workflow_run.get("path", "")).partition("@")[0]
    return path in WRITERS and workflow_run.get("event") in EVENTS


def is_on(repo: str, branch: str, commit: str) -> bool:
    """Return whether `commit` belongs to `branch`; a run of a tag of the same name claims its head branch."""
    head = api(f"repos/{repo}/branches/{branch}")["commit"]["sha"]
    return api(f"repos/{repo}/compare/{head}...{commit}")["status"] in ("identical", "behind")


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
