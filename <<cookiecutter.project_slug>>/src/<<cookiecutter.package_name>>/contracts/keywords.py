"""Keywords of JSON Schema as rules that judge a whole column at once.

A `Rule` has up to three forms that agree: `holds` judges one JSON value exactly as jsonschema does, `numbers` judges an
array of doubles, `text` judges an Arrow array of strings (what it says of nulls means nothing).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .arrow import Mask, as_integers, as_mask, text_array
from .semantics import FORMATS, MOST_MATCHED_LETTERS, Json, is_multiple, is_number, matcher

Doubles = NDArray[np.float64]
Holds = Callable[[Json], bool]
OnNumbers = Callable[[Doubles], Mask]
OnText = Callable[[pa.StringArray], Mask]

LARGEST_EXACT = 2**53  # from here on, doubles skip integers
LARGEST_SQUARED = 1e150  # a hundred million of its squares still add up to a double
# Patterns that RE2 and Python read alike: literals, ASCII classes, groups, anchors, greedy quantifiers.
_PORTABLE = re.compile(
    r"""(?: [A-Za-z0-9\ _:/@,;=\#%&~!'"<>.-]
          | \\[.\-/+*?()\[\]{}|^$\\dw]
          | \[\^?(?:[A-Za-z0-9\ _.:/@+-]|\\[dw.-])+\]
          | \(\?: | \((?!\?) | [)|^$]
          | (?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})(?![*+?])
        )+""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Rule:
    """One keyword of one column; `numbers` and `text` are None where only `holds` can tell."""

    keyword: str
    limit: Json
    holds: Holds
    numbers: OnNumbers | None
    text: OnText | None = None


def _type(keyword: str, limit: Json) -> Rule:
    types = frozenset([limit] if isinstance(limit, str) else limit)

    def holds(value: Json) -> bool:
        if isinstance(value, str):
            return "string" in types
        if value is None or isinstance(value, bool):
            return ("null" if value is None else "boolean") in types
        whole = "integer" in types and is_number(None, value) and value == math.floor(value)
        return whole or ("number" in types and is_number(None, value))

    def numbers(values: Doubles) -> Mask:
        if "number" in types:
            return np.ones(len(values), bool)
        return np.asarray(np.floor(values) == values) if "integer" in types else np.zeros(len(values), bool)

    return Rule(keyword, limit, holds, numbers, _always if "string" in types else None)


def _enum(keyword: str, limit: Json) -> Rule:
    allowed = {(isinstance(value, bool), value) for value in (limit if keyword == "enum" else [limit])}
    plain = [value for is_bool, value in allowed if is_number(None, value) and not is_bool]
    return Rule(
        keyword,
        limit,
        lambda value: (isinstance(value, bool), value) in allowed,
        (lambda values: np.isin(values, np.array(plain, float))) if all(map(_is_double, plain)) else None,
    )


def _bound(compare: Callable[[Json, Json], Json]) -> Callable[[str, Json], Rule]:
    def build(keyword: str, limit: Json) -> Rule:
        return Rule(
            keyword,
            limit,
            lambda value: not is_number(None, value) or bool(compare(value, limit)),
            (lambda values: compare(values, float(limit))) if _is_double(limit) else None,
            _always,
        )

    return build


def _multiple_of(keyword: str, limit: Json) -> Rule:
    def holds(value: Json) -> bool:
        return is_multiple(value, limit)

    def numbers(values: Doubles) -> Mask:
        if isinstance(limit, int):
            return np.asarray(np.fmod(values, limit) == 0)
        with np.errstate(over="ignore"):
            quotients = values / limit
        whole: Mask = np.asarray(np.floor(quotients) == quotients)
        for place in np.flatnonzero(np.isinf(quotients)):
            whole[place] = holds(float(values[place]))
        return whole

    return Rule(keyword, limit, holds, numbers if _is_double(limit) else None, _always)


def _length(compare: Callable[[Json, Json], Json]) -> Callable[[str, Json], Rule]:
    def build(keyword: str, limit: Json) -> Rule:
        return Rule(
            keyword,
            limit,
            lambda value: not isinstance(value, str) or bool(compare(len(value), limit)),
            _any_number,
            lambda texts: np.asarray(compare(as_integers(pc.utf8_length(texts)), limit)),
        )

    return build


def _pattern(keyword: str, limit: Json) -> Rule:
    matches = matcher(limit)

    def text(texts: pa.StringArray) -> Mask:
        short = as_integers(pc.utf8_length(texts)) <= MOST_MATCHED_LETTERS
        return np.asarray(as_mask(pc.match_substring_regex(texts, limit)) & short)

    return Rule(
        keyword,
        limit,
        lambda value: not isinstance(value, str) or matches(value),
        _any_number,
        text if _is_portable(limit) else None,
    )


def _is_portable(pattern: str) -> bool:
    if not _PORTABLE.fullmatch(pattern):
        return False
    try:
        pc.match_substring_regex(text_array([""]), pattern)
    except pa.ArrowInvalid:  # RE2 bounds repetitions
        return False
    return True


def _format(keyword: str, limit: Json) -> Rule:
    holds = FORMATS[limit]
    return Rule(keyword, limit, lambda value: not isinstance(value, str) or holds(value), _any_number)


def _is_double(value: Json) -> bool:
    """Tell whether the number `value` is the same as a double."""
    return isinstance(value, float) or abs(value) <= LARGEST_EXACT


def _any_number(values: Doubles) -> Mask:
    return np.ones(len(values), bool)


def _always(texts: pa.StringArray) -> Mask:
    return np.ones(len(texts), bool)


COMPILED: Mapping[str, Callable[[str, Json], Rule]] = {
    "type": _type,
    "enum": _enum,
    "const": _enum,
    "minimum": _bound(lambda value, limit: value >= limit),
    "maximum": _bound(lambda value, limit: value <= limit),
    "exclusiveMinimum": _bound(lambda value, limit: value > limit),
    "exclusiveMaximum": _bound(lambda value, limit: value < limit),
    "multipleOf": _multiple_of,
    "minLength": _length(lambda size, limit: size >= limit),
    "maxLength": _length(lambda size, limit: size <= limit),
    "pattern": _pattern,
    "format": _format,
}
