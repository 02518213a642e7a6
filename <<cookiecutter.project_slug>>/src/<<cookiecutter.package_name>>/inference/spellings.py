"""Spellings of dates and numbers that people use and JSON does not: told by a column's cells, and read.

A column is read in one way or not at all. Where its cells leave two ways open (01/02/2024; 1,234), the caller chooses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ..contracts.csv_cells import is_number
from . import amounts, dates
from .amounts import Mark

DAY_FIRST, MONTH_FIRST = "--day-first", "--month-first"
COMMA, POINT = "--decimal comma", "--decimal point"


@dataclass(frozen=True)
class Choices:
    """What the caller says about columns whose cells leave it open."""

    day_first: bool | None = None
    decimal: Mark | None = None


@dataclass(frozen=True)
class Spelling:
    """How a column is written: `what` it holds, and what makes the form of a contract of one cell.

    `options` are the command's, of which the caller has to choose one. Without `read` the column cannot be converted.
    `comma` tells of decimal commas, `measure` of a unit such as cm, which may as well belong to a code.
    """

    what: str
    read: Callable[[str], str] | None = None
    options: tuple[str, ...] = ()
    comma: bool = False
    measure: bool = False


def spelling(texts: Mapping[str, int], choices: Choices | None = None) -> Spelling | None:
    """Return how the cells in `texts`, of which none is null or has blanks around it, are written.

    `texts` gives the rows of each. None says that a contract reads them as they are, or that they are other text.
    """
    return _dates(list(texts), choices or Choices()) or _numbers(texts, choices or Choices())


def advice(found: Spelling, mend: str) -> str:
    """Say how a column is written, and how the command `mend` converts it; it is empty where there is none."""
    if found.read is None and not found.options:
        return found.what
    if not mend:
        return f"{found.what}; store them as dates or numbers to use the column"
    chosen, others = found.options[:1], "".join(f" (or {option})" for option in found.options[1:])
    aim = "use it as a number" if found.measure else "use the column"
    return f"{found.what}; to {aim}, first run: {' '.join([mend, *chosen])}{others}"


def _dates(texts: Sequence[str], choices: Choices) -> Spelling | None:
    forms = dates.forms(texts)
    if not forms:
        fault = dates.fault(texts)
        return Spelling(fault) if fault else None
    if len(forms) == 1:
        what = f"dates such as {texts[0]!r}{dates.order(forms[0])}"
        return Spelling(what, partial(dates.iso, form=forms[0]))
    what = f"dates such as {texts[0]!r}, of which no cell tells the day from the month"
    if choices.day_first is None:
        return Spelling(what, None, (DAY_FIRST, MONTH_FIRST))
    chosen = next(form for form in forms if dates.begins_with_day(form) == choices.day_first)
    return Spelling(what, partial(dates.iso, form=chosen))


def _numbers(texts: Mapping[str, int], choices: Choices) -> Spelling | None:
    found = amounts.found(texts)
    plain = all(map(is_number, found))
    if plain or amounts.strays(texts, found.__contains__) is None or not (marks := amounts.marks(found.values())):
        return None
    units = amounts.units(found.values())
    if len(units) == 1:
        return _amounts(found, marks, units[0], choices)
    if any(map(amounts.is_measure, units)):
        return None
    return Spelling(f"numbers of different units ({', '.join(repr(unit) for unit in units)}); write them in one")


def _amounts(found: Mapping[str, re.Match[str]], marks: Sequence[Mark], unit: str, choices: Choices) -> Spelling:
    example = next(text for text in found if not is_number(text))
    dotted = amounts.marked(found.values())
    if len(marks) > 1 and dotted and choices.decimal is None:
        what = f"numbers such as {example!r}, of which no cell tells decimals from thousands"
        return Spelling(what, None, (COMMA, POINT))
    mark = choices.decimal if len(marks) > 1 and choices.decimal else marks[0]
    comma = mark == "," and dotted
    about = (" with a decimal comma" if comma else "") + (f", all in {unit!r}" if unit else "")
    read = partial(_read_or_keep, numbers=found, mark=mark)
    return Spelling(f"numbers such as {example!r}{about}", read, comma=comma, measure=amounts.is_measure(unit))


def _read_or_keep(text: str, *, numbers: Mapping[str, re.Match[str]], mark: Mark) -> str:
    return amounts.read_number(text, mark) if text in numbers else text
