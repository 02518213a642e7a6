"""What the values of one column look like, from which `infer` proposes its place in a contract."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from ..contracts.csv_cells import BLANKS, BOOLEANS, NULL_MARKERS, is_number, parse_number
from ..contracts.semantics import Json, is_date, is_date_time
from .amounts import strays
from .spellings import Spelling, spelling
from .tally import Tally, spelled_numbers, stored_numbers

Kind = Literal["empty", "boolean", "integer", "number", "date", "date-time", "loose-time", "text"]

# What programs write besides the date-time of RFC 3339: a blank for the T, no seconds, a short offset or none.
LOOSE_TIME = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?$"
_LOOSE_TIME = re.compile(LOOSE_TIME.replace("$", r"\Z"), re.ASCII)
LEADING_ZERO = re.compile(r"[+-]?0\d+")


@dataclass(frozen=True)
class Profile:
    """One column of a table; `counts` gives the rows of each JSON value that is not null.

    `markers` are words of its own that mean null in a column of numbers. `words` gives the rows of each text that any
    CSV file writes for null (`NULL_MARKERS`), in a column of texts, where it may have been meant. `spelling` is how
    texts are written that mean dates or numbers and that no contract reads as such.
    """

    name: str
    rows: int
    kind: Kind
    counts: Mapping[Json, int]
    markers: tuple[str, ...] = ()
    words: Mapping[str, int] = field(default_factory=dict)
    spelling: Spelling | None = None

    @property
    def nulls(self) -> int:
        """Number of rows without a value."""
        return self.rows - (self.counts.total if isinstance(self.counts, Tally) else sum(self.counts.values()))

    @property
    def distinct(self) -> int:
        """Number of different values."""
        return len(self.counts)

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.rows > 1 and self.distinct == self.rows

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers."""
        return self.kind in {"integer", "number"}


def profile(name: str, column: pa.ChunkedArray, *, is_text_file: bool, keep: Sequence[str] = ()) -> Profile:
    """Return what `column` looks like; in a text file all cells are text, and those in `keep` are never null."""
    null = {*NULL_MARKERS} - set(keep)
    tally = spelled_numbers(column, null) if is_text_file else stored_numbers(column)
    if tally is not None:
        kind: Kind = "integer" if isinstance(next(iter(tally)), int) else "number"
        return Profile(name, len(column), kind, tally)
    counts = _counts(column)
    if is_text_file:
        return _profile_text(name, len(column), counts, null)
    values = {value: count for value, count in counts.items() if value is not None and not _is_nan(value)}
    return Profile(name, len(column), _stored_kind(column.type, values), values)


def _counts(column: pa.ChunkedArray) -> Counter[Json]:
    """Return the rows of each value; times become the ISO 8601 text that validation sees."""
    counted = pc.value_counts(column.combine_chunks())
    values = map(_as_text, counted.field("values").to_pylist())
    counts: Counter[Json] = Counter()
    for value, count in zip(values, counted.field("counts").to_pylist(), strict=True):
        counts[value] += count
    return counts


def _as_text(value: Json) -> Json:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _is_nan(value: Json) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _stored_kind(kind: pa.DataType, values: Mapping[Json, int]) -> Kind:
    if not values:
        return "empty"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind):
        return "number"
    if pa.types.is_timestamp(kind) and all(text.endswith("T00:00:00") for text in values):
        return "date"
    return "date-time" if pa.types.is_timestamp(kind) else _time_kind(values) or "text"


def _time_kind(texts: Mapping[str, int]) -> Kind | None:
    tests: dict[Kind, Callable[[str], bool]] = {
        "date": is_date,
        "date-time": is_date_time,
        "loose-time": lambda text: _LOOSE_TIME.match(text) is not None and _reads_iso(text),
    }
    return next((kind for kind, holds in tests.items() if all(map(holds, texts))), None)


def _reads_iso(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _profile_text(name: str, rows: int, counts: Mapping[Json, int], null: Set[str]) -> Profile:
    texts = {text: count for text, count in counts.items() if text is not None and text not in null}
    bare = Counter[str]()
    for text, count in texts.items():
        if text.strip(BLANKS) not in null:
            bare[text.strip(BLANKS)] += count
    if not bare:
        return Profile(name, rows, "empty", {})
    if all(text in BOOLEANS for text in bare):
        return Profile(name, rows, "boolean", _merged(bare, BOOLEANS.__getitem__))
    markers = strays(bare, is_number) or ()
    numbers = {text: count for text, count in bare.items() if text not in markers}
    if not any(LEADING_ZERO.fullmatch(text) for text in numbers) and all(map(is_number, numbers)):
        values = _merged(numbers, parse_number)
        kind: Kind = "integer" if all(isinstance(value, int) for value in values) else "number"
        return Profile(name, rows, kind, values, markers)
    if (time_kind := _time_kind(texts)) is not None:
        return Profile(name, rows, time_kind, texts)
    words = {text: count for text, count in counts.items() if text and text in null}
    return Profile(name, rows, "text", texts, words=words, spelling=spelling(bare))


def _merged(texts: Mapping[str, int], read: Callable[[str], Json]) -> Counter[Json]:
    counts: Counter[Json] = Counter()
    for text, count in texts.items():
        counts[read(text)] += count
    return counts
