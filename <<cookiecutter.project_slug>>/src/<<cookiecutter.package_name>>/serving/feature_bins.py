"""How the features of live rows fall into the bins of the training rows: what drift is computed from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from prometheus_client.core import CounterMetricFamily, Metric

from ..contracts.contract import Column, Contract
from .feeds import text

OTHER, NULL = "(other)", "(null)"


class FeatureBins:
    """Counts per feature and bin, as `model_feature_bins_total`.

    Bins are those of the profile: intervals of numbers, values of categories, and the two that OTHER and NULL name.
    """

    def __init__(self, contract: Contract, profile: Mapping[str, Any]) -> None:
        self._numbers: list[tuple[str, list[float], list[int]]] = []
        self._categories: list[tuple[str, dict[Any, int], list[int]]] = []
        self._labels: dict[str, tuple[list[str], list[int]]] = {}
        for name in contract.features:
            self._prepare(contract[name], profile["features"][name])

    def _prepare(self, column: Column, known: Mapping[str, Any]) -> None:
        if known["kind"] == "numeric":
            labels = _intervals(known["edges"])
            counts = [0] * (len(labels) + 1)
            self._numbers.append((column.name, known["edges"], counts))
        else:
            labels = [*known["counts"], OTHER]
            counts = [0] * (len(labels) + 1)
            self._categories.append((column.name, _places(column, list(known["counts"])), counts))
        self._labels[column.name] = ([*labels, NULL], counts)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Count the features of `rows`, which satisfy the contract."""
        for row in rows:
            get = row.get
            for name, edges, counts in self._numbers:
                value = get(name)
                counts[-1 if value is None else bisect_left(edges, value)] += 1
            for name, places, counts in self._categories:
                counts[places.get(get(name), -2)] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield the counts as Prometheus reads them."""
        about = "Rows by the bin of the training data that each feature falls into"
        family = CounterMetricFamily("model_feature_bins", about, labels=("feature", "bin"))
        for feature, (labels, counts) in self._labels.items():
            for label, count in zip(labels, counts, strict=True):
                family.add_metric((feature, label), count)
        yield family


def _intervals(edges: Sequence[float]) -> list[str]:
    if not edges:
        return ["(-inf, inf)"]
    between = [f"({low}, {high}]" for low, high in pairwise(edges)]
    return [f"(-inf, {edges[0]}]", *between, f"({edges[-1]}, inf)"]


def _places(column: Column, known: Sequence[str]) -> dict[Any, int]:
    """Return the position of each JSON value of a category; values that are not listed stand before the last."""
    positions = {label: place for place, label in enumerate(known)}
    values = [value for value in column.categories or () if not isinstance(value, str)]
    found = {value: positions[text(value, None)] for value in values if text(value, None) in positions}
    return {**positions, **found, None: -1}
