"""Bring the data that DVC keeps elsewhere into the checkout; without DVC there is nothing to do."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from github_api.cli import EPILOG, fail, run

CREDENTIALS = "DVC_CONFIG"
TIMEOUT = 1800  # seconds
ADVICE = (
    f"no credentials were given: set the repository secret {CREDENTIALS} to the content of .dvc/config.local "
    "(pull requests from forks and from Dependabot get no secrets)"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `dvc pull` when the repository uses DVC."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"The variable {CREDENTIALS} holds the content of .dvc/config.local, where DVC keeps the credentials of "
        f"its remote; in workflows it is the secret of that name. {EPILOG}",
        allow_abbrev=False,
    )
    parser.parse_args(argv)
    return run(pull)


def pull() -> int:
    """Pull with the credentials of the environment, which are removed again."""
    if not Path(".dvc").is_dir():
        print("no DVC in this repository: the data is what git holds")
        return 0
    if not (dvc := find()):
        return fail(
            "this repository uses DVC, but the command dvc is missing; name it in requirements/train.in with the extra "
            "of your remote, such as dvc[s3], and run make lock"
        )
    local, secret = Path(".dvc/config.local"), os.environ.get(CREDENTIALS, "")
    if not secret or local.exists():
        return call(dvc, secret_given=local.exists())
    try:
        local.touch(mode=0o600)
        local.write_text(secret + "\n", encoding="utf-8")
        return call(dvc, secret_given=True)
    finally:
        local.unlink()


def find() -> str | None:
    """Return the `dvc` beside this Python, or the one on the path."""
    beside = Path(sys.executable).with_name("dvc")
    return str(beside) if beside.exists() else shutil.which("dvc")


def call(dvc: str, *, secret_given: bool) -> int:
    """Run `dvc pull` and say what is missing when it fails."""
    try:
        done = subprocess.run([dvc, "pull"], stderr=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return fail(f"dvc pull did not end within {TIMEOUT} s")
    if done.returncode == 0:
        return 0
    said = (done.stderr.strip() or "no message").splitlines()[-1]
    return fail(f"dvc pull failed: {said}" + ("" if secret_given else f"; {ADVICE}"))


if __name__ == "__main__":
    sys.exit(main())
