"""What to tell about a column: what was seen, what was made of it, and what to do when it was meant otherwise."""

from __future__ import annotations

import json

from ..contracts.csv_cells import is_number
from .alike import alike, merging
from .amounts import strays
from .column_profile import LEADING_ZERO, Profile
from .spellings import Spelling, advice, spelling

ROWS_PER_CATEGORY = 2  # on average, for an enum
MOST_CODES = 10  # different whole numbers that may be names; two are the same to a model either way
FIRST_DATE, LAST_DATE = 19_000_101, 21_000_101  # whole numbers between these may be dates


def foreign(profile: Profile, role: str, mend: str) -> str:
    """Say how to use a column of dates or numbers that no contract reads as such, or nothing."""
    found = profile.spelling or _compact_dates(profile)
    return advice(found, mend) if found and role in {"ignored", "feature"} else ""


def near_categories(profile: Profile, role: str, mend: str) -> str:
    """Say which categories are probably one, and how to make them so, or nothing."""
    same = alike(profile.counts) if role == "feature" and profile.kind == "text" else ""
    return f"{same}; to make them one, {merging(profile.name, mend)}" if same else ""


def null_words(profile: Profile) -> str:
    """Say which words of a column of texts are taken for null, as one may be a value (NA, the code of Namibia)."""
    if not profile.words:
        return ""
    words = ", ".join(f"{word!r} ({count} rows)" for word, count in sorted(profile.words.items()))
    return (
        f"taken for missing: {words}; to keep such a word as a value, list it with all others under "
        '"enum" in contract/data.schema.json'
    )


def numbers_and_words(profile: Profile) -> str:
    """Say how to use a column of numbers with a few words in more rows than are taken for null, or nothing."""
    words = strays(profile.counts, is_number, share=1.0)
    if not words or any(map(LEADING_ZERO.fullmatch, profile.counts)):
        return ""
    rules = f'"type": ["number", "null"], "x-nulls": {json.dumps(words, ensure_ascii=False)}'
    shown = ", ".join(f"{word!r} ({profile.counts[word]} rows)" for word in words)
    return (
        f"numbers but for {shown}; if that means null, give it {rules} and x-role feature in contract/data.schema.json"
    )


def maybe_codes(profile: Profile) -> str:
    """Return what to do when the few whole numbers of a quantity are the names of groups, or nothing."""
    repeated = profile.rows - profile.nulls >= ROWS_PER_CATEGORY * profile.distinct
    whole = all(float(value).is_integer() for value in profile.counts)
    if not 2 < profile.distinct <= MOST_CODES or not repeated or not whole or _compact_dates(profile):
        return ""
    codes = ", ".join([*(str(int(value)) for value in sorted(profile.counts)), *(["null"] if profile.nulls else [])])
    return (
        f"a quantity of {profile.distinct} whole numbers; if they are codes without an order, put "
        f'"enum": [{codes}] in the place of minimum and maximum in contract/data.schema.json'
    )


def _compact_dates(profile: Profile) -> Spelling | None:
    """Return how whole numbers are written that look like dates (20241231): as quantities, a month has 100 days."""
    if profile.kind != "integer" or min(profile.counts) < FIRST_DATE or max(profile.counts) >= LAST_DATE:
        return None
    return spelling({str(value): 1 for value in sorted(profile.counts)})
