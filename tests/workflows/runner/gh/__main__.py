"""The part of the `gh` command line that workflows use, over the fake GitHub's REST API.

Runs by itself, outside of the package: in a job it is the `gh` on PATH.
"""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Sequence
from typing import NoReturn

from gh_arguments import Unmodelled, build_parser
from gh_client import API, Failure
from gh_commands import COMMANDS

NO_TOKEN = """\
gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN environment variable. Example:
  env:
    GH_TOKEN: ${{ github.token }}"""


def _report(what: str) -> NoReturn:
    """Tell the runner, which then fails the test whatever the script makes of the exit code."""
    urllib.request.urlopen(urllib.request.Request(f"{API}/unmodelled", what.encode(), method="POST")).close()
    sys.exit(f"{what} is not modelled by the test runner")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if os.environ.get("GITHUB_ACTIONS") and not (os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN")):
        print(NO_TOKEN, file=sys.stderr)
        return 4
    try:
        options = build_parser().parse_args(arguments)
        COMMANDS[" ".join(options.command)](options)
    except Unmodelled as error:
        _report(f"gh {' '.join(arguments)}: {error}")
    except Failure as error:
        print(error, file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
