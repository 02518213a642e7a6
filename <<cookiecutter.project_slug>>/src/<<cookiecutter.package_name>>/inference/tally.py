"""Count the numbers of a column without a Python object for each, as measurements seldom repeat."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..contracts.arrow import as_doubles, text_array
from ..contracts.csv_cells import BLANKS, NUMBER
from ..contracts.semantics import Json

FEW = 200  # different values up to here are as well counted one by one
_WHOLE = "^[+-]?[0-9]{1,15}$"  # exact in a double
_LEADING_ZERO = "^[+-]?0[0-9]+$"


class Tally(Mapping[Json, int]):
    """The rows of each number, in rising order, held as arrays."""

    def __init__(self, numbers: NDArray[Json]) -> None:
        self._values, self._counts = np.unique(numbers, return_counts=True)
        self.total = len(numbers)

    def __len__(self) -> int:
        """Return how many different numbers there are."""
        return len(self._values)

    def __iter__(self) -> Iterator[int | float]:
        """Yield each number once."""
        return iter(self._values.tolist())

    def __getitem__(self, number: Json) -> int:
        """Return the rows of `number`; KeyError when there is none."""
        places = np.flatnonzero(self._values == number)
        if not len(places):
            raise KeyError(number)
        return int(self._counts[places[0]])


def stored_numbers(column: pa.ChunkedArray) -> Tally | None:
    """Return the numbers of a Parquet column without nulls and NaN, or None when they are few or other values."""
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return None
    numbers = column.drop_null().to_numpy()
    return _many(numbers[~np.isnan(numbers)])


def spelled_numbers(column: pa.ChunkedArray, null: Collection[str]) -> Tally | None:
    """Return the numbers of a CSV column without those in `null`, or None when they are few or not all plain."""
    texts = pc.utf8_trim(column.combine_chunks().drop_null(), BLANKS)
    texts = texts.filter(pc.invert(pc.is_in(texts, text_array(sorted(null)))))
    if not _all_match(texts, f"^({NUMBER})$") or pc.any(pc.match_substring_regex(texts, _LEADING_ZERO)).as_py():
        return None
    numbers = as_doubles(pc.cast(texts, pa.float64()))
    if not np.isfinite(numbers).all():
        return None
    if _all_match(texts, _WHOLE):
        return _many(numbers.astype(np.int64))
    # Longer integers would lose digits.
    return None if pc.any(pc.match_substring_regex(texts, "^[+-]?[0-9]{16,}$")).as_py() else _many(numbers)


def _all_match(texts: pa.StringArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _many(numbers: NDArray[Json]) -> Tally | None:
    tally = Tally(numbers)
    return tally if len(tally) > FEW else None
