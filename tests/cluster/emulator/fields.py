"""Paths to the fields of an object, as managedFields writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from . import merge_keys
from .merge_keys import Names
from .resources import Obj

Path = tuple[str, ...]  # ("f:spec", "f:containers", 'k:{"name":"server"}', "f:image")

_MISSING = object()
_SERVER_SIDE = {"name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"}
_SERVER_SIDE |= {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generateName"}


def paths_of(obj: Obj, kind: str) -> set[Path]:
    """Return every field of an object that somebody can own: values, and items of keyed lists."""
    body = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind", "status")}
    body["metadata"] = {name: value for name, value in body.get("metadata", {}).items() if name not in _SERVER_SIDE}
    if not body["metadata"]:
        del body["metadata"]
    return set(_walk(body, kind, ())) - {()}


def _walk(value: Any, kind: str, names: Names) -> Iterator[Path]:
    if isinstance(value, dict) and value and not merge_keys.is_atomic(kind, names):
        for name, inner in value.items():
            yield from ((f"f:{name}", *rest) for rest in _walk(inner, kind, (*names, name)))
    elif isinstance(value, list) and (keys := merge_keys.keys_of(kind, names)):
        for item in value:
            step = _item_step(item, keys)
            yield (step,)
            yield from ((step, *rest) for rest in _walk(item, kind, names) if rest)
    elif isinstance(value, list) and merge_keys.is_set(names):
        yield from ((f"v:{json.dumps(item)}",) for item in value)
    else:
        yield ()


def _item_step(item: Any, keys: Names) -> str:
    values = dict(zip(keys, merge_keys.identity(item, keys) or (), strict=False))
    return "k:" + json.dumps(values, separators=(",", ":"), sort_keys=True)


def _find(value: Any, step: str) -> Any:
    """Return what lies one step below `value`, and `_MISSING` when nothing does."""
    if step.startswith("f:"):
        return value.get(step[2:], _MISSING) if isinstance(value, dict) else _MISSING
    wanted = json.loads(step[2:])
    if not isinstance(value, list):
        return _MISSING
    if step.startswith("v:"):
        return wanted if wanted in value else _MISSING
    found = (item for item in value if merge_keys.identity(item, tuple(wanted)) == tuple(wanted.values()))
    return next(found, _MISSING)


def same(path: Path, one: Obj, other: Obj) -> bool:
    """Tell whether two objects say the same at a path; of a list's item only its presence counts."""
    first, second = read(path, one), read(path, other)
    if path[-1].startswith("k:"):
        return (first is _MISSING) is (second is _MISSING)
    return bool(first == second)


def read(path: Path, obj: Obj) -> Any:
    """Return the value at a path, or a value like no other when there is none."""
    value: Any = obj
    for step in path:
        value = _find(value, step)
    return value


def remove(path: Path, obj: Obj) -> None:
    """Take away what lies at a path, and the maps and lists that are empty without it."""
    holder = read(path[:-1], obj)
    value = _find(holder, path[-1])
    if value is _MISSING:
        return
    if isinstance(holder, dict):
        del holder[path[-1][2:]]
    else:
        holder.remove(value)
    if not holder and len(path) > 1 and path[-2].startswith("f:"):
        remove(path[:-1], obj)


def written(path: Path) -> str:
    """Return a path as messages show it: `.spec.containers[name="server"].image`."""
    words = []
    for step in path:
        if step.startswith("f:"):
            words.append(f".{step[2:]}")
        elif step.startswith("k:"):
            values = json.loads(step[2:])
            words.append("[" + ",".join(f"{key}={json.dumps(value)}" for key, value in values.items()) + "]")
        else:
            words.append(f"[={step[2:]}]")
    return "".join(words)


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Return paths as the API server counts them up: what ends at a level before what goes deeper."""
    return sorted(paths, key=lambda path: [(at < len(path) - 1, step) for at, step in enumerate(path)])


def encode(paths: Iterable[Path]) -> Obj:
    """Return paths as FieldsV1."""
    tree: Obj = {}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return tree


def decode(tree: Obj, above: Path = ()) -> set[Path]:
    """Return the paths that FieldsV1 lists."""
    if not tree:
        return {above} if above else set()
    found: set[Path] = set()
    for step, below in tree.items():
        found |= {above} if step == "." else decode(below, (*above, step))
    return found
