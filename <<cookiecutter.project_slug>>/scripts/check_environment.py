"""Refuse an environment that nobody has to approve.

GitHub creates a missing environment, without protection, when a job merely names it. So a deployment asks here first:
exit 0 when the environment has a required reviewer and a branch policy, exit 1 when not, exit 2 when GitHub cannot say.

Private repositories without GitHub Enterprise have no required reviewers. With the repository variable APPROVAL set to
`dispatch`, starting deploy.yml by hand takes their place: then only a person may start it who neither started the run
that built the image (--built-by) nor wrote its commit.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from github_api.cli import EPILOG, GitHubError, api, pages, repository, run

UNREVIEWED = "it has no required reviewer"
ANY_BRANCH = frozenset({"*", "**", "**/*"})


def main(argv: Sequence[str] | None = None) -> int:
    """Print what the environment lacks."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", nargs="?", default="production", help="[%(default)s]")
    parser.add_argument("--built-by", metavar="RUN", help="id of the run that built what is to be deployed")
    arguments = parser.parse_args(argv)
    return run(lambda: check(repository(), arguments.environment, arguments.built_by))


def check(repo: str, name: str, built_by: str | None) -> int:
    """Print the verdict on one environment and return the exit code."""
    found = read(repo, name)
    lacking = problems(*found) if found else ["it does not exist, and a job that names it would create it unprotected"]
    approved = f"environment {name} is protected"
    if lacking == [UNREVIEWED] and os.environ.get("APPROVAL") == "dispatch" and built_by:
        lacking = own_work(repo, built_by)
        approved = f"environment {name}: approved by {os.environ.get('GITHUB_ACTOR')}, who started this run by hand"
    for problem in lacking:
        print(f"refused: environment {name}: {problem}; scripts/bootstrap_github.py sets it up")
    if not lacking:
        print(approved)
    return 1 if lacking else 0


def own_work(repo: str, built_by: str) -> list[str]:
    """Return why the person who started this run cannot approve what the run `built_by` made; nothing when they can.

    A second attempt of a run keeps its first actor, so whoever asked for the attempt is looked at as well.
    """
    if os.environ.get("GITHUB_EVENT_NAME") != "workflow_dispatch":
        return ["APPROVAL is dispatch, so somebody has to start deploy.yml by hand"]
    built = api(f"repos/{repo}/actions/runs/{built_by}")
    commit = api(f"repos/{repo}/commits/{built['head_sha']}")
    makers = {_login(one) for one in (built["actor"], built["triggering_actor"], commit["author"])}
    approvers = {os.environ.get(name, "").lower() for name in ("GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR")}
    if "" in approvers:
        return ["GITHUB_ACTOR and GITHUB_TRIGGERING_ACTOR do not say who started this run"]
    return [f"{who} made what is to be deployed, and a second person has to approve it" for who in approvers & makers]


def _login(person: Mapping[str, Any] | None) -> str:
    return str(person["login"]).lower() if person else ""  # a commit's author may have no account


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
        lacking.append(UNREVIEWED)
    if not policy.get("protected_branches") and not policy.get("custom_branch_policies"):
        lacking.append("it has no branch policy")
    if loose := ANY_BRANCH & set(branches):
        lacking.append(f"its branch policy {min(loose)!r} lets every branch deploy")
    return lacking


if __name__ == "__main__":
    sys.exit(main())
