"""Rows of a table as a client of the service sends them, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from ..contracts.contract import Column, Contract
from ..serving.feeds import Feeds, text
from .interface import describe

Row = dict[str, Any]


def json_rows(frame: pd.DataFrame, contract: Contract) -> list[Row]:
    """Return the features in `frame`, which is as `data.read_table` returns it, as JSON values by column."""
    columns = [_json_values(frame[name].tolist(), contract[name]) for name in contract.features]
    return [dict(zip(contract.features, values, strict=True)) for values in zip(*columns, strict=True)]


def frame_of(rows: Sequence[Row], contract: Contract) -> pd.DataFrame:
    """Return `rows` of JSON values as the data frame that the trained pipeline takes."""
    columns = Feeds(describe(contract)).table(rows)
    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()})


def _json_values(cells: list[Any], column: Column) -> list[Any]:
    read = _quantity(column) if column.numeric else _category(column)
    return [None if isinstance(cell, float) and math.isnan(cell) else read(cell) for cell in cells]


def _quantity(column: Column) -> Callable[[float], float]:
    whole = "number" not in column.types
    return lambda cell: int(cell) if whole and cell.is_integer() else cell


def _category(column: Column) -> Callable[[str], Any]:
    known = {text(category, None): category for category in column.categories or ()}
    return lambda cell: known.get(cell, cell)
