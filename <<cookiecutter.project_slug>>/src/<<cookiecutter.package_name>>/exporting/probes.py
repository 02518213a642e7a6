"""Rows at the places where a converted model may decide otherwise than the pipeline that it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from ..contracts.contract import Column, Contract
from ..contracts.rows import row_validator
from .rows import Row
from .thresholds import thresholds

UNSEEN = ("never seen", "", " ", "nan", "NaN", "None", "null", "\N{SNOWMAN} 雪")
LARGE = (1e6, 1e12, 1e30)
MOST_THRESHOLDS = 250  # per column, spread over all of them


@dataclass(frozen=True)
class Probe:
    """A row that differs from one of the table as `about` says."""

    row: Row
    about: str


def probes(pipeline: Pipeline, contract: Contract, rows: Sequence[Row]) -> list[Probe]:
    """Return variations of `rows`, in which one column takes a value that the contract allows, or all may be null.

    Numbers take the contract's limits, zero, large values, the mean, and each threshold of the fitted trees with its
    neighbours in 32 and 64 bits; categories take every known value and texts that were never seen.
    """
    splits, known = thresholds(pipeline), _fitted_categories(pipeline)
    bases = cycle(rows)
    found = [Probe({**next(bases), **_all_null(contract)}, "every nullable column null")]
    for name in contract.features:
        column = contract[name]
        if column.numeric:
            values = _allowed(_quantities(column, rows, splits.get(name, np.array([]))), column, contract)
        else:
            values = _allowed(_categories(column, known.get(name, ())), column, contract)
            # What the contract refuses today it may allow tomorrow, with this model still in place.
            values = [*values, *(value for value in UNSEEN if value not in values)]
        found += [Probe({**next(bases), name: value}, f"{name} = {value!r}") for value in values]
    return found


def _all_null(contract: Contract) -> Row:
    return {name: None for name in contract.features if contract[name].nullable}


def _quantities(column: Column, rows: Sequence[Row], splits: npt.NDArray[np.float64]) -> Iterator[Any]:
    present = [row[column.name] for row in rows if row[column.name] is not None]
    limits = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    plain = [float(column.schema[limit]) for limit in limits if limit in column.schema]
    plain += [0.0, float(np.mean(present)) if present else 0.0, *LARGE, *(-value for value in LARGE)]
    chosen = splits[np.linspace(0, len(splits) - 1, min(len(splits), MOST_THRESHOLDS)).astype(int)]
    numbers = [*_neighbours(plain), *_neighbours(chosen)]
    whole = "number" not in column.types
    yield from {int(value) if whole else value: None for value in numbers if not whole or value.is_integer()}
    yield None


def _neighbours(values: Iterable[float]) -> Iterator[float]:
    """Yield each value, the nearest whole numbers, and the next numbers on either side in 64 and in 32 bits."""
    for value in values:
        single = np.float32(value)
        yield from (float(value), float(np.floor(value)), float(np.ceil(value)), float(single))
        for end in (-np.inf, np.inf):
            yield float(np.nextafter(value, end))
            yield float(np.nextafter(single, np.float32(end)))


def _categories(column: Column, fitted: Iterable[str]) -> Iterator[Any]:
    yield from column.categories or fitted
    yield None


def _fitted_categories(pipeline: Pipeline) -> Mapping[str, list[str]]:
    """Return the texts that the encoder knows of each column."""
    return {
        name: [category for category in categories if isinstance(category, str)]
        for _, transformer, names in pipeline["features"].transformers_
        if isinstance(transformer, OneHotEncoder)
        for name, categories in zip(names, transformer.categories_, strict=True)
    }


def _allowed(values: Iterable[Any], column: Column, contract: Contract) -> list[Any]:
    """Return those of `values` that the rules of `column` let through; the service refuses the others."""
    rules = row_validator({"properties": {column.name: column.schema}, "$defs": contract.schema.get("$defs", {})})
    return [value for value in values if rules.is_valid({column.name: value})]
