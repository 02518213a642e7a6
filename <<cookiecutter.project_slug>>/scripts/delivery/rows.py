"""Rows that the contract accepts and rows that it refuses, made from the contract itself.

A row of the golden set is the start, because patterns and formats cannot be invented; the contract's limits then say
what is just allowed and what is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Rules = Mapping[str, Any]

# Rules of a whole row may tie columns together: a limit of one column is then not sure to be accepted.
OF_A_ROW = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas"})
SIMPLE = frozenset({"type", "enum", "minimum", "maximum", "title", "description", "examples", "default"})


@dataclass(frozen=True)
class Refused:
    """A row with one fault: which column, and what is wrong with it."""

    fault: str
    column: str
    row: Row


def at_the_limits(schema: Mapping[str, Any], golden: Row) -> Row:
    """Return `golden` with every column at a limit of its rule, where the rule is simple enough to know it."""
    if OF_A_ROW & set(schema):
        return dict(golden)
    return {name: _limit(schema["properties"].get(name, {}), value) for name, value in golden.items()}


def refused(schema: Mapping[str, Any], golden: Row) -> Iterator[Refused]:
    """Yield one row for each kind of fault that the contract knows."""
    found: set[str] = set()
    required = set(schema.get("required", ()))
    for name in golden:
        for fault, value in _faults(schema["properties"].get(name, {})):
            if fault not in found:
                found.add(fault)
                yield Refused(fault, name, {**golden, name: value})
        if name in required and "missing column" not in found:
            found.add("missing column")
            yield Refused("missing column", name, {key: value for key, value in golden.items() if key != name})


def _limit(rules: Rules, value: Any) -> Any:
    simple = all(key in SIMPLE or key.startswith("x-") for key in rules)
    if not simple:
        return value
    if "enum" in rules:
        return rules["enum"][-1]
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    limit = rules.get("maximum", rules.get("minimum", value)) if numeric else value
    return limit if isinstance(limit, int) or "number" in _types(rules) else value


def _faults(rules: Rules) -> Iterator[tuple[str, Any]]:
    types = _types(rules)
    if types and "array" not in types:
        yield "wrong type", [1]
    if types and "null" not in types and None not in rules.get("enum", ()):
        yield "null", None
    if "enum" in rules and "string" in types:
        yield "value outside of the enum", "\N{REPLACEMENT CHARACTER} no such value"
    if "maximum" in rules:
        yield "above the maximum", rules["maximum"] + 1
    if "minimum" in rules:
        yield "below the minimum", rules["minimum"] - 1


def _types(rules: Rules) -> frozenset[str]:
    types = rules.get("type", ())
    return frozenset([types] if isinstance(types, str) else types)
