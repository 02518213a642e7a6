"""Workflows and composite actions as values; a key that is not modelled is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .engine import Engine, Tree
from .errors import InvalidWorkflow, Unsupported

SUCCESS = {"$if": "success()"}
WORKFLOW_KEYS = "name run-name on permissions concurrency env defaults jobs"
JOB_KEYS = (
    "name needs if runs-on timeout-minutes environment permissions concurrency strategy outputs env defaults steps"
    " uses with secrets"
)
STEP_KEYS = "name id if uses run with env shell working-directory continue-on-error timeout-minutes"


@dataclass(frozen=True)
class Step:
    """One step of a job or of a composite action."""

    key: str
    label: Tree
    condition: Tree
    uses: str | None
    run: Tree
    inputs: Mapping[str, Tree]
    env: Mapping[str, Tree]
    shell: str | None
    directory: Tree
    keep_going: Tree
    minutes: Tree


@dataclass(frozen=True)
class Job:
    """One job: either steps or a call of a reusable workflow."""

    id: str
    name: Tree
    needs: tuple[str, ...]
    condition: Tree
    steps: tuple[Step, ...]
    uses: str | None
    raw: Mapping[str, Tree]

    def get(self, key: str) -> Tree:
        """Return a key of the job as it was parsed, `None` when it is not there."""
        return self.raw.get(key)


@dataclass(frozen=True)
class Workflow:
    """One file of `.github/workflows`."""

    path: str
    name: str
    triggers: Mapping[str, Any]
    jobs: Mapping[str, Job]
    raw: Mapping[str, Tree]

    @property
    def file(self) -> str:
        """Return the file name without its folder."""
        return Path(self.path).name

    def get(self, key: str) -> Tree:
        """Return a top-level key as it was parsed, `None` when it is not there."""
        return self.raw.get(key)


@dataclass(frozen=True)
class CompositeAction:
    """A local action made of steps."""

    path: str
    inputs: Mapping[str, Mapping[str, Tree]]
    outputs: Mapping[str, Tree]
    steps: tuple[Step, ...] = field(default=())


def load_workflow(engine: Engine, root: Path, path: str) -> Workflow:
    """Parse `path` below `root`; raise `InvalidWorkflow` with GitHub's messages."""
    parsed = engine.workflow(root, path)
    if parsed.errors:
        raise InvalidWorkflow(f"invalid workflow file {path}: " + "; ".join(parsed.errors))
    raw = parsed.value
    _refuse_unknown(path, raw, WORKFLOW_KEYS)
    jobs = {key: _job(f"{path}: job '{key}'", key, job) for key, job in raw["jobs"].items()}
    return Workflow(path, raw.get("name") or path, _triggers(raw["on"]), jobs, raw)


def load_action(engine: Engine, folder: Path, path: str) -> CompositeAction:
    """Parse the composite action in `folder`; `path` is how the step names it."""
    file = next((folder / name for name in ("action.yml", "action.yaml") if (folder / name).is_file()), None)
    if file is None:
        raise InvalidWorkflow(
            f"Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '{folder}'."
            " Did you forget to run actions/checkout before running your local action?"
        )
    parsed = engine.action(file)
    if parsed.errors:
        raise InvalidWorkflow(f"invalid action {path}: " + "; ".join(parsed.errors))
    runs = parsed.value["runs"]
    if runs["using"] != "composite":
        raise Unsupported(path, f"a local action of type '{runs['using']}'")
    outputs = {name: output["value"] for name, output in (parsed.value.get("outputs") or {}).items()}
    inputs = {name: given or {} for name, given in (parsed.value.get("inputs") or {}).items()}
    return CompositeAction(path, inputs, outputs, _steps(path, runs["steps"]))


def _triggers(on: Tree) -> dict[str, Any]:
    if isinstance(on, str):
        return {on: {}}
    if isinstance(on, list):
        return {name: {} for name in on}
    return {name: filters or {} for name, filters in on.items()}


def _job(where: str, key: str, raw: Mapping[str, Tree]) -> Job:
    _refuse_unknown(where, raw, JOB_KEYS)
    needs = raw.get("needs") or ()
    return Job(
        id=key,
        name=raw.get("name"),
        needs=(needs,) if isinstance(needs, str) else tuple(needs),
        condition=raw.get("if", SUCCESS),
        steps=_steps(where, raw.get("steps") or ()),
        uses=raw.get("uses"),
        raw=raw,
    )


def _steps(where: str, raw: Iterable[Mapping[str, Tree]]) -> tuple[Step, ...]:
    return tuple(_step(f"{where}: step {number}", number, step) for number, step in enumerate(raw, 1))


def _step(where: str, number: int, raw: Mapping[str, Tree]) -> Step:
    _refuse_unknown(where, raw, STEP_KEYS)
    uses = raw.get("uses")
    return Step(
        key=raw.get("id") or f"__{number}",
        label=raw.get("name") or uses or raw.get("run"),
        condition=raw.get("if", SUCCESS),
        uses=uses,
        run=raw.get("run"),
        inputs=raw.get("with") or {},
        env=raw.get("env") or {},
        shell=raw.get("shell"),
        directory=raw.get("working-directory"),
        keep_going=raw.get("continue-on-error", False),
        minutes=raw.get("timeout-minutes"),
    )


def _refuse_unknown(where: str, raw: Mapping[str, Tree], known: str) -> None:
    for key in raw:
        if key not in known.split():
            raise Unsupported(where, f"the key '{key}'")
