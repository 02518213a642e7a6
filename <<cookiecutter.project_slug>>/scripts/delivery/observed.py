"""What one track did in a window, over all its pods: requests, errors, latency, predictions, broken contract rules."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from .exposition import START, MetricsError, Samples, Series, gains, later, quantile
from .tracks import TRACKS

REQUESTS = "http_requests_total"
LATENCY = "http_request_duration_seconds_bucket"
SCORES = "model_prediction_bucket"
CLASSES = "model_predictions_total"
VIOLATIONS = "contract_violations_total"
NAMES = frozenset({REQUESTS, LATENCY, SCORES, CLASSES, VIOLATIONS, START})
# The labels that the service itself gives them; whatever else is there, Prometheus has put beside.
LABELS = frozenset({"handler", "method", "status", "le", "prediction", "column", "rule"})

# What comes back on /feedback says nothing about how well predictions are served, and pages are not predictions.
NOT_PREDICTING = "/feedback"

# Track, then pod, then the samples of that pod.
Snapshot = Mapping[str, Mapping[str, Samples]]


@dataclass(frozen=True)
class Observed:
    """Counts of one track; histograms map upper bounds to cumulative counts."""

    requests: float = 0.0
    errors: float = 0.0
    latency: Mapping[float, float] = field(default_factory=dict)
    scores: Mapping[float, float] = field(default_factory=dict)
    classes: Mapping[str, float] = field(default_factory=dict)
    violations: float = 0.0

    @property
    def error_ratio(self) -> float:
        """Return the share of requests answered with 5xx, NaN without requests."""
        return self.errors / self.requests if self.requests else math.nan

    @property
    def violation_ratio(self) -> float:
        """Return broken contract rules per request, NaN without requests."""
        return self.violations / self.requests if self.requests else math.nan

    @property
    def p99(self) -> float:
        """Return the 99th percentile of the latency in seconds, NaN without observations."""
        return quantile(0.99, self.latency)

    def plus(self, other: Observed) -> Observed:
        """Return both counts together."""
        return Observed(
            self.requests + other.requests,
            self.errors + other.errors,
            _both(self.latency, other.latency),
            _both(self.scores, other.scores),
            {
                name: self.classes.get(name, 0.0) + other.classes.get(name, 0.0)
                for name in {**self.classes, **other.classes}
            },
            self.violations + other.violations,
        )


def between(before: Snapshot, after: Snapshot) -> dict[str, Observed]:
    """Return what each track did between two snapshots; a pod that is new brings all it has counted."""
    return {
        track: total(
            gains(before.get(track, {}).get(pod, {}), samples) for pod, samples in after.get(track, {}).items()
        )
        for track in TRACKS
    }


@dataclass
class Looks:
    """The counters of every pod through many looks, each of which misses the pods that are not ready at that moment."""

    last: Snapshot = field(default_factory=dict)
    first: Snapshot = field(default_factory=dict)  # of pods that had a past when they were first read
    _there: set[str] = field(default_factory=set)

    def begin(self, pods: Collection[str]) -> None:
        """Take note of the pods that are there before a window: what they counted until they are read is their past."""
        self._there.update(pods)

    def add(self, read: Snapshot) -> Snapshot:
        """Return the newest counters of all pods; one that is missing gains nothing until it is back."""
        past = {
            track: {pod: samples for pod, samples in pods.items() if pod in self._there} for track, pods in read.items()
        }
        self.first = _over(past, self.first)
        self.last = {
            track: {pod: later(self.last.get(track, {}).get(pod, {}), samples) for pod, samples in pods.items()}
            for track, pods in _over(self.last, read).items()
        }
        return self.last

    def since(self, before: Snapshot) -> dict[str, Observed]:
        """Return what each track did since `before`, which `add` returned, until the last look."""
        return between(_over(self.first, before), self.last)


def _over(older: Snapshot, newer: Snapshot) -> Snapshot:
    """Return `newer`, with the pods that only `older` has."""
    return {track: {**older.get(track, {}), **newer.get(track, {})} for track in TRACKS}


def total(pods: Iterable[Samples]) -> Observed:
    """Return the counts of several pods together."""
    observed = Observed()
    for samples in pods:
        observed = observed.plus(_of_pod(samples))
    return observed


def _of_pod(samples: Samples) -> Observed:
    requests = errors = violations = 0.0
    latency: dict[float, float] = {}
    scores: dict[float, float] = {}
    classes: dict[str, float] = {}
    for one, value in samples.items():
        if one.name == REQUESTS and _predicting(one):
            requests += value
            errors += value if one.label("status").startswith("5") else 0.0
        elif one.name == LATENCY and _predicting(one):
            latency[bound(one)] = latency.get(bound(one), 0.0) + value
        elif one.name == SCORES:
            scores[bound(one)] = scores.get(bound(one), 0.0) + value
        elif one.name == CLASSES:
            classes[one.label("prediction")] = classes.get(one.label("prediction"), 0.0) + value
        elif one.name == VIOLATIONS:
            violations += value
    return Observed(requests, errors, latency, scores, classes, violations)


def _predicting(one: Series) -> bool:
    return one.label("method") == "POST" and one.label("handler") != NOT_PREDICTING


def bound(one: Series) -> float:
    """Return the upper bound of a histogram's bucket."""
    try:
        return float(one.label("le"))
    except ValueError as error:
        raise MetricsError(f"a bucket of {one.name} has the bound {one.label('le')!r}, wanted a number") from error


def _both(first: Mapping[float, float], second: Mapping[float, float]) -> dict[float, float]:
    """Add two cumulative histograms; when their bounds differ, only those that both have can be added.

    Pods of one track run one model, and its buckets do not change, so bounds differ only while a track is replaced.
    """
    if not first or not second:
        return dict(first or second)
    return {bound: first[bound] + second[bound] for bound in first.keys() & second.keys()}
