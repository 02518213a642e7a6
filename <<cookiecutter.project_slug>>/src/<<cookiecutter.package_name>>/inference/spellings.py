"""Spellings of dates and numbers that people use and JSON does not: told by a column's cells, and read.

A column is read in one way or not at all. Where its cells leave two ways open (01/02/2024; 1,234), the caller chooses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import product
from typing import Literal

from ..contracts.csv_cells import parse_number

Mark = Literal[".", ","]
STRAY_SHARE = 0.1  # a numeric column may hold this share of other text …
STRAY_KINDS = 3  # … in this many spellings, and they are taken for nulls

DAY_FIRST, MONTH_FIRST = "--day-first", "--month-first"
COMMA, POINT = "--decimal comma", "--decimal point"

_BLANKS = " \u00a0\u2009\u202f"  # also those that no line is broken at
_APART = rf"'\u2019{_BLANKS}"  # between groups of three digits, in any country
_CURRENCIES = "EUR USD GBP CHF JPY CNY INR AUD CAD NZD SEK NOK DKK PLN CZK HUF BRL MXN ZAR KRW TRY RUB kr zł R\\$"
_UNIT = rf"[$€£¥₹₽₩₺₫₴%‰]|{_CURRENCIES.replace(' ', '|')}"
_AMOUNT = re.compile(
    rf"(?P<sign>[-+\u2212]?)[{_BLANKS}]*(?P<before>{_UNIT})?[{_BLANKS}]*(?P<inner>[-+\u2212]?)"
    rf"(?P<digits>[0-9](?:[0-9.,{_APART}]*[0-9])?(?:[eE][+-]?[0-9]+)?)[{_BLANKS}]*(?P<after>{_UNIT})?"
)
# No group begins with a zero, so that 0,123 is a decimal and 012 a code.
_GROUPS = r"[1-9][0-9]{0,2}(?:([%s])[0-9]{3}(?:\2[0-9]{3})*)|0|[1-9][0-9]*"
_WHOLE = re.compile(r"[-+]?([1-9][0-9]{0,2}(\.[0-9]{3})*|0)")
_DIGITS: Mapping[Mark, re.Pattern[str]] = {
    ".": re.compile(rf"({_GROUPS % f',{_APART}'})(\.[0-9]+)?([eE][+-]?[0-9]+)?"),
    ",": re.compile(rf"({_GROUPS % f'.{_APART}'})(,[0-9]+)?([eE][+-]?[0-9]+)?"),
}

_DAYS = {"%d/%m/%Y": "%m/%d/%Y", "%d-%m-%Y": "%m-%d-%Y"}  # the day first, and the month first
_FORMS = (*_DAYS, *_DAYS.values(), "%d.%m.%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", "%d %b %Y", "%d-%b-%Y")
_FORMS = (*_FORMS, "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y")
_CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
_DATED = re.compile(r"(?=.*(?<![0-9])[0-9]{4}(?![0-9]))[0-9A-Za-z][0-9A-Za-z ,./:-]{7,29}", re.ASCII)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?")
_COMPACT = re.compile(r"(19|20)[0-9]{6}", re.ASCII)


@dataclass(frozen=True)
class Choices:
    """What the caller says about columns whose cells leave it open."""

    day_first: bool | None = None
    decimal: Mark | None = None


@dataclass(frozen=True)
class Spelling:
    """How a column is written: `what` it holds, and what makes the form of a contract of one cell.

    `options` are the command's, of which the caller has to choose one. Without `read` the column cannot be converted.
    """

    what: str
    read: Callable[[str], str] | None = None
    options: tuple[str, ...] = ()
    comma: bool = False


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
    return f"{found.what}; to use the column, first run: {' '.join([mend, *chosen])}{others}"


def strays(texts: Mapping[str, int], is_number: Callable[[str], bool]) -> tuple[str, ...] | None:
    """Return the words beside the numbers in `texts`, or None when they are too many to stand for missing ones.

    A word with a digit is a number in a spelling of its own, unless it is an error of a spreadsheet (#DIV/0!).
    """
    words = [text for text in texts if not is_number(text)]
    rare = sum(texts[word] for word in words) <= STRAY_SHARE * sum(texts.values())
    digits = any(any(map(str.isdigit, word)) and not word.startswith("#") for word in words)
    return tuple(sorted(words)) if rare and len(words) <= STRAY_KINDS and not digits else None


def grouped_by_points(texts: Sequence[str]) -> bool:
    """Tell whether all `texts` are numbers such as 1.234 or 7, which beside decimal commas mean thousands."""
    return any("." in text for text in texts) and all(map(_WHOLE.fullmatch, texts))


def read_number(text: str, mark: Mark) -> str:
    """Return the number that `text` spells, with `mark` before its decimals, as JSON writes it; no unit is kept."""
    found = _AMOUNT.fullmatch(text)
    assert found is not None  # told by `spelling`
    digits = re.sub(f"[{'.' if mark == ',' else ','}{_APART}]", "", found["digits"]).replace(mark, ".")
    return ("-" if {"-", "\u2212"} & {found["sign"], found["inner"]} else "") + digits


def _dates(texts: Sequence[str], choices: Choices) -> Spelling | None:
    forms = list(_date_forms(texts))
    if not forms:
        return None
    first = texts[0]
    if len(forms) == 1:
        return Spelling(f"dates such as {first!r}{_order(forms[0])}", partial(_iso, form=forms[0]))
    chosen = [form for form in forms if choices.day_first is not None and _begins_with_day(form) == choices.day_first]
    what = f"dates such as {first!r}, of which no cell tells the day from the month"
    return Spelling(what, partial(_iso, form=chosen[0])) if chosen else Spelling(what, None, (DAY_FIRST, MONTH_FIRST))


def _date_forms(texts: Sequence[str]) -> Iterator[str]:
    """Yield the forms that all `texts` keep; two when it is open whether the day or the month comes first."""
    if all(map(_COMPACT.fullmatch, texts)) and len(texts) > 1:
        yield from (form for form in ("%Y%m%d",) if all(_parses(text, form) for text in texts))
    if not all(map(_DATED.fullmatch, texts)) or all(map(_ISO.fullmatch, texts)):
        return
    clocks = [f" {clock}" for clock in _CLOCKS] if ":" in texts[0] else [""]
    found = [day + clock for day, clock in product(_FORMS, clocks) if _parses(texts[0], day + clock)]
    kept = [form for form in found if all(_parses(text, form) for text in texts)]
    # A month's short name may be its long one, and then two forms read the same.
    yield from {tuple(_iso(text, form=form) for text in texts): form for form in reversed(kept)}.values()


def _begins_with_day(form: str) -> bool:
    return form.startswith("%d")


def _order(form: str) -> str:
    if form.startswith(tuple(_DAYS)):
        return ", the day first"
    return ", the month first" if form.startswith(tuple(_DAYS.values())) else ""


def _parses(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # only the form counts
    except ValueError:
        return False
    return True


def _iso(text: str, *, form: str) -> str:
    read = datetime.strptime(text, form)  # a time on somebody's wall, without a zone
    return read.isoformat() if ":" in form else read.date().isoformat()


def _numbers(texts: Mapping[str, int], choices: Choices) -> Spelling | None:
    amounts = {text: found for text in texts if (found := _AMOUNT.fullmatch(text))}
    if strays(texts, amounts.__contains__) is None or all(parse_number(text) is not None for text in amounts):
        return None
    marks = [mark for mark, form in _DIGITS.items() if all(form.fullmatch(one["digits"]) for one in amounts.values())]
    if not marks or _same_length(amounts):
        return None
    units = {one["before"] or one["after"] for one in amounts.values()}
    if len(units) > 1:
        shown = ", ".join(sorted(repr(unit) if unit else "none" for unit in units))
        return Spelling(f"numbers of different units ({shown}); write them in one")
    return _amounts(amounts, marks, units.pop(), choices)


def _amounts(
    amounts: Mapping[str, re.Match[str]], marks: Sequence[Mark], unit: str | None, choices: Choices
) -> Spelling:
    example = next(text for text in amounts if parse_number(text) is None)
    dotted = any("." in one["digits"] or "," in one["digits"] for one in amounts.values())
    if len(marks) > 1 and dotted and choices.decimal is None:
        what = f"numbers such as {example!r}, of which no cell tells decimals from thousands"
        return Spelling(what, None, (COMMA, POINT))
    mark = choices.decimal if len(marks) > 1 and choices.decimal else marks[0]
    comma = mark == "," and dotted
    about = (" with a decimal comma" if comma else "") + (f", all in {unit!r}" if unit else "")
    read = partial(_read_or_keep, amounts=amounts, mark=mark)
    return Spelling(f"numbers such as {example!r}{about}", read, comma=comma)


def _read_or_keep(text: str, *, amounts: Mapping[str, re.Match[str]], mark: Mark) -> str:
    return read_number(text, mark) if text in amounts else text


def _same_length(amounts: Mapping[str, re.Match[str]]) -> bool:
    """Tell whether all are digits in groups with blanks between, as many in each: a telephone, no quantity."""
    digits = [one["digits"] for one in amounts.values()]
    blank = all(any(sign in text for sign in _BLANKS) and not set(text) & set(".,") for text in digits)
    return blank and len(digits) > 1 and len(set(map(len, digits))) == 1
