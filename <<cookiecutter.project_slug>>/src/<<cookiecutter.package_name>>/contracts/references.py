"""Schemas with their references followed, so that two of them can be compared rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote

from .semantics import Json
from .vocabulary import ANNOTATIONS, REMARKS, same

VERBATIM = frozenset({"enum", "const", "dependentRequired"})
BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs"})
Rules = Mapping[str, Json]


def inlined(rules: Rules) -> dict[str, Json]:
    """Return `rules` and those that they refer to; of a keyword that both set, the latter stays in $ref: both hold.

    Keywords on a cell are independent of each other, which those on an object are not.
    """
    own = dict(rules)
    if not isinstance(rules.get("$ref"), dict):
        return own
    shared = inlined(own.pop("$ref"))
    twice = {key: value for key, value in shared.items() if key in own and not same(value, own[key])}
    if "$ref" in shared:
        twice["$ref"] = shared["$ref"]
    return {**shared, **own, "$ref": twice} if twice else {**shared, **own}


def followed(schema: Json, root: Rules, seen: frozenset[str] = frozenset()) -> Json:
    """Return `schema` with what its references point to, without annotations, and each rule in one spelling."""
    if not isinstance(schema, dict):
        return schema
    reference = str(schema.get("$ref", ""))
    shared = None if reference in seen else _target(reference, root)
    judged = {keyword: value for keyword, value in schema.items() if keyword not in ANNOTATIONS - {"$id"}}
    made = {key: _below(key, value, lambda each: followed(each, root, seen)) for key, value in judged.items()}
    if "if" in schema:
        branches = {key: schema[key] for key in ("if", "then", "else") if key in schema}
        made["if"] = {key: followed(value, root, seen) for key, value in branches.items()}
    if "const" in made and "enum" not in made:
        made["enum"] = [made.pop("const")]
    if shared is not None:
        made["$ref"] = followed(shared, root, seen | {reference})
    return made["$ref"] if shared is not None and len(made) == 1 else made


def _target(reference: str, root: Rules) -> Json:
    """Return what `reference` points to by a path from the root, or None when it goes elsewhere or nowhere."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    node: Json = root
    for part in unquote(reference).split("/")[1:]:
        node = node.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return node


def bare(schema: Json) -> Json:
    """Return `schema` without remarks."""
    if not isinstance(schema, dict):
        return schema
    return {key: _below(key, value, bare) for key, value in schema.items() if key not in REMARKS}


def _below(keyword: str, value: Json, visit: Callable[[Json], Json]) -> Json:
    """Return the `value` of `keyword` with every schema in it visited."""
    if keyword in {"type", "required"}:
        return sorted([value] if isinstance(value, str) else value)
    if keyword in VERBATIM:
        return value
    if keyword in BY_NAME:
        return {name: visit(each) for name, each in value.items()}
    return [visit(each) for each in value] if isinstance(value, list) else visit(value)


def goes_elsewhere(node: Json) -> bool:
    """Tell whether references were left that could not be followed: to an anchor, an $id, or in a circle."""
    if isinstance(node, list):
        return any(map(goes_elsewhere, node))
    if not isinstance(node, dict):
        return False
    return any(isinstance(node.get(key), str) for key in ("$ref", "$dynamicRef", "$id")) or any(
        map(goes_elsewhere, node.values())
    )


def differing(one: Json, other: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each value that differs."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        one, other = ({str(index): value for index, value in enumerate(each)} for each in (one, other))
    if not isinstance(one, dict) or not isinstance(other, dict):
        if not same(one, other):
            yield path
        return
    for key in sorted({*one, *other}):
        if key in one and key in other:
            yield from differing(one[key], other[key], (*path, key))
        else:
            yield (*path, key)
