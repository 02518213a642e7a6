"""What workflows hand to actions and to each other: inputs, secrets, permissions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..runner.permissions import Permissions, excess, parse_permissions
from ..runner.pins import load_pins
from .documents import Document, Job, Repository
from .registry import check


@check
def action_inputs(repository: Repository) -> Iterator[str]:
    """A remote action gets inputs that it has, and those that it requires"""
    for step in repository.steps():
        pin = load_pins().get(step.uses.partition("@")[0])
        if pin is not None:
            yield from _differences(step.where, step.body.get("with") or {}, pin.inputs, pin.required)


@check
def local_action_inputs(repository: Repository) -> Iterator[str]:
    """A composite action gets inputs that it declares, and those that it requires"""
    for step in repository.steps():
        if not step.uses.startswith("./"):
            continue
        action = repository.action(step)
        if action is None:
            yield f"{step.where}: {step.uses} does not exist"
        else:
            yield from _differences(
                step.where, step.body.get("with") or {}, set(action.inputs), _required(action.inputs)
            )


@check
def call_inputs(repository: Repository) -> Iterator[str]:
    """A called workflow gets inputs and secrets that it declares, and those that it requires"""
    for job in repository.jobs():
        callee = repository.called(job)
        if callee is None:
            if "uses" in job.body:
                yield f"{job.where}: {job.body['uses']} is no workflow of this repository"
            continue
        secrets = callee.triggers.get("workflow_call", {}).get("secrets") or {}
        yield from _differences(job.where, job.body.get("with") or {}, set(callee.inputs), _required(callee.inputs))
        given = job.body.get("secrets") or {}
        yield from _differences(job.where, {} if given == "inherit" else given, set(secrets), _required(secrets))


def _required(definitions: Mapping[str, Any]) -> set[str]:
    return {
        name for name, item in definitions.items() if item and item.get("required") is True and "default" not in item
    }


def _differences(where: str, given: Mapping[str, Any], known: Any, required: Any) -> Iterator[str]:
    yield from (f"{where}: unknown '{name}'" for name in given if name not in known)
    yield from (f"{where}: missing '{name}'" for name in sorted(required) if name not in given)


@check
def call_permissions(repository: Repository) -> Iterator[str]:
    """A called workflow asks for no more than its caller grants, or GitHub refuses the whole file"""
    for job in repository.jobs():
        callee = repository.called(job)
        if callee is not None:
            yield from _excess(job, callee)


def _excess(job: Job, callee: Document) -> Iterator[str]:
    granted = _permissions(job.workflow, job.body)
    for name, body in callee.body["jobs"].items():
        for scope, asked, allowed in excess(_permissions(callee, body), granted):
            yield f"{job.where}: '{name}' in {callee.name} asks for '{scope}: {asked}' and is allowed '{allowed}'"


def _permissions(document: Document, body: Mapping[str, Any]) -> Permissions:
    raw = body.get("permissions", document.body.get("permissions"))
    return parse_permissions(raw) or {}
