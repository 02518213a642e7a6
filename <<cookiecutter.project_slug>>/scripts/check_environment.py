"""Refuse an environment that nobody has to approve.

GitHub creates a missing environment, without protection, when a job merely names it. So a deployment asks here first:
exit 0 when the environment has a required reviewer and a branch policy, exit 1 when not, exit 2 when GitHub cannot say.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from github_api.cli import EPILOG, GitHubError, api, pages, repository, run

ANY_BRANCH = frozenset({"*", "**", "**/*"})


def main(argv: Sequence[str] | None = None) -> int:
    """Print what the environment lacks."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", nargs="?", default="production", help="[%(default)s]")
    arguments = parser.parse_args(argv)
    return run(lambda: check(repository(), arguments.environment))


def check(repo: str, name: str) -> int:
    """Print the verdict on one environment and return the exit code."""
    found = read(repo, name)
    lacking = problems(*found) if found else ["it does not exist, and a job that names it would create it unprotected"]
    for problem in lacking:
        print(f"refused: environment {name}: {problem}; scripts/bootstrap_github.py sets it up")
    if not lacking:
        print(f"environment {name} is protected")
    return 1 if lacking else 0


def read(repo: str, name: str) -> tuple[dict[str, Any], frozenset[str]] | None:
    """Return an environment with the names of the branches it takes; None when it does not exist."""
    path = f"repos/{repo}/environments/{name}"
    try:
        environment = api(path)
    except GitHubError as error:
        if error.status == 404:
            return None
        raise
    policy = environment.get("deployment_branch_policy") or {}
    custom = (
        pages(f"{path}/deployment-branch-policies", "branch_policies") if policy.get("custom_branch_policies") else []
    )
    return environment, frozenset(one["name"] for one in custom)


def problems(environment: Mapping[str, Any], branches: Collection[str]) -> list[str]:
    """Return what an environment lacks to make an approval real; nothing when it is protected."""
    rules = [rule for rule in environment.get("protection_rules") or [] if rule.get("type") == "required_reviewers"]
    policy = environment.get("deployment_branch_policy") or {}
    lacking = []
    if not any(rule.get("reviewers") for rule in rules):
        lacking.append("it has no required reviewer")
    if not policy.get("protected_branches") and not policy.get("custom_branch_policies"):
        lacking.append("it has no branch policy")
    if loose := ANY_BRANCH & set(branches):
        lacking.append(f"its branch policy {min(loose)!r} lets every branch deploy")
    return lacking


if __name__ == "__main__":
    sys.exit(main())
