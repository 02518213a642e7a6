"""From rows of JSON values to what a model takes, cell by cell as training reads a table; needs numpy alone.

The export proves a converted model through this code, and the service answers through it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError

Row = Mapping[str, Any]
Array = npt.NDArray[Any]
# The largest 32-bit float: trees compare in 32 bits, whatever the type of their input.
LARGEST = float(np.finfo(np.float32).max)


class OutOfRange(DataError):
    """A number that no model can take; `row` counts from 0."""

    def __init__(self, row: int, column: str, value: Any) -> None:
        super().__init__(f"column {column!r} of row {row} is beyond {LARGEST:.3g}, wanted a smaller number")
        self.row, self.column, self.value = row, column, value


class Feeds:
    """What each column of a model is fed, as `columns` of `export.json` describe it.

    An absent or null number is NaN. Text stands for itself; booleans and numbers in a column of text are written as
    in JSON. A column whose `input` is null has no part in the model.
    """

    def __init__(self, columns: Iterable[Mapping[str, Any]]) -> None:
        self._columns = tuple(columns)
        self._inputs = tuple(_Input(column) for column in self._columns if column["input"] is not None)

    def __call__(self, rows: Sequence[Row]) -> dict[str, Array]:
        """Return the inputs of the ONNX model by name, each of shape (rows, 1); OutOfRange for a number too large."""
        return {column.name: column.tensor(rows) for column in self._inputs}

    def table(self, rows: Sequence[Row]) -> dict[str, Array]:
        """Return every feature by name, each of shape (rows,): what the trained pipeline takes as a data frame.

        Numbers are float64 with NaN for null, the rest objects: text, with NaN for null. Raises OutOfRange.
        """
        return {
            column["name"]: numbers(rows, column["name"])
            if column["kind"] == "number"
            else _objects([text(row.get(column["name"]), np.nan) for row in rows])
            for column in self._columns
        }


class _Input:
    """One input of the ONNX model."""

    def __init__(self, column: Mapping[str, Any]) -> None:
        self.name: str = column["input"]
        self._column: str = column["name"]
        self._number: bool = column["kind"] == "number"
        self._type: str = column["type"]
        self._null: str = column["null_text"]

    def tensor(self, rows: Sequence[Row]) -> Array:
        if self._number:
            return numbers(rows, self._column).astype(self._type, copy=False).reshape(-1, 1)
        return _objects([self._text(row.get(self._column)) for row in rows]).reshape(-1, 1)

    def _text(self, value: Any) -> str:
        found: str | None = text(value, None)
        if found is None:
            return self._null
        # What means null to the model may also be typed by somebody: then it is a text that was never seen.
        return f"{found} " if found == self._null else found


def numbers(rows: Sequence[Row], column: str) -> npt.NDArray[np.float64]:
    """Return the numbers in `column` with NaN for null; OutOfRange for the first that is too large."""
    cells = [row.get(column) for row in rows]
    for row, cell in enumerate(cells):
        if cell is not None and (cell > LARGEST or cell < -LARGEST):
            raise OutOfRange(row, column, cell)
    return np.array(cells, dtype=np.float64)  # None becomes NaN


def text(value: Any, null: Any) -> Any:
    """Return `value` as a category, or `null` for None and NaN: text as it is, others as in JSON (`true`, `3`)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value != value:  # noqa: PLR0124  # NaN, which some callers send for null
        return null
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _objects(values: Sequence[Any]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
