"""Tables for training, typed by the contract."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.contract import Column, Contract
from ..contracts.keywords import LARGEST_SQUARED
from ..contracts.semantics import Json
from ..contracts.vocabulary import same
from ..errors import DataError, did_you_mean
from . import tables
from .cells import CodedCells
from .tables import moment

SHOWN = 5  # rows named in an error
Array = NDArray[Json]


def read_table(paths: Sequence[Path], contract: Contract, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the rows of `paths` with `columns` (default: all that are not ignored, and slices).

    Numeric columns are float64 with NaN for null. Categorical columns and ids are objects: text with NaN for null,
    booleans and integers written as in JSON (`true`, `3`). The timestamp is datetime64[us] in UTC. The target keeps
    its JSON labels, or is float64 for regression. Values outside of an enum stay as they are, except in the target.
    Raises DataError when a column is missing or a cell cannot be read so, naming the first rows.
    """
    wanted = [contract[name] for name in (contract.used if columns is None else columns)]
    _demand_columns(paths, contract, wanted)
    parts: dict[str, list[Array]] = {column.name: [] for column in wanted}
    rows = 0
    for chunk in tables.stream(paths, contract, [column.name for column in wanted]):
        for column in wanted:
            absent = CodedCells(None, np.zeros(chunk.rows, np.int32), (None,))
            cells = chunk.cells[column.name].coded() if column.name in chunk.cells else absent
            parts[column.name].append(_typed(cells, column, contract, rows))
        rows += chunk.rows
    return pd.DataFrame({column.name: _series(parts[column.name], column, contract) for column in wanted})


def _demand_columns(paths: Sequence[Path], contract: Contract, wanted: Sequence[Column]) -> None:
    required = set(contract.schema.get("required", []))
    for path in paths:
        present = tables.header(path, contract.expectations.delimiter)
        for column in wanted:
            if column.name not in present and column.name in required:
                near = did_you_mean(column.name, present)
                raise DataError(f"{path}: no column {column.name!r}, which is the contract's {column.role}{near}")


def _typed(cells: CodedCells, column: Column, contract: Contract, before: int) -> Array:
    """Return the values of `cells` as training takes them; `before` rows stand in earlier chunks."""
    if column.role == "target":
        read = _label_reader(contract.classes) if contract.classes else _number
        labels = _demand_all(_mapped(cells, read, numeric=not contract.classes), column, before)
        return labels if contract.classes else _refuse_huge(labels, column, before)
    if column.role == "timestamp":
        return _demand_all(_mapped(cells, _time, numeric=False), column, before)
    if column.role == "feature" and column.numeric:
        return _refuse_unreadable(_mapped(cells, _number, numeric=True), column, before)
    return _mapped(cells, _text, numeric=False)


def _mapped(cells: CodedCells, read: Callable[[Json], Json], *, numeric: bool) -> Array:
    """Return what `read` makes of each cell, asking once per distinct value."""
    values = np.empty(len(cells.values), object)
    values[:] = [read(value) for value in cells.values]
    if cells.numbers is None:
        return np.asarray(values[cells.codes])
    if numeric:
        plain: Array = cells.numbers
    else:
        distinct, places = np.unique(cells.numbers, return_inverse=True)
        plain = np.array([read(_whole(number)) for number in distinct.tolist()], object)[places]
    return plain if cells.codes is None else np.where(cells.codes < 0, plain, values[cells.codes])


class _Unreadable(str):
    """The text of a cell that does not fit its column."""


def _number(value: Json) -> Json:
    if value is None:
        return np.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _Unreadable(value)
    number = float(value)  # an integer of a table never overflows, see `contracts.csv_cells`
    return number if math.isfinite(number) else _Unreadable(value)


def _whole(number: float) -> int | float:
    return int(number) if number.is_integer() else number


def _text(value: Json) -> Json:
    if value is None:
        return np.nan
    return str(value).lower() if isinstance(value, bool) else str(value)


def _time(value: Json) -> Json:
    read = moment(value)
    if read is None:
        return None if value is None else _Unreadable(value)
    try:
        return np.datetime64(read.astimezone(UTC).replace(tzinfo=None), "us")
    except OverflowError:  # at an end of the calendar, where UTC is in another year
        return _Unreadable(value)


def _label_reader(classes: Sequence[Json]) -> Callable[[Json], Json]:
    def read(value: Json) -> Json:
        if value is None:
            return None
        return next((label for label in classes if same(label, value)), _Unreadable(value))

    return read


def _refuse_unreadable(values: Array, column: Column, before: int) -> Array:
    if values.dtype == object:
        bad = [place for place, value in enumerate(values.tolist()) if isinstance(value, _Unreadable)]
        if bad:
            wanted = f"one of {list(column.categories)}" if column.categories else " or ".join(sorted(column.types))
            wanted = "an ISO 8601 date or time" if column.role == "timestamp" else wanted
            raise DataError(
                f"column {column.name!r} ({column.role}) holds {str(values[bad[0]])!r} in row {before + bad[0] + 1}, "
                f"wanted {wanted}; scripts/validate_data.py lists every such row"
            )
    return values


def _demand_all(values: Array, column: Column, before: int) -> Array:
    empty = np.flatnonzero(pd.isna(_refuse_unreadable(values, column, before)))
    if len(empty):
        first = ", ".join(str(before + place + 1) for place in empty[:SHOWN].tolist())
        more = " and more" if len(empty) > SHOWN else ""
        raise DataError(
            f"column {column.name!r} ({column.role}) is empty in row {first}{more}; "
            f"drop these rows or fill them, a {column.role} is needed in every row"
        )
    return values


def _refuse_huge(values: Array, column: Column, before: int) -> Array:
    numbers = values.astype(np.float64)
    huge = np.flatnonzero(np.abs(numbers) > LARGEST_SQUARED)
    if len(huge):
        raise DataError(
            f"column {column.name!r} ({column.role}) holds {numbers[huge[0]]:g} in row {before + huge[0] + 1}, wanted "
            f"numbers within {LARGEST_SQUARED:g} of zero, as errors are squared; mend these cells or take a larger unit"
        )
    return numbers


def _series(parts: Sequence[Array], column: Column, contract: Contract) -> pd.Series:
    if column.role == "timestamp":
        kind: Json = "datetime64[us]"
    elif column.role == "target" and contract.classes:
        kinds = {type(label) for label in contract.classes}
        kind = (
            {int: np.int64, bool: np.bool_, float: np.float64}.get(kinds.pop(), object) if len(kinds) == 1 else object
        )
    else:
        kind = np.float64 if column.numeric and column.role in {"feature", "target"} else object
    values = np.concatenate(parts) if parts else np.empty(0)
    series: pd.Series = pd.Series(values.astype(kind), dtype=kind, name=column.name)
    return series
