"""Prometheus' text format: the samples of one scrape, what counters gained between two, quantiles of histograms.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .errors import DeliveryError

START = "process_start_time_seconds"
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
# The braces of the labels end outside of quotes: a label may hold a brace. A time stamp may follow the value.
SAMPLE = re.compile(rf'({NAME})\s*(?:\{{((?:[^"}}]|"(?:[^"\\]|\\.)*")*)\}})?\s*([^\s{{}}"]+)(?:\s+-?\d+)?\s*')
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class MetricsError(DeliveryError):
    """What a model server or Prometheus said about itself cannot be used."""


@dataclass(frozen=True)
class Series:
    """One time series: a name and its labels, sorted."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def label(self, name: str) -> str:
        """Return the value of a label, or an empty string as Prometheus does."""
        return dict(self.labels).get(name, "")


Samples = Mapping[Series, float]


def series(name: str, labels: Mapping[str, str]) -> Series:
    """Return the series with these labels, in whatever order they come."""
    return Series(name, tuple(sorted(labels.items())))


def parse(text: str, names: Collection[str]) -> dict[Series, float]:
    """Return the samples called one of `names`.

    Raises MetricsError at a line that is no sample, and at a value that no counter can have: half a scrape would count
    as less traffic or fewer errors.
    """
    samples: dict[Series, float] = {}
    for line in text.split("\n"):  # a label may hold what else Python takes for the end of a line
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = SAMPLE.fullmatch(line.strip())
        if found is None:
            raise MetricsError(f"not a line of Prometheus' text format: {line[:80]!r}")
        if found[1] in names:
            samples[series(found[1], labels(found[2] or ""))] = counter(found[3], line)
    return samples


def labels(text: str) -> dict[str, str]:
    """Return the labels written between the braces of a sample."""
    found: dict[str, str] = {}
    position = 0
    while text[position:].strip():
        match = LABEL.match(text, position)
        if match is None:
            raise MetricsError(f"not the labels of a sample: {text[:80]!r}")
        found[match[1]] = re.sub(r"\\.", lambda escape: ESCAPES.get(escape[0], escape[0]), match[2])
        position = match.end()
    return found


def counter(text: str, place: str) -> float:
    """Return the value of a counter: finite and not negative."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise MetricsError(f"a counter is {text!r}, wanted a finite number from 0 on: {place[:80]!r}")
    return value


def gains(before: Samples, after: Samples) -> dict[Series, float]:
    """Return what each counter of one process gained between two scrapes.

    A restart resets all counters together, so after one all that is counted is gain: taken singly, a counter that has
    grown past its former value would lose a part. Without a restart, a counter that fell was read from an older scrape.
    """
    again = restarted(before, after)
    return {
        one: value if again else max(0.0, value - before.get(one, 0.0))
        for one, value in after.items()
        if one.name != START
    }


def restarted(before: Samples, after: Samples) -> bool:
    """Tell whether the process of a pod began again: it says when it started, or a counter fell or is gone."""
    born, born_again = start(before), start(after)
    if born is not None and born_again is not None:
        return born != born_again
    return any(value > after.get(one, -1.0) for one, value in before.items())


def later(known: Samples, read: Samples) -> Samples:
    """Return the state of a pod after two scrapes whose order is uncertain.

    The replicas of a Prometheus take turns behind its Service, and what they know of a pod is up to an interval apart.
    """
    born, born_again = start(known), start(read)
    if born is None or born_again is None:
        return read
    if born != born_again:
        return read if born_again > born else known
    return {**known, **{one: max(value, known.get(one, 0.0)) for one, value in read.items()}}


def start(samples: Samples) -> float | None:
    """Return when the process of a pod began, if it says so."""
    return samples.get(Series(START))


def quantile(share: float, buckets: Mapping[float, float]) -> float:
    """Return a quantile of a histogram as PromQL's histogram_quantile does, NaN without observations.

    `buckets` maps upper bounds to cumulative counts and holds infinity. Inside a bucket the observations are taken to
    lie evenly; above the last finite bound the bound itself is the answer.
    """
    bounds = sorted(buckets)
    if not bounds or not math.isinf(bounds[-1]):
        return math.nan
    total = buckets[bounds[-1]]
    if len(bounds) < 2 or not total:
        return math.nan
    rank = share * total
    lower, below = 0.0, 0.0
    for bound in bounds[:-1]:
        count = buckets[bound]
        if count >= rank:
            inside = (rank - below) / (count - below) if count > below else 1.0
            return bound if bound <= 0 else lower + (bound - lower) * inside
        lower, below = bound, count
    return bounds[-2]
