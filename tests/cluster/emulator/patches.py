"""The three patch formats that change an object in place: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

import copy
from typing import Any

from . import merge_keys
from .errors import ApiError, bad_request
from .merge_keys import Names
from .resources import Obj


def json_patch(obj: Obj, operations: list[Obj]) -> Obj:
    """Return `obj` after the operations, all of them or none."""
    new = copy.deepcopy(obj)
    for operation in operations:
        try:
            _operate(new, operation)
        except (KeyError, IndexError, ValueError, TypeError) as problem:
            raise ApiError(
                422, "Invalid", "the server rejected our request due to an error in our request"
            ) from problem
    return new


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _value(holder: Any, step: str) -> Any:
    return holder[int(step)] if isinstance(holder, list) else holder[step]


def _read(obj: Any, pointer: str) -> Any:
    for step in _steps(pointer):
        obj = _value(obj, step)
    return obj


def _operate(obj: Any, operation: Obj) -> None:
    kind, pointer = operation["op"], operation["path"]
    if kind == "test":
        if _read(obj, pointer) != operation["value"]:
            raise ValueError(f"testing path {pointer} value failed")
        return
    value = copy.deepcopy(_read(obj, operation["from"]) if kind in ("move", "copy") else operation.get("value"))
    if kind == "move":
        _operate(obj, {"op": "remove", "path": operation["from"]})
    *above, last = _steps(pointer)
    holder = obj
    for step in above:
        holder = _value(holder, step)
    if kind in ("remove", "replace"):
        _value(holder, last)  # what is not there can be neither removed nor replaced
    _write(holder, last, kind, value)


def _write(holder: Any, last: str, kind: str, value: Any) -> None:
    if kind == "remove":
        holder.pop(int(last) if isinstance(holder, list) else last)
    elif not isinstance(holder, list) or kind == "replace":
        holder[int(last) if isinstance(holder, list) else last] = value
    else:
        holder.insert(len(holder) if last == "-" else int(last), value)


def merge_patch(value: Any, patch: Any) -> Any:
    """Return `value` after a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(value) if isinstance(value, dict) else {}
    for name, inner in patch.items():
        if inner is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), inner)
    return merged


def strategic(value: Any, patch: Any, kind: str, names: Names = ()) -> Any:
    """Return `value` after a strategic merge patch, with the directives that kubectl sends."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    directive = patch.get("$patch")
    if directive == "replace":
        return {name: inner for name, inner in patch.items() if name != "$patch"}
    if directive not in (None, "merge"):
        raise bad_request(f"the patch directive {directive} is not emulated here")
    merged = dict(value) if isinstance(value, dict) else {}
    if "$retainKeys" in patch:
        merged = {name: inner for name, inner in merged.items() if name in patch["$retainKeys"]}
    for name, inner in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.partition("/")[2]
            merged[field] = [item for item in merged.get(field, []) if item not in inner]
        elif name.startswith("$"):
            continue  # orders are handled with their list, the others above
        elif inner is None:
            merged.pop(name, None)
        else:
            order = patch.get(f"$setElementOrder/{name}")
            merged[name] = _strategic_field(merged.get(name), inner, order, kind, (*names, name))
    return _empty_lists_of_order(merged, patch)


def _empty_lists_of_order(merged: Obj, patch: Obj) -> Obj:
    """Drop lists that a patch emptied."""
    emptied = [name for name in merged if merged[name] == [] and isinstance(patch.get(name), list)]
    return {name: value for name, value in merged.items() if name not in emptied}


def _strategic_field(value: Any, patch: Any, order: list[Any] | None, kind: str, names: Names) -> Any:
    key = merge_keys.strategic_key(kind, names)
    if not isinstance(patch, list) or not key:
        if isinstance(patch, list) and merge_keys.is_set(names):
            return [*(value or []), *(item for item in patch if item not in (value or []))]
        return strategic(value, patch, kind, names)
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if item.get("$patch") != "replace"]
    items = {item.get(key): item for item in value or []}
    for item in patch:
        if item.get("$patch") == "delete":
            items.pop(item[key], None)
        else:
            items[item[key]] = strategic(items.get(item[key], {}), item, kind, names)
    wanted = [item[key] for item in order or []]
    return [items[name] for name in wanted if name in items] + [
        item for name, item in items.items() if name not in wanted
    ]
