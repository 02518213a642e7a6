"""Read cells of CSV and Parquet files as the JSON values of their column.

CSV cells are read as `contracts.csv_cells` says.

Parquet cells keep the type of the file. Dates and times become ISO 8601 text: midnights as dates where the contract's
format is `date`, and times without a zone as UTC where it is `date-time`. NaN is null everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..contracts.arrow import Mask, as_doubles, as_integers, as_mask, from_mask, text_array
from ..contracts.contract import Column
from ..contracts.csv_cells import NUMBER, cell_parser, markers, takes_numbers
from ..contracts.keywords import LARGEST_EXACT, Doubles
from ..contracts.semantics import Json
from ..errors import DataError
from .cells import Cells, CodedCells, TextCells, encode, itself

_TEXTUAL = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_date,
    pa.types.is_time,
)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST_SECOND = int(datetime(1, 1, 2, tzinfo=UTC).timestamp())
_LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


class NotPlainError(ValueError):
    """A column read as doubles holds more than plain numbers and nulls, so that its text is needed."""


def from_csv(array: pa.Array, column: Column, *, nulled: frozenset[str], plain_text: bool) -> Cells:
    """Return the cells of a CSV column that was read as text or as doubles, markers in `nulled` being null already.

    `plain_text` says that every rule of the column can judge an array of strings. Raises NotPlainError.
    """
    if pa.types.is_floating(array.type):
        return _from_doubles(array, column)
    if not takes_numbers(column):
        if column.types == {"string"} and column.categories:
            return _listed(array, column)
        if not plain_text or column.types != {"string"}:
            return encode(array, cell_parser(column))
        stray = markers(column) - nulled
        return TextCells(_without(array, stray) if stray else array)
    numbers = _doubles(array)
    return _mixed(numbers, _plain(numbers, column), array, cell_parser(column))


def _listed(texts: pa.StringArray, column: Column) -> CodedCells:
    """Return the codes of `texts` into the column's categories, and into what else there is."""
    categories = [value for value in column.categories or () if isinstance(value, str)]
    places = pc.index_in(texts, value_set=text_array(categories), skip_nulls=True)
    if not places.null_count:
        return CodedCells(None, as_integers(places), tuple(categories))
    strange = as_mask(places.is_null())
    codes = np.where(strange, 0, as_integers(places)).astype(np.int32)
    odd = encode(texts.filter(from_mask(strange)), cell_parser(column))
    assert odd.codes is not None  # texts that are no category have codes, never plain numbers
    codes[strange] = odd.codes + len(categories)
    return CodedCells(None, codes, (*categories, *odd.values))


def _without(texts: pa.StringArray, stray: Iterable[str]) -> pa.StringArray:
    marked = pc.is_in(texts, text_array(sorted(stray)))
    return pc.if_else(marked, pa.nulls(len(texts), pa.string()), texts)


def _from_doubles(array: pa.DoubleArray, column: Column) -> CodedCells:
    numbers = as_doubles(array)
    plain = _plain(numbers, column)
    odd = len(plain) - np.count_nonzero(plain)
    if odd != array.null_count:
        raise NotPlainError(column.name)
    if not odd:
        return CodedCells(numbers, None)
    return CodedCells(np.where(plain, numbers, 0.0), np.where(plain, -1, 0).astype(np.int32), (None,))


def _plain(numbers: Doubles, column: Column) -> Mask:
    plain = np.isfinite(numbers)
    return plain & (np.abs(numbers) < LARGEST_EXACT) if "integer" in column.types else plain


def from_arrow(array: pa.Array, column: Column, *, plain_text: bool) -> Cells:
    """Return the cells of a Parquet column; DataError when its type is no scalar of JSON."""
    array = plain_array(array, column.name)
    kind = array.type
    if pa.types.is_string(kind):
        return TextCells(array) if plain_text and column.types == {"string"} else encode(array, itself)
    if pa.types.is_integer(kind):
        numbers = as_doubles(array.cast(pa.float64(), safe=False))
        return _mixed(numbers, np.abs(numbers) < LARGEST_EXACT, array, itself)
    if pa.types.is_floating(kind):
        numbers = as_doubles(array)
        return _mixed(numbers, np.isfinite(numbers), array, _without_nan)
    if pa.types.is_timestamp(kind):
        return encode(array, lambda moment: _iso(moment, column))
    return encode(array, itself)


def plain_array(array: pa.Array | pa.ChunkedArray, name: str) -> pa.Array | pa.ChunkedArray:
    """Return the column `name` of a Parquet file with one type for each kind of value.

    These are text (dates and times of day included), any integers, doubles, booleans, nulls and timestamps in
    microseconds. Raises DataError for what is none of them.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return plain_array(array.cast(kind.value_type), name)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return array
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return array.cast(pa.float64())
    if any(holds(kind) for holds in _TEXTUAL):
        return array.cast(pa.string())
    if pa.types.is_timestamp(kind):
        _demand_calendar(array, name)
        return array.cast(pa.timestamp("us", kind.tz), safe=False)
    raise DataError(
        f"column {name!r} holds {kind}, wanted text, numbers, booleans, dates or times; "
        "store it as one of these, or drop it"
    )


def _demand_calendar(array: pa.Array | pa.ChunkedArray, name: str) -> None:
    """Raise DataError when a time lies outside of Python's calendar, less a day on either side for time zones."""
    ticks = _PER_SECOND[array.type.unit]
    ends = pc.min_max(array.cast(pa.int64())).as_py()
    for seen in (ends["min"], ends["max"]):
        if seen is not None and not _FIRST_SECOND <= seen // ticks < _LAST_SECOND:
            raise DataError(
                f"column {name!r} holds {array.type} with a time outside of the years 1 to 9999 "
                f"({seen} {array.type.unit} from 1970 on); mend or drop these rows"
            )


def _iso(moment: datetime | None, column: Column) -> str | None:
    if moment is None:
        return None
    wanted = column.schema.get("format")
    if wanted == "date" and moment.time() == time.min:
        return moment.date().isoformat()
    if wanted == "date-time" and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.isoformat()


def _doubles(texts: pa.StringArray) -> Doubles:
    """Return the numbers in `texts`, and NaN or an infinity where there is none."""
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        spelled = pc.match_substring_regex(texts, f"^({NUMBER})$")
        numbers = pc.cast(pc.if_else(spelled, texts, pa.nulls(len(texts), pa.string())), pa.float64())
    return as_doubles(numbers)


def _mixed(numbers: Doubles, plain: Mask, originals: pa.Array, read: Callable[[Json], Json]) -> CodedCells:
    """Return `numbers` where `plain`, and what `read` makes of `originals` elsewhere."""
    if plain.all():
        return CodedCells(numbers, None)
    odd = encode(originals.filter(from_mask(~plain)), read)
    codes = np.full(len(numbers), -1, np.int32)
    assert odd.codes is not None  # see _listed
    codes[~plain] = odd.codes
    return CodedCells(np.where(plain, numbers, 0.0), codes, odd.values)


def _without_nan(value: Json) -> Json:
    return None if isinstance(value, float) and math.isnan(value) else value
