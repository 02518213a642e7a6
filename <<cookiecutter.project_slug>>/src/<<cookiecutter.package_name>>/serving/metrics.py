"""What the service counts, under the names that alerts, dashboards and the canary's analysis ask for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest

from .bundle import Bundle
from .feature_bins import FeatureBins
from .refusals import Violation
from .tallies import Constant, Counter, Gauge, Histogram

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SHARES = tuple(tenth / 10 for tenth in range(1, 11))
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SPREADS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)  # of the predictions on the training rows
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """All series of one process; labels come from the contract and the routes, never from a request."""

    def __init__(self, bundle: Bundle, *, track: str) -> None:
        self._columns = {column.name for column in bundle.contract.columns}
        self.in_progress = 0
        self.queue_rows: Callable[[], int] = int
        self.requests = Counter("http_requests", "Answered requests", ("handler", "method", "status"))
        self._durations = Histogram(
            "http_request_duration_seconds", "Seconds from the request to its answer", SECONDS, ("handler", "method")
        )
        self._batches = Histogram("model_batch_rows", "Rows that the model answered at once", ROWS)
        self.shed = Counter("requests_shed", "Requests refused because too many were waiting")
        self._violations = Counter("contract_violations", "Rules that refused rows broke", ("column", "rule"))
        self._features = FeatureBins(bundle.contract, bundle.profile)
        self.feedback = Counter("model_feedback", "True answers that were sent back", ("outcome", "version", "variant"))
        self.feedback_refused = Counter("feedback_refused", "Feedback that was not counted", ("reason",))
        self._predictions = Predictions(bundle)
        deviation = float(bundle.profile["prediction"].get("std") or 0) or 1.0
        self.feedback_error = Histogram(
            "model_feedback_error",
            "Distance of the prediction from the true value",
            [deviation * share for share in SPREADS],
            ("version", "variant"),
        )
        self._registry = self._register(bundle, track)
        self.batch = self._batches.at()

    def _register(self, bundle: Bundle, track: str) -> CollectorRegistry:
        registry = CollectorRegistry()
        about = {
            "model": bundle.name,
            "version": bundle.version,
            "digest": bundle.export["model"]["sha256"],
            "runtime": bundle.runtime,
            "track": track,
            "contract": bundle.contract.version,
        }
        families = [
            Constant("model_info", "The model that answers", about),
            Gauge("http_requests_in_progress", "Requests that are being answered", lambda: self.in_progress),
            Gauge("model_queue_rows", "Rows that wait for the model", self._queued),
            *(self.requests, self._durations, self._batches, self.shed, self._violations, self._features),
            *self._predictions.families,
            *(self.feedback, self.feedback_refused),
            *(() if bundle.classes else (self.feedback_error,)),
        ]
        for family in families:
            registry.register(family)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        return registry

    def _queued(self) -> float:
        return self.queue_rows()

    def answered(self, handler: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        known = method if method in METHODS else "other"
        self.requests.values[handler, known, str(status)] += 1
        self._durations.at(handler, known).add(seconds)

    def refused(self, violations: Sequence[Violation]) -> None:
        """Count broken rules; columns that the contract does not have share one label."""
        for each in violations:
            self._violations.values[each.column if each.column in self._columns else "", each.rule] += 1

    def predicted(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[Any], places: Sequence[int]) -> None:
        """Count answered rows, where `places` are the positions of the predicted classes."""
        self._features.add(rows)
        self._predictions.add(scores, places)

    def render(self) -> bytes:
        """Return all series in Prometheus' text format."""
        return generate_latest(self._registry)


class Predictions:
    """What the model said: how often each class, how sure, or how the values spread."""

    def __init__(self, bundle: Bundle) -> None:
        self._names = [label_text(label) for label in bundle.classes]
        self._counts = Counter("model_predictions", "Answers by predicted class", ("prediction",))
        confidence = Histogram("model_confidence", "Score of the predicted class", SHARES)
        values = Histogram("model_prediction", "Score of the positive class, or the value", _bounds(bundle))
        self._positive = len(self._names) == 2  # then its score is the last
        self._confidence, self._values = confidence.at(), values.at()
        for name in self._names:
            self._counts.values[name,] = 0
        self.families = (self._counts, confidence) if self._names else (values,)
        if self._positive:
            self.families = (*self.families, values)

    def add(self, scores: Sequence[Any], places: Sequence[int]) -> None:
        """Count answered rows."""
        if not self._names:
            for value in scores:
                self._values.add(value)
            return
        for row, place in zip(scores, places, strict=True):
            self._counts.values[self._names[place],] += 1
            self._confidence.add(row[place])
            if self._positive:
                self._values.add(row[1])


def _bounds(bundle: Bundle) -> Sequence[float]:
    return SHARES if bundle.classes else [float(edge) for edge in bundle.profile["prediction"]["edges"]]


def label_text(label: Any) -> str:
    """Return a class as a key of JSON or a label of a metric."""
    return label if isinstance(label, str) else json.dumps(label)
