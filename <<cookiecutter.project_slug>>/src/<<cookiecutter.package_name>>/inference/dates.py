"""Dates as people type them: in which forms texts can be read, and what ISO 8601 writes for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import product

_DAY_FIRST, _MONTH_FIRST = ("%d/%m/%Y", "%d-%m-%Y"), ("%m/%d/%Y", "%m-%d-%Y")
_NAMED = ("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y")
_FORMS = (*_DAY_FIRST, *_MONTH_FIRST, "%d.%m.%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", *_NAMED)
_SHORT_YEARS = ("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y")
_CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
_DATED = re.compile(r"(?=.*(?<![0-9])[0-9]{4}(?![0-9]))[0-9A-Za-z][0-9A-Za-z ,./:-]{7,29}", re.ASCII)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?")
_COMPACT, _COMPACT_FORM = re.compile(r"(19|20)[0-9]{6}", re.ASCII), "%Y%m%d"


def forms(texts: Sequence[str]) -> list[str]:
    """Return the forms that all `texts` keep, none for ISO dates.

    There are two when it is open whether the day or the month comes first.
    """
    if len(texts) > 1 and all(map(_COMPACT.fullmatch, texts)):
        return [_COMPACT_FORM] if all(_parses(text, _COMPACT_FORM) for text in texts) else []
    if not _foreign(texts):
        return []
    kept = [form for form in _forms(texts[0]) if all(_parses(text, form) for text in texts)]
    # A month's short name may be its long one, and 01/01 is the same day either way: then two forms read the same.
    return list({tuple(iso(text, form=form) for text in texts): form for form in reversed(kept)}.values())


def fault(texts: Sequence[str]) -> str:
    """Say why dates that no one form reads cannot be read, or nothing when `texts` are no dates."""
    if texts and all(any(_parses(text, form) for form in _SHORT_YEARS) for text in texts):
        return f"dates such as {texts[0]!r} with two digits of the year; write four of them"
    if not _foreign(texts) or not all(map(_forms, texts)):
        return ""
    first = _forms(texts[0])
    other = next((text for text in texts if not any(_parses(text, form) for form in first)), texts[-1])
    return f"dates in several forms, such as {texts[0]!r} and {other!r}; write all of them alike"


def begins_with_day(form: str) -> bool:
    """Tell whether `form` begins with the day."""
    return form.startswith("%d")


def order(form: str) -> str:
    """Say which of day and month comes first in `form`, when people could take one for the other."""
    if form.startswith(_DAY_FIRST):
        return ", the day first"
    return ", the month first" if form.startswith(_MONTH_FIRST) else ""


def iso(text: str, *, form: str) -> str:
    """Return what ISO 8601 writes for `text`, which keeps `form`; a time is somebody's local one, without a zone."""
    read = datetime.strptime(text, form)
    return read.isoformat() if ":" in form else read.date().isoformat()


def _foreign(texts: Sequence[str]) -> bool:
    return bool(texts) and all(map(_DATED.fullmatch, texts)) and not all(map(_ISO.fullmatch, texts))


def _forms(text: str) -> list[str]:
    return [form for form in _tried(text) if _parses(text, form)]


def _tried(text: str) -> Iterator[str]:
    clocks = [f" {clock}" for clock in _CLOCKS] if ":" in text else [""]
    return (day + clock for day, clock in product(_FORMS, clocks))


def _parses(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # only the form counts
    except ValueError:
        return False
    return True
