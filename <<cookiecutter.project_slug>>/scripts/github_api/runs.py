"""Which workflow runs may speak for this repository."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .cli import api

PIPELINE = ("pipeline.yml", "retrain.yml")
EVENTS = ("push", "schedule", "workflow_dispatch", "repository_dispatch")


def default_branch(repo: str) -> str:
    """Return the name of the default branch."""
    return str(api(f"repos/{repo}")["default_branch"])


def is_on(repo: str, branch: str, commit: str) -> bool:
    """Return whether `commit` belongs to `branch`; a run of a tag of the same name claims its head branch."""
    head = api(f"repos/{repo}/branches/{branch}")["commit"]["sha"]
    return api(f"repos/{repo}/compare/{head}...{commit}")["status"] in ("identical", "behind")


def foreign(repo: str, run: Mapping[str, Any], workflows: Collection[str]) -> list[str]:
    """Return why `run` is none of `workflows` on the default branch of this repository; nothing when it is one.

    Whoever may push a branch may run a workflow of their own there, which uploads whatever artifacts they like.
    """
    branch, lacking = default_branch(repo), strange(run, workflows)
    home = (run.get("head_repository") or {}).get("full_name")
    if home != repo:
        lacking.append(f"its commit is of {home}, wanted {repo}")
    elif run.get("head_branch") != branch or not is_on(repo, branch, run["head_sha"]):
        lacking.append(f"its commit {run['head_sha'][:12]} ({run.get('head_branch')}) is not on {branch}")
    return lacking


def strange(run: Mapping[str, Any], workflows: Collection[str]) -> list[str]:
    """Return why `run` is none of `workflows`, started by an event of this repository; nothing when it is one."""
    lacking, path = [], str(run.get("path", "")).partition("@")[0]
    if path not in [f".github/workflows/{name}" for name in workflows]:
        lacking.append(f"it ran {path or 'nothing'}, wanted {' or '.join(workflows)}")
    if run.get("event") not in EVENTS:
        lacking.append(f"it was started by {run.get('event')!r}, wanted one of {', '.join(EVENTS)}")
    return lacking
