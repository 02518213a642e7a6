"""How one workflow calls another: where the file is, and which inputs it gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import InvalidWorkflow, Unsupported
from .model import Job, Workflow


def called_path(job: Job) -> str:
    """Return the path of the workflow that a job calls."""
    if job.uses is None or not job.uses.startswith("./"):
        raise Unsupported(job.id, f"the called workflow '{job.uses}' of another repository")
    return job.uses.removeprefix("./")


def ancestors(workflow: Workflow, job: Job) -> frozenset[str]:
    """Return the jobs that a job needs, and those that they need."""
    direct = frozenset(job.needs)
    return direct.union(*(ancestors(workflow, workflow.jobs[name]) for name in direct))


def call_inputs(where: str, declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a call with their defaults; a value of another type than declared is refused."""
    empty: dict[str, Any] = {"string": "", "boolean": False, "number": 0}
    kinds: dict[str, type | tuple[type, ...]] = {"string": str, "boolean": bool, "number": (int, float)}
    values: dict[str, Any] = {}
    for name, definition in declared.items():
        kind = definition["type"]
        value = given.get(name, definition.get("default", empty[kind]))
        if kind == "string" and value is None:
            value = ""
        if not isinstance(value, kinds[kind]):
            raise InvalidWorkflow(f"{where}: input '{name}' is declared as {kind} and was given {value!r}")
        values[name] = value
    return values
