"""Compile the row schema into rules: those of single columns, and those that look at several columns of a row.

A keyword without a column form (`anyOf`, `not`, `$ref` …) is judged by jsonschema itself, once per distinct value. One
that looks at several columns (`if`/`then`, `dependentRequired` …) becomes a `RowRule`, judged once per distinct
combination of the columns that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from jsonschema.protocols import Validator

from ..contracts.contract import Contract
from ..contracts.keywords import COMPILED, Rule
from ..contracts.rows import row_validator
from ..contracts.semantics import Json
from ..contracts.vocabulary import ANNOTATIONS

# Judged on the header, not on cells.
HEADER_KEYWORDS = frozenset({"type", "properties", "required", "additionalProperties"})
# What keeps a row rule from being judged on the columns it names alone.
_OPAQUE_WORDS = (
    "$ref $dynamicRef additionalProperties unevaluatedProperties patternProperties propertyNames minProperties "
    "maxProperties"
)
OPAQUE = frozenset(_OPAQUE_WORDS.split())


@dataclass(frozen=True)
class RowRule:
    """One keyword that looks at several columns of a row."""

    keyword: str
    limit: Json
    columns: tuple[str, ...]
    holds: Callable[[Mapping[str, Json]], bool]


def column_rules(contract: Contract) -> dict[str, tuple[Rule, ...]]:
    """Return the rules of each column of `contract`, in the order of its schema."""
    root = row_validator(contract.schema)
    return {column.name: tuple(_rules(column.schema, root)) for column in contract.columns}


def row_rules(contract: Contract) -> tuple[RowRule, ...]:
    """Return the rules of `contract` that no single column can answer."""
    root, schema = row_validator(contract.schema), contract.schema
    names = tuple(column.name for column in contract.columns)
    return tuple(
        RowRule(
            keyword, schema[keyword], _columns_of(_subschema(keyword, schema), names), _judge(keyword, schema, root)
        )
        for keyword in schema
        if keyword not in ANNOTATIONS | HEADER_KEYWORDS
    )


def _rules(schema: Mapping[str, Json], root: Validator) -> Iterator[Rule]:
    for keyword, limit in schema.items():
        if keyword in ANNOTATIONS:
            continue
        if keyword in COMPILED:
            yield COMPILED[keyword](keyword, limit)
        else:
            yield Rule(keyword, limit, _judge(keyword, schema, root), None)


def _judge(keyword: str, schema: Mapping[str, Json], root: Validator) -> Callable[[Json], bool]:
    validator = root.evolve(schema=_subschema(keyword, schema))
    return lambda value: bool(validator.is_valid(value))


def _subschema(keyword: str, schema: Mapping[str, Json]) -> dict[str, Json]:
    """Return `keyword` with the siblings that give it its meaning."""
    names = (keyword, "then", "else") if keyword == "if" else (keyword,)
    return {name: schema[name] for name in names if name in schema}


def _columns_of(subschema: Json, names: tuple[str, ...]) -> tuple[str, ...]:
    words = set(_words(subschema))
    named = tuple(name for name in names if name in words)
    return names if words & OPAQUE or not named else named


def _words(node: Json) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            # Whole rows are compared when an object is listed.
            yield "additionalProperties" if key in {"const", "enum"} and _lists_objects(value) else key
            yield from _words(value)
    elif isinstance(node, list):
        for value in node:
            yield from _words(value)


def _lists_objects(value: Json) -> bool:
    return any(isinstance(each, Mapping) for each in (value if isinstance(value, list) else [value]))
