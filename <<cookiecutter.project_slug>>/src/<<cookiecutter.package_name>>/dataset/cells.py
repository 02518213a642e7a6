"""Columns of a chunk as JSON values: plain numbers as an array, everything else as codes into distinct values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..contracts.arrow import Mask, as_integers, as_mask
from ..contracts.keywords import LARGEST_EXACT, Doubles, Rule
from ..contracts.semantics import Json

Codes = NDArray[np.int32]


class Cells(Protocol):
    """One column of a chunk."""

    def failing(self, rule: Rule) -> Mask | None:
        """Return which rows break `rule`, or None when no row does."""

    def nulls(self) -> Mask:
        """Return which rows are null."""

    def value(self, row: int) -> Json:
        """Return the JSON value of `row`, counted from 0."""

    def coded(self) -> CodedCells:
        """Return the column with codes."""


@dataclass(frozen=True)
class TextCells:
    """Strings and nulls, for columns whose rules Arrow can judge without looking at single values."""

    texts: pa.StringArray

    def failing(self, rule: Rule) -> Mask | None:
        """Return which rows break `rule`, or None when no row does."""
        assert rule.text is not None
        held = rule.text(self.texts)
        if self.texts.null_count:
            held[self.nulls()] = rule.holds(None)
        return None if held.all() else ~held

    def nulls(self) -> Mask:
        """Return which rows are null."""
        return as_mask(self.texts.is_null())

    def value(self, row: int) -> Json:
        """Return the text of `row`, or None."""
        return self.texts[row].as_py()

    def coded(self) -> CodedCells:
        """Return the column with codes."""
        return encode(self.texts, itself)


@dataclass(frozen=True)
class CodedCells:
    """Numbers where `codes` is -1, and `values[code]` elsewhere.

    `numbers` is None when no cell is a plain number, `codes` is None when all are. Plain means finite, and exact in a
    double where the column allows integers; other numbers stand in `values`.
    """

    numbers: Doubles | None
    codes: Codes | None
    values: tuple[Json, ...] = ()

    def failing(self, rule: Rule) -> Mask | None:
        """Return which rows break `rule`, or None when no row does."""
        bad = np.fromiter((not rule.holds(value) for value in self.values), bool, len(self.values))
        wrong = None if self.numbers is None else _failing_numbers(rule, self.numbers)
        if self.codes is not None:
            plain = False if wrong is None else wrong
            wrong = np.where(self.codes < 0, plain, bad[self.codes]) if bad.any() else plain & (self.codes < 0)
        return wrong if wrong is not None and wrong.any() else None

    def nulls(self) -> Mask:
        """Return which rows are null."""
        if self.codes is None:
            return np.zeros(len(self), bool)
        return np.isin(self.codes, [code for code, value in enumerate(self.values) if value is None])

    def value(self, row: int) -> Json:
        """Return the JSON value of `row`."""
        if self.codes is not None and self.codes[row] >= 0:
            return self.values[self.codes[row]]
        assert self.numbers is not None
        number = float(self.numbers[row])
        return int(number) if number.is_integer() and abs(number) <= LARGEST_EXACT else number

    def coded(self) -> CodedCells:
        """Return the column itself."""
        return self

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.numbers if self.numbers is not None else self.codes)  # type: ignore[arg-type]  # one is there


def _failing_numbers(rule: Rule, numbers: Doubles) -> Mask:
    if rule.numbers is not None:
        return ~rule.numbers(numbers)
    distinct, places = np.unique(numbers, return_inverse=True)
    return np.fromiter((not rule.holds(float(value)) for value in distinct), bool, len(distinct))[places]


def encode(array: pa.Array, read: Callable[[Json], Json]) -> CodedCells:
    """Return codes into what `read` makes of each distinct value of `array`."""
    encoded = array.dictionary_encode(null_encoding="encode")
    return CodedCells(None, as_integers(encoded.indices), tuple(map(read, encoded.dictionary.to_pylist())))


def itself(value: Json) -> Json:
    """Return `value`."""
    return value
