"""The gate in front of a job that names an environment: branch policy, reviewers, deployment record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .engine import Tree
from .model import Job
from .records import Deployment, Environment, Review
from .results import JobResult, Run
from .state import Frame, Settings
from .triggers import matches


@dataclass
class Gate:
    """What a job gets from its environment once it may start; empty without one."""

    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    deployment: Deployment | None = None


def enter(settings: Settings, run: Run, result: JobResult, job: Job, contexts: Mapping[str, Any]) -> Gate | None:
    """Return the gate when the job may start; otherwise `None`, and `result` says why."""
    raw = job.get("environment")
    if raw is None:
        return Gate()
    named = settings.engine.evaluate(_without_url(raw), contexts)
    if not named["name"]:
        return Gate()
    environment = settings.hub.environment(named["name"])
    result.environment = environment.name
    problem = _refusal(environment, run)
    if problem:
        _reject(result, problem)
        return None
    if not _reviewed(environment, run, result):
        return None
    if run.event.from_fork:
        return Gate()
    deployment = _deployment(settings, run, result) if named.get("deployment", True) else None
    return Gate(environment.variables, environment.secrets, deployment)


def _without_url(raw: Tree) -> Tree:
    """Return name and options as a mapping; the address may name steps, which have not run yet."""
    if not isinstance(raw, dict) or "$expr" in raw:
        return {"name": raw}
    return {key: value for key, value in raw.items() if key != "url"}


def leave(settings: Settings, gate: Gate, result: JobResult, frame: Frame, job: Job) -> None:
    """Record how the deployment ended, and where it can be seen."""
    if gate.deployment is None:
        return
    raw = job.get("environment")
    url = raw.get("url") if isinstance(raw, dict) else None
    gate.deployment.url = frame.text(url) if url else ""
    gate.deployment.states.append("success" if result.conclusion == "success" else "failure")
    if result.conclusion == "success":
        _retire_previous(settings, gate.deployment)


def _retire_previous(settings: Settings, newest: Deployment) -> None:
    for deployment in settings.hub.deployments:
        same = deployment is not newest and deployment.environment == newest.environment
        if same and deployment.states and deployment.states[-1] == "success":
            deployment.states.append("inactive")


def _refusal(environment: Environment, run: Run) -> str:
    if environment.branches is None or matches(environment.branches, run.event.ref_name):
        return ""
    return (
        f'Branch "{run.event.ref_name}" is not allowed to deploy to {environment.name}'
        " due to environment protection rules."
    )


def _reviewed(environment: Environment, run: Run, result: JobResult) -> bool:
    """Tell whether the job may go on; a rejection ends it, no valid answer leaves it waiting."""
    if not environment.reviewers:
        return True
    review = run.reviews.get(environment.name)
    if review is None or not may_review(environment, run, review):
        result.status = "waiting"
        return False
    if not review.approved:
        _reject(result, f"Deployment to {environment.name} was rejected by {review.by}")
    return review.approved


def may_review(environment: Environment, run: Run, review: Review) -> bool:
    """Tell whether this person's answer counts."""
    own = environment.prevent_self_review and review.by == run.event.actor
    return review.by in environment.reviewers and not own


def _reject(result: JobResult, message: str) -> None:
    result.status, result.conclusion, result.message = "completed", "failure", message


def _deployment(settings: Settings, run: Run, result: JobResult) -> Deployment:
    hub = settings.hub
    deployment = Deployment(
        id=hub.next_id(),
        environment=str(result.environment),
        ref=run.event.ref_name,
        sha=run.event.sha,
        creator="github-actions[bot]",
        run_id=run.id,
        job=result.path,
        states=["in_progress"],
    )
    hub.deployments.append(deployment)
    return deployment
