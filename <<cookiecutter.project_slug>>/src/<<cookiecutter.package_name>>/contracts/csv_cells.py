"""What the text of a CSV cell means in its column, the same in a table and in a request.

A cell is read by the types that its column allows, in this order:

- one of `NULL_MARKERS` or of the column's `x-nulls` is null, unless the column's enum lists that very text;
- a decimal number (`-1.5e3`, `+7`, `007`) when the column allows numbers, blanks around it ignored. Columns that
  allow integers keep every digit of an integer; the others read doubles. `1.0` is an integer, as in JSON Schema.
  `inf`, hexadecimal digits, thousands separators and numbers too large for a double are no numbers;
- `true`, `True`, `TRUE`, `false`, `False`, `FALSE` when the column allows booleans; 0 and 1 are numbers;
- otherwise the text itself, which breaks the column's `type` unless it allows strings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from .contract import Column
from .semantics import Json

NULL_MARKERS = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NULL", "Null", "null", "None", "?")
# One way to match each text: with two, a long cell of digits would be tried by the square of its length.
NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_NUMBER = re.compile(NUMBER)
_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")  # longer ones overflow doubles
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
BLANKS = " \t"


def markers(column: Column) -> frozenset[str]:
    """Return the texts that mean null in a CSV file's `column`."""
    listed = column.schema.get("x-nulls", ())
    return frozenset({*NULL_MARKERS, *listed}) - {value for value in column.categories or () if isinstance(value, str)}


def cell_parser(column: Column) -> Callable[[str | None], Json]:
    """Return what reads one cell of `column`; `dataset.cell_reading` gives whole columns this meaning."""
    null = markers(column)
    whole, numeric, boolean = ("integer" in column.types, takes_numbers(column), "boolean" in column.types)

    def parse(text: str | None) -> Json:
        if text is None or text in null:
            return None
        if not numeric and not boolean:
            return text
        bare = text.strip(BLANKS)
        if bare in null:
            return None
        if numeric and (number := parse_number(bare)) is not None:
            return number if whole else float(number)
        return BOOLEANS.get(bare, text) if boolean else text

    return parse


def parse_number(text: str) -> int | float | None:
    """Return the number that `text` spells without blanks around it, or None when it is none that JSON can hold."""
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def is_number(text: str) -> bool:
    """Tell whether `text` spells a number."""
    return parse_number(text) is not None


def takes_numbers(column: Column) -> bool:
    """Tell whether `column` may hold numbers."""
    return not column.types.isdisjoint({"integer", "number"})
