"""Groups of rows that are judged one by one: the values of the contract's slice columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..contracts.contract import Column, Contract
from ..learning.metrics import Classes, Codes, Numbers, Outcome
from . import bootstrap
from .bootstrap import Estimate, Scores


@dataclass(frozen=True)
class Slice:
    """One group of a slice column; `value` is its JSON value, None the group of missing cells."""

    column: str
    value: Any
    rows: int
    metrics: Mapping[str, Estimate]

    def document(self) -> dict[str, Any]:
        """Return the group for a JSON report."""
        return vars(self) | {"metrics": bootstrap.documents(self.metrics)}


@dataclass(frozen=True)
class Group:
    """The positions of the rows that share one value of a slice column."""

    column: str
    value: Any
    at: Codes

    @property
    def key(self) -> tuple[str, str]:
        """What tells the group from others; JSON keeps `true` and `1` apart, which Python does not."""
        return self.column, json.dumps(self.value)

    def judged(self, scores: Scores | None, confidence: float) -> Slice:
        """Return the group with its metrics, which are none when it has no rows."""
        found = scores.estimates(confidence) if scores else {}
        return Slice(self.column, self.value, len(self.at), found)


def groups(frame: pd.DataFrame, contract: Contract) -> Iterator[Group]:
    """Yield every group that the contract declares, also those without rows.

    Missing cells are a group when there are any.
    """
    for name in contract.slices:
        texts = frame[name].map(_text, na_action="ignore")
        for value in _declared(contract[name], frame[name]):
            yield Group(name, value, np.flatnonzero(texts == _text(value)))
        if frame[name].isna().any():
            yield Group(name, None, np.flatnonzero(frame[name].isna()))


def take(outcome: Outcome, rows: Codes) -> Outcome:
    """Return the outcome of the rows at these positions; the naive model stays that of the whole training part."""
    if isinstance(outcome, Classes):
        return Classes(outcome.y[rows], outcome.probabilities[rows], outcome.naive)
    return Numbers(outcome.y[rows], outcome.predicted[rows], outcome.naive)


def _declared(column: Column, seen: pd.Series) -> tuple[Any, ...]:
    if column.categories is not None:
        return column.categories
    return (False, True) if column.types == {"boolean"} else tuple(sorted(seen.dropna().unique()))


def _text(value: object) -> str:
    """Return the value as training frames write it: text as it is, 1.0 as the whole number it is, all else as JSON."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)
