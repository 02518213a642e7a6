"""Refuse an environment that nobody has to approve.

GitHub creates a missing environment, without protection, when a job merely names it. So a deployment asks here first:
exit 0 when the environment has a required reviewer and takes deployments of the default branch alone, exit 1 when not,
exit 2 when GitHub cannot say.

Private repositories without GitHub Enterprise have no required reviewers. With the repository variable APPROVAL set to
`dispatch`, starting deploy.yml by hand takes their place: then only a person may start it who neither started the run
that built the image (--built-by) nor wrote its commit. The return to what ran there before (--going-back) needs no
second person.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from github_api.cli import EPILOG, GitHubError, api, pages, repository, run, verdict
from github_api.runs import default_branch

MISSING = "it does not exist, and a job that names it would create it unprotected"
UNREVIEWED = "it has no required reviewer"
BY_ITSELF = ("push", "schedule")  # events whose actor is a person, even where an app sent them


def main(argv: Sequence[str] | None = None) -> int:
    """Print what the environment lacks."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", nargs="?", default="production", help="[%(default)s]")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--built-by", metavar="RUN", help="id of the run that built what is to be deployed")
    given.add_argument("--going-back", action="store_true", help="what is to be deployed ran there before")
    arguments = parser.parse_args(argv)
    return run(lambda: check(repository(), arguments.environment, arguments.built_by, back=arguments.going_back))


def check(repo: str, name: str, built_by: str | None, *, back: bool = False) -> int:
    """Print the verdict on one environment and return the exit code."""
    found = read(repo, name)
    lacking = problems(*found, default_branch(repo)) if found else [MISSING]
    if lacking == [UNREVIEWED] and os.environ.get("APPROVAL") == "dispatch" and (built_by or back):
        refused = by_hand(repo) or (own_work(repo, built_by) if built_by else [])
        approver = os.environ.get("GITHUB_ACTOR")
        return verdict(refused, f"environment {name}: approved by {approver}, who started this run by hand")
    for weakness in weaknesses(found[0]) if found else ():
        print(f"::notice title=Environment {name}::{weakness}")
    told = [f"environment {name}: {problem}; scripts/bootstrap_github.py sets it up" for problem in lacking]
    return verdict(told, f"environment {name} is protected")


def by_hand(repo: str) -> list[str]:
    """Return why starting this run is no approval; nothing when a person started it.

    The token of a job with `actions: write` starts workflows too, as the app that GitHub keeps for that, whose name is
    nobody's. So GitHub is asked whether a person stands behind each name.
    """
    if os.environ.get("GITHUB_EVENT_NAME") != "workflow_dispatch":
        return ["APPROVAL is dispatch, so somebody has to start the workflow by hand"]
    if not all(_approvers()):
        return ["GITHUB_ACTOR and GITHUB_TRIGGERING_ACTOR do not say who started this run"]
    if not (number := os.environ.get("GITHUB_RUN_ID")):
        return ["GITHUB_RUN_ID does not say which run this is"]
    this = api(f"repos/{repo}/actions/runs/{number}") or {}
    started = [this.get(role) or {} for role in ("actor", "triggering_actor")]
    others = {str(one.get("login") or "nobody known") for one in started if one.get("type") != "User"}
    return [f"{who} started this run, and only a person can approve" for who in sorted(others)]


def own_work(repo: str, built_by: str) -> list[str]:
    """Return why the person who started this run cannot approve what the run `built_by` made; nothing when they can.

    A second attempt of a run keeps its first actor, so whoever asked for the attempt is looked at as well. Behind an
    app that started the run by hand there may be anybody.
    """
    built = api(f"repos/{repo}/actions/runs/{built_by}")
    commit = api(f"repos/{repo}/commits/{built['head_sha']}")
    started = (built["actor"], built["triggering_actor"])
    if built["event"] not in BY_ITSELF and (app := next((one for one in started if one.get("type") == "Bot"), None)):
        return [f"{app['login']} started run {built_by}, which does not say for whom; start the pipeline as a person"]
    makers = {_login(one) for one in (*started, commit["author"])}
    return [
        f"{who} made what is to be deployed, and a second person has to approve it"
        for who in sorted(_approvers() & makers)
    ]


def _approvers() -> set[str]:
    return {os.environ.get(name, "").lower() for name in ("GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR")}


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


def problems(environment: Mapping[str, Any], branches: Collection[str], default: str) -> list[str]:
    """Return what an environment lacks to make an approval real; nothing when it is protected.

    "Protected branches" is no answer: where no branch has a protection rule, and rulesets are none, it means all.
    """
    rules = _reviews(environment)
    policy = environment.get("deployment_branch_policy") or {}
    lacking = []
    if not any(rule.get("reviewers") for rule in rules):
        lacking.append(UNREVIEWED)
    if not policy.get("custom_branch_policies"):
        seen = "protected branches" if policy.get("protected_branches") else "no branch policy"
        lacking.append(f"it has {seen}, wanted {default} alone")
    elif set(branches) != {default}:
        lacking.append(
            f"its branch policy lets {', '.join(sorted(branches)) or 'nothing'} deploy, wanted {default} alone"
        )
    return lacking


def _reviews(environment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [rule for rule in environment.get("protection_rules") or [] if rule.get("type") == "required_reviewers"]


def weaknesses(environment: Mapping[str, Any]) -> list[str]:
    """Return by which ways the approval can be avoided that only a person can close, in the settings of GitHub."""
    rules = _reviews(environment)
    found = []
    if rules and not any(rule.get("prevent_self_review") for rule in rules):
        found.append("whoever started a run may approve it; tick 'Prevent self-review'")
    if environment.get("can_admins_bypass"):
        found.append("administrators may deploy without approval; untick 'Allow administrators to bypass'")
    return found


if __name__ == "__main__":
    sys.exit(main())
