"""Numbers as people type them: with a decimal comma, in groups of thousands, with a currency, a percent or a unit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

Mark = Literal[".", ","]
STRAY_SHARE = 0.1  # a numeric column may hold this share of other text …
STRAY_KINDS = 3  # … in this many spellings, and they are taken for nulls

_BLANKS = " \u00a0\u2009\u202f"  # also those that no line is broken at
_APART = rf"'\u2019{_BLANKS}"  # between groups of three digits, in any country
_CURRENCIES = "EUR USD GBP CHF JPY CNY INR AUD CAD NZD SEK NOK DKK PLN CZK HUF BRL MXN ZAR KRW TRY RUB kr zł R\\$"
_UNIT = rf"[$€£¥₹₽₩₺₫₴%‰]|{_CURRENCIES.replace(' ', '|')}"
_MEASURE = "[A-Za-zµ°²³/]{1,8}"  # a unit that stands behind a number only: 12 cm
_AMOUNT = re.compile(
    rf"(?P<sign>[-+\u2212]?)[{_BLANKS}]*(?P<before>{_UNIT})?[{_BLANKS}]*(?P<inner>[-+\u2212]?)"
    rf"(?P<digits>[0-9](?:[0-9.,{_APART}]*[0-9])?(?:[eE][+-]?[0-9]+)?)[{_BLANKS}]*(?P<after>{_UNIT}|{_MEASURE})?"
)
# No group begins with a zero, so that 0,123 is a decimal and 012 a code.
_GROUPS = r"[1-9][0-9]{0,2}(?:([%s])[0-9]{3}(?:\2[0-9]{3})*)|0|[1-9][0-9]*"
_WHOLE = re.compile(r"[-+]?([1-9][0-9]{0,2}(\.[0-9]{3})*|0)")
_DIGITS: Mapping[Mark, re.Pattern[str]] = {
    ".": re.compile(rf"({_GROUPS % f',{_APART}'})(\.[0-9]+)?([eE][+-]?[0-9]+)?"),
    ",": re.compile(rf"({_GROUPS % f'.{_APART}'})(,[0-9]+)?([eE][+-]?[0-9]+)?"),
}


def amount(text: str) -> re.Match[str] | None:
    """Return the parts of an amount, or None; accountants put negative ones into parentheses."""
    return _AMOUNT.fullmatch(text[1:-1] if text.startswith("(") and text.endswith(")") else text)


def found(texts: Iterable[str]) -> dict[str, re.Match[str]]:
    """Return the amounts among `texts`; none when more kinds of other text are there than a column of numbers has."""
    amounts: dict[str, re.Match[str]] = {}
    for number, text in enumerate(texts):
        if parts := amount(text):
            amounts[text] = parts
        if number + 1 - len(amounts) > STRAY_KINDS:
            return {}
    return amounts


def marks(amounts: Iterable[re.Match[str]]) -> list[Mark]:
    """Return which of point and comma can stand before the decimals in all `amounts`."""
    digits = {one["digits"] for one in amounts}
    if not digits or _same_length(digits):
        return []
    return [mark for mark, form in _DIGITS.items() if all(map(form.fullmatch, digits))]


def marked(amounts: Iterable[re.Match[str]]) -> bool:
    """Tell whether a point or a comma stands in any amount."""
    return any("." in one["digits"] or "," in one["digits"] for one in amounts)


def units(amounts: Iterable[re.Match[str]]) -> list[str]:
    """Return the units of `amounts`, an empty one for none."""
    return sorted({one["before"] or one["after"] or "" for one in amounts})


def is_measure(unit: str) -> bool:
    """Tell whether `unit` is neither a currency nor a percent, so that it may as well belong to a code (12B)."""
    return bool(unit) and re.fullmatch(_UNIT, unit) is None


def read_number(text: str, mark: Mark) -> str:
    """Return the number that `text` spells, with `mark` before its decimals, as JSON writes it; no unit is kept."""
    parts = amount(text)
    assert parts is not None  # told by the caller
    digits = re.sub(f"[{'.' if mark == ',' else ','}{_APART}]", "", parts["digits"]).replace(mark, ".")
    minus = text.startswith("(") or bool({"-", "\u2212"} & {parts["sign"], parts["inner"]})
    return f"-{digits}" if minus else digits


def grouped_by_points(texts: Sequence[str]) -> bool:
    """Tell whether all `texts` are numbers such as 1.234 or 7, which beside decimal commas mean thousands."""
    return any("." in text for text in texts) and all(map(_WHOLE.fullmatch, texts))


def strays(
    texts: Mapping[str, int], is_number: Callable[[str], bool], *, share: float = STRAY_SHARE
) -> tuple[str, ...] | None:
    """Return the words beside the numbers in `texts`, or None when more than `share` of the cells are such.

    A word with a digit is a number in a spelling of its own, unless it is an error of a spreadsheet (#DIV/0!).
    """
    words = [text for text in texts if not is_number(text)]
    rare = sum(texts[word] for word in words) <= share * sum(texts.values())
    digits = any(any(map(str.isdigit, word)) and not word.startswith("#") for word in words)
    return tuple(sorted(words)) if rare and len(words) <= STRAY_KINDS and not digits else None


def _same_length(digits: set[str]) -> bool:
    """Tell whether all are digits in groups with blanks between, as many in each: a telephone, no quantity."""
    blank = all(any(sign in text for sign in _BLANKS) and not set(text) & set(".,") for text in digits)
    return blank and len(digits) > 1 and len(set(map(len, digits))) == 1
