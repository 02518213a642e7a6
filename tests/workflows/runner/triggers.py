"""Which workflows an event starts: event names, activity types, branch and path filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from .errors import InvalidWorkflow, Unsupported
from .events import Event
from .model import Workflow

MODELLED = {
    "push", "pull_request", "merge_group", "schedule", "workflow_dispatch", "repository_dispatch", "workflow_call",
}  # fmt: skip
FILTERS = {
    "push": {"branches", "branches-ignore", "paths", "paths-ignore", "tags", "tags-ignore"},
    "pull_request": {"branches", "branches-ignore", "paths", "paths-ignore", "types"},
    "merge_group": {"types"},
    "repository_dispatch": {"types"},
}
DEFAULT_TYPES = {"pull_request": ["opened", "synchronize", "reopened"]}


def check_triggers(workflow: Workflow) -> None:
    """Refuse triggers and filters that are not modelled."""
    for name, filters in workflow.triggers.items():
        if name not in MODELLED:
            raise Unsupported(workflow.path, f"the event '{name}'")
        for key in filters if name in FILTERS else ():
            if key not in FILTERS[name]:
                raise Unsupported(workflow.path, f"the filter '{key}' of '{name}'")


def start(workflow: Workflow, event: Event) -> Event | None:
    """Return the event as the workflow sees it, `None` when it does not start the workflow."""
    if event.name not in workflow.triggers or event.target not in (None, workflow.file):
        return None
    filters = workflow.triggers[event.name]
    if event.name == "workflow_dispatch":
        return replace(event, inputs=_dispatch_inputs(workflow, filters.get("inputs") or {}, event.inputs))
    if event.name == "schedule":
        return replace(event, payload={**event.payload, "schedule": filters[0]["cron"]})
    return event if _passes(event, filters) else None


def matches(patterns: Iterable[str], name: str) -> bool:
    """Tell whether GitHub's filter patterns select a name; the last pattern that matches decides."""
    chosen = False
    for pattern in patterns:
        excluded = pattern.startswith("!")
        if re.fullmatch(_regex(pattern.removeprefix("!")), name):
            chosen = not excluded
    return chosen


def _passes(event: Event, filters: Mapping[str, Any]) -> bool:
    if event.ref.startswith("refs/tags/") or (event.name == "push" and "tags" in filters and "branches" not in filters):
        return False
    branch = event.base_ref or event.ref_name
    checks = [
        "branches" not in filters or matches(_list(filters["branches"]), branch),
        "branches-ignore" not in filters or not matches(_list(filters["branches-ignore"]), branch),
        "paths" not in filters or any(matches(_list(filters["paths"]), path) for path in event.changed),
        "paths-ignore" not in filters or not _all_ignored(_list(filters["paths-ignore"]), event.changed),
        _right_type(event, filters),
    ]
    return all(checks)


def _all_ignored(patterns: list[str], changed: Iterable[str]) -> bool:
    return all(matches(patterns, path) for path in changed)


def _right_type(event: Event, filters: Mapping[str, Any]) -> bool:
    types = _list(filters.get("types") or DEFAULT_TYPES.get(event.name, []))
    return not types or event.payload.get("action") in types


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _regex(pattern: str) -> str:
    # In these patterns `?` and `+` repeat the character before them, as in a regular expression.
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\+|\[[^\]]*\])", pattern)
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "?", "+": "+"}
    return "".join(wild.get(part, part if part.startswith("[") else re.escape(part)) for part in parts)


def _dispatch_inputs(workflow: Workflow, declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise InvalidWorkflow(f"{workflow.file}: Unexpected inputs provided: {unknown}")
    return {name: _dispatch_input(workflow, name, definition or {}, given) for name, definition in declared.items()}


def _dispatch_input(workflow: Workflow, name: str, definition: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    kind = definition.get("type", "string")
    if name not in given and definition.get("required") and "default" not in definition:
        raise InvalidWorkflow(f"{workflow.file}: Required input '{name}' not provided")
    value = given.get(name, definition.get("default"))
    if kind == "choice" and value is not None and value not in definition["options"]:
        raise InvalidWorkflow(
            f"{workflow.file}: Provided value '{value}' for input '{name}' not in the list of options"
        )
    if kind == "boolean":
        return str(value).lower() == "true"
    return "" if value is None else value if kind == "number" else str(value)
