"""Upload and download of artifacts: immutable, named once per run, expiring."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatch
from pathlib import Path

from ..errors import StepFailed
from ..permissions import allows
from ..records import Artifact
from ..results import Run
from .model import ActionCall, Outputs, model

RETENTION_DAYS = 90


@model("actions/upload-artifact")
def upload_artifact(call: ActionCall) -> Outputs:
    """Keep the files that `path` finds; a name can be used once in a run."""
    call.only(
        "name", "path", "if-no-files-found", "retention-days", "compression-level", "overwrite", "include-hidden-files",
        "archive",
    )  # fmt: skip
    files, root = _find(call)
    if not files:
        return _none_found(call)
    name, run = call.get("name", "artifact"), call.state.run
    if not call.flag("archive", default=True):
        name = _single(files)
    if name in run.artifacts and not call.flag("overwrite", default=False):
        raise StepFailed(
            "Error: Failed to CreateArtifact: Received non-retryable error: Failed request: (409) Conflict:"
            " an artifact with this name already exists on the workflow run"
        )
    artifact = _store(call, name, files, root)
    call.log(f"Artifact {name} has been successfully uploaded! Artifact ID is {artifact.id}")
    url = f"https://github.com/{call.hub.repository}/actions/runs/{run.id}/artifacts/{artifact.id}"
    return {"artifact-id": str(artifact.id), "artifact-url": url, "artifact-digest": artifact.digest}


def _single(files: list[Path]) -> str:
    """Return the name of an upload without an archive, which is the name of its only file."""
    if len(files) > 1:
        raise StepFailed(
            f"Error: When 'archive' is set to false, only a single file can be uploaded. Found {len(files)}"
        )
    return files[0].name


def _none_found(call: ActionCall) -> Outputs:
    message = f"No files were found with the provided path: {call.need('path')}. No artifacts will be uploaded."
    if call.get("if-no-files-found", "warn") == "error":
        raise StepFailed(f"Error: {message}")
    call.log(message)
    return {}


def _store(call: ActionCall, name: str, files: list[Path], root: Path) -> Artifact:
    number = call.hub.next_id()
    folder = call.hub.folder / "artifacts" / str(number)
    for file in files:
        target = folder / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    days = min(int(call.get("retention-days", "0")) or RETENTION_DAYS, RETENTION_DAYS)
    expires = call.hub.now + timedelta(days=days)
    archive = Path(shutil.make_archive(str(folder), "zip", folder))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    artifact = Artifact(number, name, call.state.run.id, folder, digest, call.hub.now, expires)
    replaced = call.state.run.artifacts.get(name)
    call.hub.artifacts = [item for item in call.hub.artifacts if item is not replaced] + [artifact]
    call.state.run.artifacts[name] = artifact
    return artifact


def _find(call: ActionCall) -> tuple[list[Path], Path]:
    """Return the files of `path` and the folder that their names in the artifact start from."""
    patterns = call.lines("path")
    excluded = [str(call.state.workspace / line[1:]) for line in patterns if line.startswith("!")]
    roots, files = [], []
    for line in (line for line in patterns if not line.startswith("!")):
        start, found = _search(call.state.workspace, line)
        roots.append(start)
        files += [file for file in found if not any(fnmatch(str(file), pattern) for pattern in excluded)]
    if not call.flag("include-hidden-files", default=False):
        files = [file for file in files if not _hidden(file, call.state.workspace)]
    root = Path(os.path.commonpath(roots)) if roots else call.state.workspace
    return sorted(set(files)), root.parent if root.is_file() else root


def _search(workspace: Path, pattern: str) -> tuple[Path, list[Path]]:
    parts = Path(pattern).parts
    fixed = next((number for number, part in enumerate(parts) if "*" in part or "?" in part), len(parts))
    start = workspace.joinpath(*parts[:fixed])
    rest = str(Path(*parts[fixed:])) if fixed < len(parts) else ""
    matches = list(start.glob(rest)) if rest else [start]
    return start, [file for match in matches for file in _files(match)]


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for child in path.rglob("*") if path.is_dir() else ():
        if child.is_file():
            yield child


def _hidden(file: Path, workspace: Path) -> bool:
    inside = file.relative_to(workspace) if file.is_relative_to(workspace) else Path(file.name)
    return any(part.startswith(".") for part in inside.parts)


@model("actions/download-artifact")
def download_artifact(call: ActionCall) -> Outputs:
    """Fetch one artifact by name, or several by pattern, of this run or of another."""
    call.only("name", "pattern", "path", "run-id", "github-token", "merge-multiple", "digest-mismatch", "artifact-ids")
    target = call.state.workspace / call.get("path", ".")
    if call.hub.is_down("GET", f"/actions/runs/{_run(call).id}/artifacts"):
        raise StepFailed("Error: Unable to download artifact(s): Service Unavailable")
    available = {artifact.name: artifact for artifact in call.hub.live_artifacts() if artifact.run_id == _run(call).id}
    chosen = _choose(call, available)
    flat = "name" in call.inputs or call.flag("merge-multiple", default=False) or len(chosen) == 1
    for artifact in chosen:
        shutil.copytree(artifact.folder, target if flat else target / artifact.name, dirs_exist_ok=True)
        call.log(f"Artifact {artifact.name} downloaded")
    return {"download-path": str(target)}


def _choose(call: ActionCall, available: dict[str, Artifact]) -> list[Artifact]:
    name, ids = call.get("name"), call.get("artifact-ids").replace(",", " ").split()
    if ids:
        found = [artifact for artifact in available.values() if str(artifact.id) in ids]
        if len(found) != len(ids):
            raise StepFailed("Error: None of the provided artifact IDs were found")
        return found
    if not name:
        return [item for item in available.values() if fnmatch(item.name, call.get("pattern", "*"))]
    if name not in available:
        raise StepFailed(
            f"Error: Unable to download artifact(s): Artifact not found for name: {name}\n"
            "        Please ensure that your artifact is not expired and the artifact was uploaded using"
            " a compatible version of toolkit/upload-artifact."
        )
    return [available[name]]


def _run(call: ActionCall) -> Run:
    """Return the run to download from; another run needs a token that may read it."""
    number = call.get("run-id")
    if not number or int(number) == call.state.run.id or not call.get("github-token"):
        # Without a token the action looks at its own run, whatever `run-id` says.
        return call.state.run
    token = call.hub.find_token(call.get("github-token"))
    if token is None or not (token.run_id is None or allows(token.permissions, "actions", "read")):
        raise StepFailed("Error: Unable to download artifact(s): Resource not accessible by integration")
    run = call.hub.run(int(number))
    if run is None:
        raise StepFailed("Error: Unable to download artifact(s): Not Found")
    return run
