"""Checkout, tool set-up and caches."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ..errors import StepFailed, Unsupported
from ..origin import git
from .model import ActionCall, Outputs, model


@model("actions/checkout")
def checkout(call: ActionCall) -> Outputs:
    """Fetch one commit, or its history, into the workspace."""
    call.only("ref", "fetch-depth", "fetch-tags", "persist-credentials", "path", "token", "show-progress", "clean")
    call.require("contents", "read", "fatal: repository not found: the job has no 'contents: read'")
    github = call.state.contexts["github"]
    folder = call.state.workspace / call.get("path", ".")
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet")
    _connect(call, folder)
    ref = call.get("ref", github["ref"])
    sha = _resolve(call, ref)
    branch = ref.removeprefix("refs/heads/") if call.hub.origin.has_branch(ref.removeprefix("refs/heads/")) else ""
    _fetch(folder, sha, branch, call.get("fetch-depth", "1"))
    git(folder, "checkout", "--quiet", "--force", *(["-B", branch] if branch else ["--detach"]), sha)
    call.log(f"HEAD is now at {sha}")
    return {"ref": ref, "commit": sha}


def _resolve(call: ActionCall, ref: str) -> str:
    """Return the commit: without `ref` that of the event, however far its branch has moved on."""
    if not call.get("ref"):
        return str(call.state.contexts["github"]["sha"])
    try:
        return call.hub.origin.head(ref.removeprefix("refs/heads/"))
    except subprocess.CalledProcessError as error:
        raise StepFailed(f"Error: A branch or tag with the name '{ref}' could not be found") from error


def _connect(call: ActionCall, folder: Path) -> None:
    """Let the work tree name GitHub's address while its fetches reach the bare repository beside the tests."""
    url = f"https://github.com/{call.hub.repository}"
    if "origin" not in git(folder, "remote").split():
        git(folder, "remote", "add", "origin", url)
    git(folder, "config", f"url.{call.hub.origin.path}.insteadOf", url)
    # Commits made by a workflow are not modelled: a push has to fail loudly, not to look as if it worked.
    git(folder, "config", f"url.{folder}/push-is-not-modelled.pushInsteadOf", url)


def _fetch(folder: Path, sha: str, branch: str, depth: str) -> None:
    tracking = f"+{sha}:refs/remotes/origin/{branch}" if branch else sha
    if depth == "0":
        git(folder, "fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*", sha)
    else:
        # Git ignores the depth for a path and honours it for an address.
        address = git(folder, "remote", "get-url", "origin")
        git(folder, "fetch", "--quiet", "--no-tags", f"--depth={depth}", f"file://{address}", tracking)


@model("actions/setup-python")
def setup_python(call: ActionCall) -> Outputs:
    """Accept the Python that runs the tests, whichever was asked for."""
    call.only("python-version", "python-version-file", "cache", "cache-dependency-path", "check-latest")
    wanted = call.get("python-version") or _version_file(call)
    call.log(f"asked for Python {wanted}, tests run on {sys.version.split()[0]}")
    return {"python-version": wanted, "python-path": sys.executable, "cache-hit": "false"}


def _version_file(call: ActionCall) -> str:
    name = call.get("python-version-file")
    if not name:
        return ""
    file = call.state.workspace / name
    if not file.is_file():
        raise StepFailed(f"Error: The specified python version file at: {file} doesn't exist.")
    return file.read_text().strip()


@model("astral-sh/setup-uv")
def setup_uv(call: ActionCall) -> Outputs:
    """Accept the uv that is on PATH: the tests replace it, or it is the real one."""
    call.only(
        "version", "version-file", "python-version", "enable-cache", "cache-dependency-glob", "cache-suffix",
        "prune-cache", "save-cache", "restore-cache", "cache-python", "checksum", "quiet",
    )  # fmt: skip
    call.log("uv comes from the tests")
    # The real action logs that the file is missing, and installs the newest uv.
    if call.get("version-file") and not (call.state.workspace / call.get("version-file")).is_file():
        raise StepFailed(f"Could not find file: {call.get('version-file')}")
    return {"uv-version": call.get("version"), "python-version": call.get("python-version"), "cache-hit": "false"}


@model("azure/setup-kubectl")
def setup_kubectl(call: ActionCall) -> Outputs:
    """Accept the kubectl that the tests put on PATH; there has to be one."""
    path = shutil.which("kubectl", path=call.state.settings.executables.path(call.state.paths))
    if path is None:
        raise Unsupported(call.state.result.path, "kubectl, because the test gave no replacement for it,")
    return {"kubectl-path": path}


@model("actions/cache")
def cache(call: ActionCall) -> Outputs:
    """Restore now; save when the job succeeds, unless the very key was there."""
    outputs = _restore(call)
    if outputs["cache-hit"] != "true":
        call.state.after.append(lambda: _save(call) if call.state.conclusion == "success" else None)
    return {"cache-hit": outputs["cache-hit"]}


@model("actions/cache/restore")
def cache_restore(call: ActionCall) -> Outputs:
    """Restore the paths of the key, or of the newest key that starts like one of `restore-keys`."""
    return _restore(call)


@model("actions/cache/save")
def cache_save(call: ActionCall) -> Outputs:
    """Save the paths under the key; what is saved stays."""
    _save(call)
    return {}


def _restore(call: ActionCall) -> dict[str, str]:
    call.only("path", "key", "restore-keys", "fail-on-cache-miss")
    saved = call.hub.caches
    prefixes = call.lines("restore-keys")
    similar = (key for prefix in prefixes for key in reversed(saved) if key.startswith(prefix))
    found = call.need("key") if call.need("key") in saved else next(similar, None)
    if found is None and call.flag("fail-on-cache-miss", default=False):
        raise StepFailed(
            f"Error: Failed to restore cache entry. Exiting as fail-on-cache-miss is set. {call.need('key')}"
        )
    if found is not None:
        _copy(saved[found], call.state.workspace)
    hit = "" if found is None else str(found == call.need("key")).lower()
    return {"cache-hit": hit, "cache-primary-key": call.need("key"), "cache-matched-key": found or ""}


def _save(call: ActionCall) -> None:
    key = call.need("key")
    if key in call.hub.caches:
        return
    folder = call.hub.folder / "caches" / str(call.hub.next_id())
    for name in call.lines("path"):
        if Path(name).is_absolute() or name.startswith("~") or "*" in name:
            raise Unsupported(call.state.result.path, f"the cache path '{name}' outside the workspace, or with a glob,")
        if (call.state.workspace / name).exists():
            _copy(call.state.workspace / name, folder / name)
    call.hub.caches[key] = folder


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
