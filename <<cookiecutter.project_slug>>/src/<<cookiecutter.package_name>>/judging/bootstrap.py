"""Percentile intervals by the bootstrap, for several models and groups of rows on the same resamples."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from .. import config
from ..learning import metrics
from ..learning.metrics import Codes, Floats, Outcome

CELLS = 1_000_000  # of one matrix of weights (8 MB); larger hold-outs are resampled a few at a time
MIN_DEFINED = 0.9  # share of resamples that must define a metric for it to have an interval
# A sum of absolute gaps grows when rows are drawn twice, so the percentiles lie too high by the median's distance.
SHIFTED = ("calibration_error",)
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; `value` is None when the rows leave it undefined, and `reason` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def document(self) -> dict[str, Any]:
        """Return the estimate for a JSON report."""
        found: dict[str, Any] = {"value": self.value, "low": self.low, "high": self.high}
        return found | {"reason": self.reason} if self.reason else found


@dataclass(frozen=True)
class Sample:
    """What is scored, and which of the hold-out's rows it is about: positions, or None for all."""

    outcome: Outcome
    rows: Codes | None = None


@dataclass(frozen=True)
class Scores:
    """Each metric of the rows as they are, and in each resample; NaN where it is undefined.

    `signed` scores are differences, which may lie below the least value of their metric.
    """

    values: Mapping[str, float]
    draws: Mapping[str, Floats]
    signed: bool = False

    def estimates(self, confidence: float) -> dict[str, Estimate]:
        """Return each metric with its interval."""
        return {
            name: _estimate(name, value, self.draws[name], confidence, signed=self.signed)
            for name, value in self.values.items()
        }

    def minus(self, other: Scores) -> Scores:
        """Return the differences, resample by resample: paired, when both were drawn together."""
        return Scores(
            {name: value - other.values[name] for name, value in self.values.items()},
            {name: draws - other.draws[name] for name, draws in self.draws.items()},
            signed=True,
        )


def draw(samples: Mapping[Key, Sample], rows: int, settings: config.Evaluation, seed: int) -> dict[Key, Scores]:
    """Score every sample on the same resamples of a hold-out of `rows` rows."""
    scorers = {key: metrics.scorer(sample.outcome) for key, sample in samples.items()}
    parts: dict[Key, list[Mapping[str, Floats]]] = {key: [] for key in samples}
    for weights in resamples(rows, settings.resamples, seed):
        for key, sample in samples.items():
            parts[key].append(scorers[key](weights if sample.rows is None else weights[:, sample.rows]))
    return {
        key: Scores(
            {name: float(value[0]) for name, value in scorers[key](np.ones((1, len(samples[key].outcome.y)))).items()},
            {name: np.concatenate([part[name] for part in found]) for name in found[0]},
        )
        for key, found in parts.items()
    }


def resamples(rows: int, count: int, seed: int) -> Iterator[Floats]:
    """Yield matrices (some resamples by rows) of how often each row was drawn, `count` resamples in all."""
    rng = np.random.default_rng(seed)
    at_once = max(1, CELLS // rows)
    for done in range(0, count, at_once):
        size = min(at_once, count - done)
        drawn = rng.integers(0, rows, (size, rows)) + rows * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def documents(found: Mapping[str, Estimate]) -> dict[str, Any]:
    """Return the estimates for a JSON report."""
    return {name: estimate.document() for name, estimate in found.items()}


def _estimate(name: str, value: float, draws: Floats, confidence: float, *, signed: bool) -> Estimate:
    why = metrics.UNDEFINED.get(name, "there are no rows")
    if not np.isfinite(value):
        return Estimate(None, reason=why)
    defined = draws[np.isfinite(draws)]
    if len(defined) < MIN_DEFINED * len(draws):
        return Estimate(value, reason=f"no interval, because in many resamples {why}")
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    if name in SHIFTED:
        bias = float(np.median(defined)) - value
        low, high = low - bias, high - bias
        low = low if signed else max(0.0, low)
    return Estimate(value, float(low), float(high))
