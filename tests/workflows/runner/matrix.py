"""Expand `strategy.matrix` into the combinations that run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from .errors import InvalidWorkflow, Unsupported

Combination = Mapping[str, Any]


def expand(where: str, strategy: Mapping[str, Any] | None) -> list[Combination]:
    """Return one mapping per job; a job without a matrix is one empty mapping."""
    if strategy is None:
        return [{}]
    for key in strategy:
        if key not in ("matrix", "fail-fast", "max-parallel"):
            raise Unsupported(where, f"strategy.{key}")
    matrix = dict(strategy.get("matrix") or {})
    include, exclude = matrix.pop("include", []), matrix.pop("exclude", [])
    empty = [axis for axis, values in matrix.items() if not values]
    if empty:
        raise InvalidWorkflow(f"{where}: Matrix vector '{empty[0]}' does not contain any values")
    product = (
        [dict(zip(matrix, values, strict=True)) for values in itertools.product(*matrix.values())] if matrix else []
    )
    kept = [item for item in product if not any(_covers(item, pattern) for pattern in exclude)]
    return _include(kept, include, set(matrix))


def _include(combinations: list[dict[str, Any]], include: list[Combination], axes: set[str]) -> list[Combination]:
    """Add each entry to the combinations whose axes it does not change, or else as a combination of its own."""
    added: list[Combination] = []
    for entry in include:
        own = {key: value for key, value in entry.items() if key in axes}
        fitting = [item for item in combinations if _covers(item, own)]
        for item in fitting:
            item.update(entry)
        if not fitting:
            added.append(dict(entry))
    return [*combinations, *added]


def _covers(combination: Combination, pattern: Combination) -> bool:
    return all(combination.get(key) == value for key, value in pattern.items())


def suffix(combination: Combination) -> str:
    """Return what GitHub appends to the name of a matrix job."""
    values = [str(value) for value in combination.values() if not isinstance(value, (dict, list))]
    return f" ({', '.join(values)})" if values else ""
