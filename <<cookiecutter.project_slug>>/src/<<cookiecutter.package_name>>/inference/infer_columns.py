"""Decide what a column is for: feature, id, timestamp or ignored.

Numeric limits of features are the range seen, widened by half of it on either side; a column without negative (or
positive) values stays so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..contracts.keywords import LARGEST_EXACT, LARGEST_SQUARED
from ..contracts.semantics import Json
from ..errors import DataError
from .column_notices import ROWS_PER_CATEGORY, foreign, maybe_codes, near_categories, null_words, numbers_and_words
from .column_profile import LOOSE_TIME, Profile

Role = Literal["feature", "id", "timestamp", "ignored"]
MARGIN = 0.5  # of the range seen
MOST_LISTED = 20  # categories that become an enum
MOST_CATEGORIES = 200  # categories at all
ROWS_PER_OPEN_CATEGORY = 5
LONG_TEXT = 40  # characters on average, from which on text is prose and no identifier
TIMES = frozenset({"date", "date-time", "loose-time"})
_ID_NAME = re.compile(r"(?:^|[^A-Za-z])(?:id|ID|Id|uuid|UUID|guid|index|key)$|[a-z]I[dD]$")
_UNNAMED = re.compile(r"|Unnamed: \d+|index")
CHANGE = "to use it, give it x-role feature in contract/data.schema.json"


@dataclass(frozen=True)
class Proposal:
    """What one column is taken for, its rules, and what to tell about it."""

    profile: Profile
    role: Role
    rules: Mapping[str, Json]
    notice: str = ""


def propose(profile: Profile, ids: Sequence[str] = (), mend: str = "") -> Proposal:
    """Return what the column of `profile` is for; those named in `ids` are ids whatever they hold.

    `mend` is the command that writes the table in a contract's spellings; it is empty where there is none.
    """
    proposal = _propose(profile, ids)
    first = ": ".join(filter(None, [proposal.notice, foreign(profile, proposal.role, mend)]))
    told = [first, null_words(profile), near_categories(profile, proposal.role, mend)]
    return replace(proposal, notice="; ".join(filter(None, told)))


def _propose(profile: Profile, ids: Sequence[str]) -> Proposal:
    if profile.name in ids:
        return Proposal(profile, "id", _typed(profile))
    if (idle := _idle(profile)) is not None:
        return idle
    if profile.kind in TIMES:
        return Proposal(profile, "ignored", _timed(profile), f"ignored: a time; {CHANGE}")
    if profile.kind == "boolean":
        return Proposal(profile, "feature", _typed(profile))
    return _numeric(profile) if profile.numeric else _text(profile)


def _idle(profile: Profile) -> Proposal | None:
    """Return the proposal for a column that says nothing, or None."""
    if profile.kind == "empty":
        return Proposal(profile, "ignored", {"type": ["string", "number", "boolean", "null"]}, "ignored: it is empty")
    if profile.distinct > 1 or (profile.nulls and not profile.numeric):
        return None
    value = next(iter(profile.counts))
    return Proposal(profile, "ignored", _typed(profile), f"ignored: it is {value!r} wherever it is filled")


def _numeric(profile: Profile) -> Proposal:
    if (reason := _id_reason(profile)) and (whole := _as_integers(profile)) is not None:
        profile = whole
        if not profile.unique and profile.distinct <= MOST_LISTED:
            notice = f"a category of {profile.distinct} numbers, because of its name"
            return Proposal(profile, "feature", _listed(profile), notice)
        return Proposal(profile, "id", _typed(profile), f"id, because {reason}; {CHANGE}")
    if (largest := max(abs(min(profile.counts)), abs(max(profile.counts)))) > LARGEST_SQUARED:
        notice = f"ignored: its numbers reach {float(largest):g}, and models square them; take a larger unit"
        return Proposal(profile, "ignored", _typed(profile), notice)
    if profile.kind == "integer" and (kept := _told_apart(profile)) < profile.distinct:
        notice = f"ignored: its {profile.distinct} integers are {kept} different ones to a model, beyond 2^53"
        way = "write names as text, and measures in a larger unit"
        return Proposal(profile, "ignored", _typed(profile), f"{notice}; {way}")
    rules = _typed(profile) | limits(min(profile.counts), max(profile.counts), whole=profile.kind == "integer")
    marked = f"{', '.join(map(repr, profile.markers))} means null in it (x-nulls)" if profile.markers else ""
    return Proposal(profile, "feature", rules, "; ".join(filter(None, [marked, maybe_codes(profile)])))


def _as_integers(profile: Profile) -> Profile | None:
    """Return `profile` with integers for the numbers that programs write as 123.0, or None when some are no such."""
    if profile.kind == "integer":
        return profile
    if not all(float(value).is_integer() for value in profile.counts):
        return None
    return replace(profile, kind="integer", counts={int(value): count for value, count in profile.counts.items()})


def _told_apart(profile: Profile) -> int:
    """Return how many of the integers are different as doubles, which models compute with."""
    if max(abs(min(profile.counts)), abs(max(profile.counts))) <= LARGEST_EXACT:
        return profile.distinct
    return len({float(value) for value in profile.counts})


def _id_reason(profile: Profile) -> str:
    if profile.unique and _UNNAMED.fullmatch(profile.name):
        return "it has no name and differs in every row"
    if profile.unique and max(profile.counts) - min(profile.counts) == profile.rows - 1:
        return "it numbers the rows"
    return "of its name" if _ID_NAME.search(profile.name) else ""


def _text(profile: Profile) -> Proposal:
    length = sum(len(text) * count for text, count in profile.counts.items()) / sum(profile.counts.values())
    rows_each = (profile.rows - profile.nulls) / profile.distinct
    few = profile.distinct <= MOST_LISTED and rows_each >= ROWS_PER_CATEGORY
    if profile.spelling and not (profile.spelling.measure and few):
        return Proposal(profile, "ignored", _typed(profile), "ignored")
    if _ID_NAME.search(profile.name) and profile.distinct > MOST_LISTED and not profile.unique:
        # As a category it would tell the model whose rows it is asked for, with rows of the same one to learn from.
        notice = f"id, because of its name: rows that share one stay on one side of the split; {CHANGE}"
        return Proposal(profile, "id", _typed(profile), notice)
    if few:
        return Proposal(profile, "feature", _listed(profile))
    if profile.distinct <= MOST_CATEGORIES and rows_each >= ROWS_PER_OPEN_CATEGORY:
        notice = f"{profile.distinct} categories, of which more may come; list them as enum to refuse others"
        return Proposal(
            profile, "feature", _typed(profile), "; ".join(filter(None, [notice, numbers_and_words(profile)]))
        )
    if profile.unique and length < LONG_TEXT:
        return Proposal(profile, "id", _typed(profile), "id, because it differs in every row")
    notice = f"{profile.distinct} different texts in {profile.rows} rows are no categories; {CHANGE}"
    return Proposal(profile, "ignored", _typed(profile), f"ignored: {numbers_and_words(profile) or notice}")


def propose_timestamp(proposals: Sequence[Proposal], wanted: str | None) -> list[Proposal]:
    """Return `proposals` with one column of times as timestamp: `wanted`, else the first that is never empty."""
    times = [proposal.profile for proposal in proposals if proposal.profile.kind in TIMES]
    whole = [profile.name for profile in times if not profile.nulls]
    if wanted is not None and wanted not in whole:
        raise DataError(f"--timestamp {wanted!r}: wanted ISO 8601 dates or times (2024-12-31) in every row")
    chosen = wanted or next(iter(whole), None)
    return [_stamped(proposal, wanted) if proposal.profile.name == chosen else proposal for proposal in proposals]


def _stamped(proposal: Proposal, wanted: str | None) -> Proposal:
    notice = "" if wanted else "timestamp: the first column of times; choose another with --timestamp"
    return replace(proposal, role="timestamp", rules=_timed(proposal.profile), notice=notice)


def limits(low: float, high: float, *, whole: bool) -> dict[str, float]:
    """Return minimum and maximum with room around the range from `low` to `high`."""
    span = float(high) - float(low)
    if not 0 < span < math.inf:
        return {}
    digits = 1 - math.floor(math.log10(span))
    least, most = low - MARGIN * span, high + MARGIN * span
    if low >= 0:
        least = max(least, 0)
    if high <= 0:
        most = min(most, 0)
    if whole:
        return {"minimum": math.floor(least), "maximum": math.ceil(most)}
    step = 10.0**-digits
    # Far from zero, rounding to a step loses more than the margin.
    minimum = min(round(math.floor(least / step) * step, max(digits, 0)), low)
    maximum = max(round(math.ceil(most / step) * step, max(digits, 0)), high)
    return {"minimum": minimum, "maximum": maximum} if math.isfinite(minimum) and math.isfinite(maximum) else {}


def _typed(profile: Profile) -> dict[str, Json]:
    kind = profile.kind if profile.kind in {"boolean", "integer", "number"} else "string"
    rules: dict[str, Json] = {"type": [kind, "null"] if profile.nulls or profile.markers else kind}
    if profile.markers:
        rules["x-nulls"] = list(profile.markers)
    return rules


def _timed(profile: Profile) -> dict[str, Json]:
    form = {"pattern": LOOSE_TIME} if profile.kind == "loose-time" else {"format": profile.kind}
    return _typed(profile) | form


def _listed(profile: Profile) -> dict[str, Json]:
    rules = _typed(profile)
    return rules | {"enum": [*sorted(profile.counts), *([None] if profile.nulls else [])]}
