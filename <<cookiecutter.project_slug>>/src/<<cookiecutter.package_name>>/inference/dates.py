"""Dates as people type them: in which forms texts can be read, and what ISO 8601 writes for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import product
from typing import NamedTuple

_DAY_FIRST, _MONTH_FIRST = ("%d/%m/%Y", "%d-%m-%Y"), ("%m/%d/%Y", "%m-%d-%Y")
_NAMED = ("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y")
_FORMS = (*_DAY_FIRST, *_MONTH_FIRST, "%d.%m.%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", *_NAMED)
_SHORT_YEARS = ("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y")
_SHORT = re.compile(r"[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{2}", re.ASCII)
_CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
_DATED = re.compile(r"(?=.*(?<![0-9])[0-9]{4}(?![0-9]))[0-9A-Za-z][0-9A-Za-z ,./:-]{7,29}", re.ASCII)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?")
_COMPACT = re.compile(r"(19|20)[0-9]{6}", re.ASCII)


class Form(NamedTuple):
    """How a day, and perhaps the time of it, are written, as strptime says it."""

    day: str
    clock: str = ""


def forms(texts: Sequence[str]) -> list[Form]:
    """Return the forms that all `texts` keep, none for ISO dates.

    There are two when it is open whether the day or the month comes first.
    """
    if len(texts) > 1 and all(map(_COMPACT.fullmatch, texts)):
        compact = Form("%Y%m%d")
        return [compact] if all(iso(text, form=compact) for text in texts) else []
    if not _foreign(texts):
        return []
    kept = [form for form in _forms(texts[0]) if all(iso(text, form=form) for text in texts)]
    if len(kept) < 2:
        return kept
    # A month's short name may be its long one, and 01/01 is the same day either way: then two forms read the same.
    return list({tuple(iso(text, form=form) for text in texts): form for form in reversed(kept)}.values())


def fault(texts: Sequence[str]) -> str:
    """Say why dates that no one form reads cannot be read, or nothing when `texts` are no dates."""
    short = bool(texts) and all(map(_SHORT.fullmatch, texts))
    if short and all(any(iso(text, form=Form(day)) for day in _SHORT_YEARS) for text in texts):
        return f"dates such as {texts[0]!r} with two digits of the year; write four of them"
    if texts and all(map(_ISO.fullmatch, texts)):  # days beside times: a program that leaves 00:00 out
        other = next((text for text in texts if (":" in text) != (":" in texts[0])), "")
    elif _foreign(texts) and all(map(_forms, texts)):
        first = _forms(texts[0])
        other = next((text for text in texts if not any(iso(text, form=form) for form in first)), texts[-1])
    else:
        return ""
    return other and f"dates in several forms, such as {texts[0]!r} and {other!r}; write all of them alike"


def begins_with_day(form: Form) -> bool:
    """Tell whether `form` begins with the day."""
    return form.day.startswith("%d")


def order(form: Form) -> str:
    """Say which of day and month comes first in `form`, when people could take one for the other."""
    if form.day in _DAY_FIRST:
        return ", the day first"
    return ", the month first" if form.day in _MONTH_FIRST else ""


def iso(text: str, *, form: Form) -> str:
    """Return what ISO 8601 writes for `text`, a time without a zone; nothing when it does not keep `form`."""
    if not form.clock:
        return _iso(text, form.day)[:10]
    cut = text.rfind(" ", 0, text.find(":"))
    day, clock = _iso(text[: max(cut, 0)], form.day)[:10], _iso(text[cut + 1 :], form.clock)[10:]
    return day + clock if day and clock else ""


@lru_cache(1 << 17)  # a column repeats its days, and there are 86,400 seconds in one
def _iso(text: str, form: str) -> str:
    try:
        return datetime.strptime(text, form).isoformat()  # nobody says in which zone
    except ValueError:
        return ""


def _foreign(texts: Sequence[str]) -> bool:
    return bool(texts) and all(map(_DATED.fullmatch, texts)) and not all(map(_ISO.fullmatch, texts))


def _forms(text: str) -> list[Form]:
    clocks = _CLOCKS if ":" in text else ("",)
    return [form for form in map(Form._make, product(_FORMS, clocks)) if iso(text, form=form)]
