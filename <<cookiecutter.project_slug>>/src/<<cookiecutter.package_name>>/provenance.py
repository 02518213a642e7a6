"""Where a result comes from: the commit, the Python and the packages behind it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# What a saved model needs to be loaded and to answer, as distributions.
PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "skops")


def git_state(folder: Path = Path()) -> dict[str, Any]:
    """Return `{"commit", "dirty"}` of the repository around `folder`; both None outside of one.

    A runner that holds no `.git` still names the commit in GITHUB_SHA.
    """
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {"commit": os.environ.get("GITHUB_SHA"), "dirty": None}
    lines = answer.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), None)
    return {
        "commit": None if commit == "(initial)" else commit,
        "dirty": any(not line.startswith("#") for line in lines),
    }


def environment() -> dict[str, Any]:
    """Return `{"python", "packages"}`: the versions that this process imports."""
    return {"python": platform.python_version(), "packages": {name: version(name) for name in PACKAGES}}


def mlflow_version() -> str:
    """Return the version of MLflow, which has its name from the small or the full distribution."""
    try:
        return version("mlflow-skinny")
    except PackageNotFoundError:
        return version("mlflow")
