"""What JSON Schema leaves open, decided once: asserted formats, the dialect and reach of patterns, no infinity.

Table checks, the service and the row-by-row validator share these decisions, so that they cannot disagree.
"""

from __future__ import annotations

import ipaddress
import math
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any

Json = Any  # a value that JSON can hold
# A pattern matches no longer text: to search one may take the square of its length, and a request is full of texts.
MOST_MATCHED_LETTERS = 1024
_LONGEST_TIME = 40  # letters; no date or date-time has as many
_TOKEN = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+", re.ASCII)
_HOSTNAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.I)
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`]+", re.I | re.ASCII)


def ecma(pattern: str) -> re.Pattern[str]:
    r"""Compile `pattern` as ECMA-262 reads it: `$` ends the text even before a newline, `\d` and `\w` are ASCII.

    Raises re.error when Python cannot compile it.
    """
    return re.compile(_TOKEN.sub(lambda token: r"\Z" if token[0] == "$" else token[0], pattern), re.ASCII)


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a text matches `pattern`, which none of more than MOST_MATCHED_LETTERS does."""
    search = ecma(pattern).search
    return lambda text: len(text) <= MOST_MATCHED_LETTERS and search(text) is not None


def is_date(text: str) -> bool:
    """Tell whether `text` is a calendar date of RFC 3339 (`2024-02-29`)."""
    return len(text) <= _LONGEST_TIME and _is_date(text)


def is_date_time(text: str) -> bool:
    """Tell whether `text` is a date-time of RFC 3339 with its offset, to any fraction; leap seconds are refused."""
    return len(text) <= _LONGEST_TIME and _is_date_time(text)


# Columns repeat their days. Longer texts are kept out, because a client chooses what these remember.
@lru_cache(1 << 16)
def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None and _reads(date.fromisoformat, text)


@lru_cache(1 << 16)
def _is_date_time(text: str) -> bool:
    return _DATE_TIME.fullmatch(text) is not None and _reads(datetime.fromisoformat, text.upper())


def _reads(reader: Callable[[str], Json], text: str) -> bool:
    try:
        reader(text)
    except ValueError:
        return False
    return True


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date": is_date,
    "date-time": is_date_time,
    "email": lambda text: _EMAIL.fullmatch(text) is not None,
    "hostname": lambda text: _HOSTNAME.fullmatch(text) is not None,
    "ipv4": lambda text: _reads(ipaddress.IPv4Address, text),
    "ipv6": lambda text: _reads(ipaddress.IPv6Address, text),
    "uri": lambda text: _URI.fullmatch(text) is not None,
    "uuid": lambda text: len(text) == 36 and _reads(uuid.UUID, text) and text[8::5][:4] == "----",
}


def is_number(_: Json, value: Json) -> bool:
    """Tell whether `value` is a number of JSON: finite, and not a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def is_multiple(value: Json, limit: Json) -> bool:
    """Tell whether `value` is a multiple of `limit`, or no number at all."""
    if not is_number(None, value):
        return True
    if isinstance(limit, int):
        return not value % limit
    quotient = value / limit
    return quotient.is_integer() if math.isfinite(quotient) else not Fraction(value) % Fraction(limit)
