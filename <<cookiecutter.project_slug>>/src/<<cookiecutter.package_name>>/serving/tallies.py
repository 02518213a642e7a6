"""Counters and histograms without locks: all counting happens on the event loop's one thread.

A request touches two dozen series; prometheus_client's own take a lock for each, these an addition.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

Labels = tuple[str, ...]


class Counter:
    """A counter; `values` maps label values to counts."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self._about = (name, text, labels)
        self.values: defaultdict[Labels, float] = defaultdict(int)
        if not labels:
            self.values[()] = 0

    def collect(self) -> Iterator[Metric]:
        """Yield the counter as Prometheus reads it."""
        name, text, labels = self._about
        family = CounterMetricFamily(name, text, labels=labels)
        for values, count in self.values.items():
            family.add_metric(values, count)
        yield family


class Bins:
    """Counts between upper `bounds`, and the sum of what was seen."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = list(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count `value` in the first bin whose bound it does not exceed."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Histogram:
    """A histogram; `at` gives the bins of label values."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str] = ()) -> None:
        self._about = (name, text, labels)
        self._bounds = bounds
        self._bins: dict[Labels, Bins] = {}

    def at(self, *labels: str) -> Bins:
        """Return the bins of `labels`, which the caller may keep."""
        if labels not in self._bins:
            self._bins[labels] = Bins(self._bounds)
        return self._bins[labels]

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram as Prometheus reads it."""
        name, text, labels = self._about
        family = HistogramMetricFamily(name, text, labels=labels)
        for values, bins in self._bins.items():
            family.add_metric(values, list(_cumulated(bins)), bins.sum)
        yield family


class Gauge:
    """A value that is asked for when it is collected."""

    def __init__(self, name: str, text: str, read: Callable[[], float]) -> None:
        self._about = (name, text)
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Yield the value as Prometheus reads it."""
        name, text = self._about
        yield GaugeMetricFamily(name, text, value=self._read())


class Constant:
    """A gauge of 1 whose labels say what runs."""

    def __init__(self, name: str, text: str, labels: dict[str, str]) -> None:
        self._about = (name, text)
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        """Yield the labels as Prometheus reads them."""
        family = GaugeMetricFamily(*self._about, labels=list(self._labels))
        family.add_metric(list(self._labels.values()), 1)
        yield family


def _cumulated(bins: Bins) -> Iterable[tuple[str, float]]:
    total = 0
    for bound, count in zip([*bins.bounds, float("inf")], bins.counts, strict=True):
        total += count
        yield "+Inf" if bound == float("inf") else repr(float(bound)), total
