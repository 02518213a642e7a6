"""Run the steps of a job or of a composite action."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from .actions import MODELS, ActionCall, check_use
from .cancellation import Cancel
from .errors import InvalidWorkflow, StepFailed, Unsupported
from .model import Step, load_action
from .results import StepResult
from .shell import Outcome, run_script
from .state import Frame, JobState

LOCAL = "./"


def run_steps(frame: Frame, steps: Iterable[Step], *, top: bool) -> list[StepResult]:
    """Run steps in order, each under its own condition; the frame remembers whether one failed."""
    results: list[StepResult] = []
    frame.contexts["steps"] = {}
    for step in steps:
        result = _run_step(frame, step, top=top)
        results.append(result)
        frame.contexts["steps"][step.key] = {
            "outputs": result.outputs, "outcome": result.outcome, "conclusion": result.conclusion,
        }  # fmt: skip
        frame.failed = frame.failed or result.conclusion == "failure"
        if top:
            frame.state.result.steps.append(result)
            _raise_unmodelled(frame.state)
    return results


def check_step(where: str, step: Step) -> None:
    """Refuse a remote action that is not listed, or an input that it does not have."""
    if step.uses and not step.uses.startswith(LOCAL):
        check_use(where, step.uses, step.inputs)


def _run_step(frame: Frame, step: Step, *, top: bool) -> StepResult:
    try:
        return _attempt(frame, step, top=top)
    except InvalidWorkflow as error:
        # An expression that cannot be evaluated fails its step; the steps that clean up still run.
        return StepResult(step.key, step.key, "failure", "failure", log=f"Error: {error}\n")


def _attempt(frame: Frame, step: Step, *, top: bool) -> StepResult:
    state = frame.state
    env = {**frame.variables, **frame.text(dict(step.env))}
    label = frame.text(step.label).strip().splitlines()[0]
    cancel = state.cancel if top and state.cancel and state.cancel.step in (step.key, label) else None
    if cancel and not cancel.after and not state.cancelled:
        return _cancelled(state, step, label, "Error: The operation was canceled.\n")
    if not frame.evaluate(step.condition, env):
        return StepResult(step.key, label, "skipped", "skipped")
    _update_job_context(frame)
    outcome = _execute(frame, step, env, cancel)
    if outcome.cancelled:
        return _cancelled(state, step, label, outcome.log)
    name = "success" if outcome.ok else "failure"
    conclusion = "success" if frame.evaluate(step.keep_going, env) else name
    return StepResult(step.key, label, name, conclusion, dict(outcome.outputs), outcome.log)


def _cancelled(state: JobState, step: Step, label: str, log: str) -> StepResult:
    state.conclusion = "cancelled"
    return StepResult(step.key, label, "cancelled", "cancelled", log=log)


def _update_job_context(frame: Frame) -> None:
    status = "failure" if frame.failed else "success"
    frame.state.contexts["job"] = {"status": "cancelled" if frame.state.cancelled else status}


def _execute(frame: Frame, step: Step, env: Mapping[str, str], cancel: Cancel | None) -> Outcome:
    if step.uses is None:
        return _run(frame, step, env, cancel)
    if step.uses.startswith(LOCAL):
        return _composite(frame, step, env)
    return _remote(frame, step, env)


def _run(frame: Frame, step: Step, env: Mapping[str, str], cancel: Cancel | None) -> Outcome:
    state = frame.state
    script = frame.text(step.run, env)
    directory = frame.text(step.directory, env) or frame.defaults.get("working-directory") or "."
    shell = step.shell or frame.defaults.get("shell")
    minutes = min(state.minutes, float(frame.evaluate(step.minutes, env) or state.minutes))
    variables = {**_host(state), **env, **_github(frame), "PATH": state.settings.executables.path(state.paths)}
    return run_script(state, script, shell=shell, directory=directory, env=variables, minutes=minutes, cancel=cancel)


def _remote(frame: Frame, step: Step, env: Mapping[str, str]) -> Outcome:
    name = str(step.uses).partition("@")[0]
    call = ActionCall(name, frame.text(dict(step.inputs), env), env, frame.state)
    try:
        outputs = MODELS[name](call)
    except StepFailed as error:
        return Outcome(ok=False, log=frame.state.mask("\n".join([*call.lines_logged, str(error), ""])), outputs={})
    return Outcome(ok=True, log=frame.state.mask("".join(f"{line}\n" for line in call.lines_logged)), outputs=outputs)


def _composite(frame: Frame, step: Step, env: Mapping[str, str]) -> Outcome:
    state = frame.state
    path = str(step.uses)
    try:
        action = load_action(state.settings.engine, state.workspace / path, path)
    except InvalidWorkflow as error:
        return Outcome(ok=False, log=f"Error: {error}\n", outputs={})
    for inner_step in action.steps:
        check_step(path, inner_step)
    given = frame.text(dict(step.inputs), env)
    unknown = sorted(set(given) - set(action.inputs))
    if unknown:
        raise InvalidWorkflow(f"{state.result.path}: {path} has no input {unknown}: it has {sorted(action.inputs)}")
    inputs = {name: given.get(name, frame.text(item.get("default"))) for name, item in action.inputs.items()}
    github = {**state.contexts["github"], "action_path": str((state.workspace / path).resolve())}
    inner = Frame(state, {"inputs": inputs, "github": github}, dict(env))
    results = run_steps(inner, action.steps, top=False)
    outputs = {name: inner.text(value) for name, value in action.outputs.items()}
    log = "".join(f"[{result.label}] {result.outcome}\n{result.log}" for result in results)
    return Outcome(ok=not inner.failed, log=log, outputs=outputs)


def _host(state: JobState) -> dict[str, str]:
    own = {"HOME": str(state.folder / "home"), "LANG": "C.UTF-8", "CI": "true", "GIT_CONFIG_NOSYSTEM": "1"}
    return {**own, **state.settings.host}


def _github(frame: Frame) -> dict[str, str]:
    """Return the default variables of every step."""
    state = frame.state
    github = {**state.contexts["github"], **frame.contexts.get("github", {})}
    named = {f"GITHUB_{key.upper()}": str(value) for key, value in github.items() if key not in ("event", "token")}
    event_path = Path(github["event_path"])
    if not event_path.exists():
        event_path.write_text(json.dumps(github["event"]))
    return {**named, **_runner(state), "GITHUB_ACTIONS": "true"}


def _runner(state: JobState) -> dict[str, str]:
    return {f"RUNNER_{key.upper()}": value for key, value in state.contexts["runner"].items()}


def _raise_unmodelled(state: JobState) -> None:
    if state.hub.unmodelled:
        raise Unsupported(state.result.path, " and ".join(state.hub.unmodelled))
