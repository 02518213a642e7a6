"""The contract's rules for rows that ask for an answer, compiled for one request at a time.

jsonschema-rs judges a row in microseconds. Where JSON Schema leaves something open, the decisions of
`contracts.semantics` replace its own, so that a request is judged like a row of a table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import jsonschema_rs

from ..contracts.contract import Contract
from ..contracts.semantics import FORMATS, MOST_MATCHED_LETTERS, Json, is_multiple, matcher
from ..errors import did_you_mean
from .refusals import Violation, short

Row = Mapping[str, Json]
CHECKED_ROLES = ("feature", "id")
MOST_VIOLATIONS = 100
UNKNOWN, DEPTH = "additionalProperties", "depth"
WORDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
    "minLength": "a length of at least",
    "maxLength": "a length of at most",
    "pattern": "text that matches",
    "format": "the format",
    "const": "exactly",
}


class RowRules:
    """Judges the rows of a request by `schema`; `names` are columns that may have been meant by others."""

    def __init__(self, schema: Mapping[str, Json], names: Iterable[str]) -> None:
        self.schema = dict(schema)
        self._names = frozenset(names)
        self._rows = _compiled({"type": "array", "items": self.schema, "$defs": schema.get("$defs", {})})
        self._row = _compiled(self.schema)

    @classmethod
    def of_questions(cls, contract: Contract, *, ignore_unknown: bool) -> RowRules:
        """Return the rules of rows that ask: features and ids by theirs, other columns not at all."""
        schema = questions(contract, ignore_unknown=ignore_unknown)
        return cls(schema, schema["properties"])

    @classmethod
    def of_answers(cls, contract: Contract) -> RowRules:
        """Return the rules of rows that hold nothing but the target."""
        name = contract.target.name
        schema = {"type": "object", "properties": {name: contract.target.schema}, "required": [name]}
        return cls({**schema, "$defs": contract.schema.get("$defs", {})}, [name])

    def hold(self, rows: Sequence[Json]) -> bool:
        """Tell whether every row satisfies every rule."""
        try:
            return bool(self._rows.is_valid(rows))
        except ValueError:  # values nested deeper than the library follows
            return False

    def violations(self, rows: Sequence[Json]) -> list[Violation]:
        """Return the first rules that are broken, at most MOST_VIOLATIONS."""
        found: list[Violation] = []
        for place, row in enumerate(rows):
            found += islice(self._violations(place, row), MOST_VIOLATIONS - len(found))
            if len(found) == MOST_VIOLATIONS:
                break
        return found

    def _violations(self, place: int, row: Json) -> Iterator[Violation]:
        if not isinstance(row, dict):
            yield Violation(place, "", "type", short(row), f"seen {_shown(row)}, wanted an object of columns")
            return
        try:
            errors = list(self._row.iter_errors(row))
        except ValueError:
            yield Violation(place, "", DEPTH, None, "seen values nested too deeply, wanted one value per column")
            return
        told, absent = set(), self._names.difference(row)
        for error in errors:
            for column, rule in self._broken(error):
                if (column, rule) not in told:
                    told.add((column, rule))
                    yield self._violation(place, column, rule, row, absent)

    def _broken(self, error: jsonschema_rs.ValidationError) -> Iterator[tuple[str, str]]:
        """Yield column (empty for a rule of the whole row) and outermost keyword of what `error` tells."""
        first, *rest = map(str, error.evaluation_path)
        if first == UNKNOWN:
            yield from ((name, UNKNOWN) for name in error.kind.as_dict()["unexpected"])
        elif first == "required":
            yield str(error.kind.as_dict()["property"]), "required"
        elif first == "properties":
            column, keyword = rest[0], rest[1]
            yield column, keyword if keyword in self.schema["properties"][column] else "$ref"
        else:
            yield "", "if" if first in {"then", "else"} else first

    def _violation(self, place: int, column: str, rule: str, row: Row, absent: frozenset[str]) -> Violation:
        if rule == "required":
            return Violation(place, column, rule, None, "seen no such column, wanted one, null if that is allowed")
        if rule == UNKNOWN:
            near = did_you_mean(column, absent)
            return Violation(place, column, rule, row[column], f"is no column of the contract{near}")
        if not column:
            return Violation(place, "", rule, None, f"the row as a whole breaks {rule}")
        seen, wanted = row[column], _wanted(rule, self.schema["properties"][column])
        if rule == "pattern" and len(seen) > MOST_MATCHED_LETTERS:
            wanted += f" in at most {MOST_MATCHED_LETTERS} letters"
        return Violation(place, column, rule, seen, f"seen {_shown(seen)}, wanted {wanted}")


def questions(contract: Contract, *, ignore_unknown: bool) -> dict[str, Any]:
    """Return the schema of a row without its answer: what is neither feature nor id may hold anything."""
    properties = {column.name: column.schema if column.role in CHECKED_ROLES else True for column in contract.columns}
    required = [name for name in contract.schema.get("required", []) if name in contract.features]
    return {
        **contract.schema,
        "properties": properties,
        "required": required,
        "additionalProperties": ignore_unknown,
    }


def _shown(value: Json) -> str:
    seen = short(value)
    told_of = isinstance(seen, str) and not isinstance(value, str)
    return str(seen) if told_of else json.dumps(seen, ensure_ascii=False)


def _wanted(rule: str, rules: Mapping[str, Json]) -> str:
    limit: Json = rules.get(rule)
    if rule == "type":
        return limit if isinstance(limit, str) else " or ".join(limit)
    if rule == "enum":
        return "one of " + ", ".join(json.dumps(value, ensure_ascii=False) for value in limit)
    words = WORDS.get(rule)
    return f"{words} {limit}" if words else f"what {rule} allows"


def _compiled(schema: Mapping[str, Json]) -> jsonschema_rs.Draft202012Validator:
    keywords: dict[str, type[jsonschema_rs.KeywordValidator]] = {
        "pattern": _Pattern,
        "format": _Format,
        "multipleOf": _MultipleOf,
    }
    return jsonschema_rs.Draft202012Validator(dict(schema), keywords=keywords, offline=True)


class _Decided:
    """A keyword that this repository decides; the library makes one per place in the schema."""

    holds: Callable[[Json], bool]

    def validate(self, value: Json) -> None:
        if not self.holds(value):
            raise ValueError


class _Pattern(_Decided):
    def __init__(self, _: Json, limit: Json, __: Json) -> None:
        matches = matcher(limit)
        self.holds = lambda value: not isinstance(value, str) or matches(value)


class _Format(_Decided):
    def __init__(self, _: Json, limit: Json, __: Json) -> None:
        holds = FORMATS[limit]
        self.holds = lambda value: not isinstance(value, str) or holds(value)


class _MultipleOf(_Decided):
    def __init__(self, _: Json, limit: Json, __: Json) -> None:
        self.holds = lambda value: is_multiple(value, limit)
