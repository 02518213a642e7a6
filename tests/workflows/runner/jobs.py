"""Run one job from its empty workspace to its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cancellation import Cancel
from .contexts import job_contexts
from .errors import InvalidWorkflow
from .model import Job, Workflow
from .permissions import Permissions
from .results import JobResult, Run
from .state import Frame, JobState, Settings
from .steps import run_steps

DEFAULT_MINUTES = 360.0


@dataclass(frozen=True)
class Assignment:
    """A job that is to run now; `base` holds the contexts that exist outside of a job."""

    run: Run
    result: JobResult
    workflow: Workflow
    job: Job
    base: Mapping[str, Any]
    permissions: Permissions
    cancel: Cancel | None


def run_job(settings: Settings, task: Assignment) -> Frame:
    """Run the steps and set the conclusion, the outputs and the summary of the result."""
    state = _prepare(settings, task)
    frame = Frame(state, {}, defaults=_defaults(state, task))
    for level in (task.workflow, task.job):
        state.env.update(frame.text(level.get("env") or {}))
    run_steps(frame, task.job.steps, top=True)
    if not state.cancelled:
        state.conclusion = "failure" if frame.failed else "success"
    for action in reversed(state.after):
        action()
    _finish(frame, task.job)
    return frame


def _prepare(settings: Settings, task: Assignment) -> JobState:
    hub = settings.hub
    token = hub.token("github-actions[bot]", task.permissions, task.run.id)
    secrets = {**task.base["secrets"], "GITHUB_TOKEN": token.value}
    state = JobState(
        settings=settings,
        run=task.run,
        result=task.result,
        token=token,
        workflow=task.workflow.path,
        folder=_folders(hub.folder / "jobs" / str(hub.next_id())),
        cancel=task.cancel,
        masks=[value for value in secrets.values() if value],
    )
    state.contexts = {**job_contexts(state, task.base, task.job.id), "secrets": secrets}
    frame = Frame(state, {})
    state.minutes = float(frame.evaluate(task.job.get("timeout-minutes")) or DEFAULT_MINUTES)
    task.result.runs_on = str(frame.evaluate(task.job.get("runs-on")))
    task.result.permissions = task.permissions
    if not task.result.runs_on:
        raise InvalidWorkflow(f"{task.result.path}: runs-on is empty")
    return state


def _folders(folder: Path) -> Path:
    for name in ("work", "temp", "home", "tools"):
        (folder / name).mkdir(parents=True)
    return folder


def _defaults(state: JobState, task: Assignment) -> dict[str, str]:
    frame = Frame(state, {})
    merged: dict[str, str] = {}
    for level in (task.workflow.get("defaults"), task.job.get("defaults")):
        merged.update(frame.text((level or {}).get("run") or {}))
    return merged


def _finish(frame: Frame, job: Job) -> None:
    state = frame.state
    for name, value in frame.text(job.get("outputs") or {}).items():
        if state.mask(value) != value:
            # GitHub drops such an output with a warning; the job that needs it then sees nothing.
            state.result.annotations.append(f"warning: Skip output '{name}' since it may contain secret.")
        else:
            state.result.outputs[name] = value
    state.result.status = "completed"
    state.result.conclusion = state.conclusion
