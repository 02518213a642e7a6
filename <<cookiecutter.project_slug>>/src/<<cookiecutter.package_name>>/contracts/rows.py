"""One row against the contract, by the jsonschema library: what tables and requests are judged like, only slower."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from .contract import UNKNOWN, Contract, Violation, near
from .semantics import FORMATS, Json, is_number, matcher


def check_row(contract: Contract, row: Mapping[str, Json]) -> list[Violation]:
    """Return what one `row` of JSON values breaks; NaN counts as null."""
    nan_free = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
    schema, known = contract.schema, contract.schema["properties"]
    found = [Violation(name, "required", True, 1) for name in schema.get("required", []) if name not in row]
    if not schema.get("additionalProperties", True):
        strangers = [name for name in row if name not in known]
        found += [Violation(name, UNKNOWN, False, 1, ((1, row[name]),), near(name, known)) for name in strangers]
    broken = {_broken_rule(error, schema): None for error in row_validator(schema).iter_errors(nan_free)}
    for column, rule in broken:
        if column:
            found.append(Violation(column, rule, known[column][rule], 1, ((1, row[column]),)))
        elif rule not in {"required", UNKNOWN}:
            found.append(Violation("", rule, schema[rule], 1))
    return found


def _broken_rule(error: ValidationError, root: Mapping[str, Json]) -> tuple[str, str]:
    """Return the column (empty for a rule of the whole row) and its outermost keyword."""
    first, *rest = map(str, error.absolute_schema_path)
    column, keyword = (rest[0], rest[1]) if first == "properties" else ("", first)
    if keyword in {"then", "else"}:
        return column, "if"
    # The library leaves $ref out of the path.
    return column, keyword if keyword in (root["properties"][column] if column else root) else "$ref"


def format_checker() -> FormatChecker:
    """Return the checker of exactly the formats in `FORMATS`."""
    checker = FormatChecker(formats=())
    for name, holds in FORMATS.items():
        checker.checkers[name] = (partial(_fits, holds), ())
    return checker


def _fits(holds: Callable[[str], bool], value: Json) -> bool:
    return not isinstance(value, str) or holds(value)


def _pattern(validator: Validator, pattern: str, value: Json, _: Json) -> Iterator[ValidationError]:
    if validator.is_type(value, "string") and not matcher(pattern)(value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_Validator: type[Validator] = extend(  # type: ignore[no-untyped-call]  # its stub has none
    Draft202012Validator,
    validators={"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("number", is_number),
)


def row_validator(schema: Mapping[str, Json]) -> Validator:
    """Return the jsonschema validator of one row, which follows this module's decisions."""
    return _Validator(dict(schema), format_checker=format_checker())
