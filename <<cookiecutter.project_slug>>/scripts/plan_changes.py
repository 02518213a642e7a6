"""Say which jobs a change needs: a model is trained again unless nothing that shapes it was touched."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from github_api.cli import EPILOG, event, output, run

# What cannot change a model, its verdict or its registration. Any other path can, so a new folder needs no entry here.
INERT = (
    "*.md",
    "LICENSE",
    "docs/*",
    "tests/*",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    ".github/CODEOWNERS",
    ".github/dependabot.yml",
    ".github/zizmor.yml",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print `train=true` or `train=false`, and hand it to later steps."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, allow_abbrev=False)
    parser.add_argument("--base", metavar="COMMIT", help="compare with this commit [the one that the event names]")
    arguments = parser.parse_args(argv)
    return run(lambda: plan(arguments.base or base(event())))


def plan(commit: str | None) -> int:
    """Compare with `commit` and write the plan."""
    changed = changed_since(commit) if commit else ()
    output("train", str(shapes_model(changed)).lower())
    print(explain(changed), file=sys.stderr)
    return 0


def base(payload: dict[str, Any]) -> str | None:
    """Return the commit that the event compares with, or None when it asks for everything."""
    name = os.environ.get("GITHUB_EVENT_NAME")
    if name == "pull_request":
        return "HEAD^1"  # it is checked out as its merge, whose first parent is the base branch
    if name == "merge_group":
        return str(payload["merge_group"]["base_sha"])
    return payload.get("before") if name == "push" else None


def changed_since(commit: str) -> tuple[str, ...]:
    """Return the paths that differ from the common ancestor with `commit`; none when git does not know it.

    A first push and a rewritten history name a commit that is not there.
    """
    command = ["git", "diff", "--name-only", "--no-renames", "-z", f"{commit}...HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return tuple(path for path in done.stdout.split("\0") if path)


def shapes_model(changed: Sequence[str]) -> bool:
    """Return whether a model has to be trained; nothing known to have changed means yes."""
    return not changed or any(not inert(path) for path in changed)


def inert(path: str) -> bool:
    """Return whether a change of `path` leaves every model as it is."""
    return any(fnmatchcase(path, pattern) for pattern in INERT)


def explain(changed: Sequence[str]) -> str:
    """Return one line on why a model is trained, or not."""
    if not changed:
        return "nothing to compare with: everything runs"
    shaping = [path for path in changed if not inert(path)]
    return f"{len(changed)} files changed, {len(shaping)} of them can change the model" + (
        f", first {shaping[0]}" if shaping else ": no training"
    )


if __name__ == "__main__":
    sys.exit(main())
