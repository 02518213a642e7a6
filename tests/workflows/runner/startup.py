"""What GitHub checks before the first job of a run starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .calls import called_path
from .engine import Engine
from .errors import InvalidWorkflow, Unsupported
from .model import Workflow, load_workflow
from .permissions import Permissions, excess, parse_permissions
from .steps import check_step

MAX_DEPTH = 10


def check_startup(engine: Engine, source: Path, workflow: Workflow, granted: Permissions, depth: int = 0) -> None:
    """Refuse unlisted actions, and called workflows that ask for more than their caller has."""
    if depth > MAX_DEPTH:
        raise InvalidWorkflow(f"{workflow.path}: workflows call each other more than {MAX_DEPTH} levels deep")
    for job in workflow.jobs.values():
        for step in job.steps:
            check_step(f"{workflow.path}: job '{job.id}'", step)
        if job.get("secrets") == "inherit":
            raise Unsupported(f"{workflow.path}: job '{job.id}'", "'secrets: inherit'")
        if job.uses is None:
            continue
        allowed = job_permissions(workflow, job.raw, granted)
        callee = load_workflow(engine, source, called_path(job))
        check_requests(callee, allowed)
        check_startup(engine, source, callee, allowed, depth + 1)


def check_requests(callee: Workflow, granted: Permissions) -> None:
    """Raise what GitHub says when a called workflow asks for more than it is granted."""
    for job in callee.jobs.values():
        beyond = excess(job_permissions(callee, job.raw, granted), granted)
        for scope, asked, allowed in beyond:
            raise InvalidWorkflow(
                f"Error calling workflow '{callee.path}'. The nested job '{job.id}' is requesting"
                f" '{scope}: {asked}', but is only allowed '{scope}: {allowed}'."
            )


def job_permissions(workflow: Workflow, job: Mapping[str, Any], default: Permissions) -> Permissions:
    """Return what a job asks for: its own grants, the workflow's, or the default."""
    written: Iterable[Permissions | None] = map(
        parse_permissions, (job.get("permissions"), workflow.get("permissions"))
    )
    return next((grants for grants in written if grants is not None), default)
