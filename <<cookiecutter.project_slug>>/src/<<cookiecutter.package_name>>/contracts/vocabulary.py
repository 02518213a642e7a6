"""The words of a contract, and what they declare of a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from .semantics import Json

Role = Literal["feature", "target", "id", "timestamp", "ignored"]
ROLES: tuple[str, ...] = get_args(Role)
CELL_TYPES = ("string", "number", "integer", "boolean", "null")
# Keywords that say nothing about rows.
_REMARKS_WORDS = "$schema $comment title description default examples deprecated readOnly writeOnly x-version"
REMARKS = frozenset(_REMARKS_WORDS.split())
# Keywords that judge nothing by themselves; others look at them, as if does at then and $ref at $defs.
ANNOTATIONS = REMARKS | frozenset(
    ["$id", "$defs", "$anchor", "then", "else", "x-role", "x-slice", "x-positive", "x-nulls"]
)
JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def types_of(rules: Mapping[str, Json], root: Mapping[str, Json]) -> set[str]:
    """Return the JSON types that `rules` declare by type, else by enum or const, else by a local $ref."""
    declared = rules.get("type")
    if declared is not None:
        return {declared} if isinstance(declared, str) else set(declared)
    listed = rules.get("enum", [rules["const"]] if "const" in rules else None)
    if listed is not None:
        return {JSON_TYPES.get(type(value), "object") for value in listed}
    shared = _referred(rules, root)
    return types_of(shared, root) if shared else set()


def categories_of(rules: Mapping[str, Json], root: Mapping[str, Json]) -> tuple[Json, ...] | None:
    """Return the enumerated values without null, or None when the values are not enumerated."""
    listed = rules.get("enum", [rules["const"]] if "const" in rules else None)
    if listed is None and (shared := _referred(rules, root)):
        return categories_of(shared, root)
    if listed is None and types_of(rules, root) - {"null"} == {"boolean"}:
        listed = [False, True]
    return None if listed is None else tuple(value for value in listed if value is not None)


def _referred(rules: Mapping[str, Json], root: Mapping[str, Json]) -> Mapping[str, Json]:
    name = str(rules.get("$ref", "")).removeprefix("#/$defs/")
    shared = root.get("$defs", {}).get(name, {})
    return shared if isinstance(shared, dict) and "$ref" not in shared else {}


def same(one: Json, other: Json) -> bool:
    """Tell whether two values are equal in JSON, where true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
