"""Refuse what another run than the pipeline's made.

The documents that a deployment trusts (the model's, staging's record) are artifacts of a run, and whoever may push a
branch can run a workflow there that uploads such artifacts. So the run is looked at first: exit 0 when it is one of
pipeline.yml or retrain.yml on the default branch of this repository, exit 1 when not, exit 2 when GitHub cannot say.

Later jobs get its commit as the output `commit`: what the run made goes together with the files of that commit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from github_api.cli import EPILOG, GitHubError, api, output, repository, run, verdict
from github_api.runs import PIPELINE, foreign


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is wrong with the run."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="id of a workflow run")
    parser.add_argument(
        "--or", dest="others", action="append", default=[], metavar="FILE", help="another workflow that will do"
    )
    arguments = parser.parse_args(argv)
    return run(lambda: check(repository(), arguments.run, (*PIPELINE, *arguments.others)))


def check(repo: str, number: str, workflows: Sequence[str]) -> int:
    """Print the verdict on one run and return the exit code."""
    if not number.isascii() or not number.isdigit():
        raise GitHubError(f"run {number!r} is not a number; it stands at the end of the run's address")
    found = api(f"repos/{repo}/actions/runs/{number}")
    problems = [f"run {number}: {problem}" for problem in foreign(repo, found, workflows)]
    code = verdict(problems, f"run {number} is this repository's own, on its default branch")
    if not problems:
        output("commit", found["head_sha"])
    return code


if __name__ == "__main__":
    sys.exit(main())
