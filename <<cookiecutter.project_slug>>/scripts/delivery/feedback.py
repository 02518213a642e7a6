"""What came back about the predictions of two variants: from the service's counters, or from a file of counts."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import MisuseError
from .experiment import Errors, ExperimentError, Shares
from .exposition import START, Samples, Series, gains, series
from .observed import Snapshot, bound
from .tracks import TRACKS, Tracks

OUTCOMES = "model_feedback_total"
ERROR_SUM, ERROR_BUCKET = "model_feedback_error_sum", "model_feedback_error_bucket"
CLASSES, SCORES = "model_predictions_total", "model_prediction_count"
FEEDBACK = frozenset({OUTCOMES, ERROR_SUM, ERROR_BUCKET})
NAMES = FEEDBACK | {CLASSES, SCORES}
OF_PODS = NAMES | {START}  # which tells of a restart
BASELINE = "ab-baseline/1"

# Which track predicted, by the first of these labels that there is: releases of an older template say `track`, which
# Prometheus renames where its own label of the pod is called the same.
VARIANT = ("variant", "exported_track", "track")
LABELS = frozenset({"outcome", "le", "prediction", *VARIANT})  # what is needed here of a series

COUNTED = ("correct", "wrong")
MEASURED = ("count", "mean", "sd")
EXAMPLE = "variant,correct,wrong (or variant,count,mean,sd), one line each for A and B"


@dataclass(frozen=True)
class Variant:
    """Outcomes of one variant, and how many predictions it made when that is known."""

    outcomes: Shares | Errors
    predictions: float | None = None

    @property
    def coverage(self) -> float | None:
        """Return the share of predictions whose outcome came back; None when it is not known."""
        return self.outcomes.total / self.predictions if self.predictions else None


def of_tracks(found: Mapping[str, Samples]) -> tuple[Variant, Variant]:
    """Return variants A and B from the counters of the stable and of the canary pods.

    Every pod takes feedback on any prediction, so an outcome is that of the variant which its labels name, wherever it
    was counted. A prediction is that of the pod that counted it.
    """
    a, b = (of_counters(_of_variant(found, track)) for track in TRACKS)
    return a, b


def _of_variant(found: Mapping[str, Samples], track: str) -> Samples:
    ours: dict[Series, float] = {}
    for pods, samples in found.items():
        for one, value in samples.items():
            if (_variant(one) if one.name in FEEDBACK else pods) == track:
                ours[one] = ours.get(one, 0.0) + value
    return ours


def _variant(one: Series) -> str:
    return next((name for label in VARIANT if (name := one.label(label))), "")


def as_baseline(pods: Tracks, counted: Snapshot) -> str:
    """Return what was counted when an experiment began, as text for `since`; of pods that are not ready, nothing."""
    read = {pod: samples for track in counted.values() for pod, samples in track.items()}
    told = {
        pod.name: [[one.name, dict(one.labels), value] for one, value in read[pod.name].items() if value]
        if pod.name in read
        else None
        for found in pods.values()
        for pod in found
    }
    return json.dumps({"format": BASELINE, "pods": told}, separators=(",", ":"))


def since(baseline: str, counted: Snapshot) -> dict[str, dict[Series, float]]:
    """Return by track what was counted since a baseline. Raises MisuseError when it is none.

    A pod that came later brings all it has; one that was there and could not be read is left out, as nobody knows what
    it had.
    """
    known = _pods_of(baseline)
    gained: dict[str, dict[Series, float]] = {track: {} for track in TRACKS}
    for track, pods in counted.items():
        for pod, samples in pods.items():
            before = known.get(pod, {})
            for one, value in gains(before, samples).items() if before is not None else ():
                gained[track][one] = gained[track].get(one, 0.0) + value
    return gained


def _pods_of(baseline: str) -> dict[str, dict[Series, float] | None]:
    try:
        document = json.loads(baseline)
        if document["format"] != BASELINE:
            raise ValueError(f"format {document['format']!r}")
        return {
            pod: None if told is None else {series(name, labels): value for name, labels, value in told}
            for pod, told in document["pods"].items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise MisuseError(
            f"what was counted before the experiment cannot be read ({error}), wanted {BASELINE}; "
            "hold the canary again by canary.py with --hold"
        ) from error


def of_counters(samples: Samples) -> Variant:
    """Return a variant from its counters. Raises ExperimentError when none tells of feedback."""
    counts: dict[str, float] = {}
    buckets: dict[float, float] = {}
    error_sum = 0.0
    made = {CLASSES: 0.0, SCORES: 0.0}
    for one, value in samples.items():
        if one.name == OUTCOMES:
            counts[one.label("outcome")] = counts.get(one.label("outcome"), 0.0) + value
        elif one.name == ERROR_BUCKET:
            buckets[bound(one)] = buckets.get(bound(one), 0.0) + value
        elif one.name == ERROR_SUM:
            error_sum += value
        else:
            made[one.name] += value
    predictions = max(made.values()) or None
    if buckets.get(math.inf):
        return Variant(of_histogram(buckets, error_sum), predictions)
    if not sum(counts.values()):
        raise ExperimentError("no feedback was counted; see FEEDBACK_KEY and POST /feedback in the README")
    return Variant(Shares(counts.get("correct", 0.0), sum(counts.values())), predictions)


def of_histogram(buckets: Mapping[float, float], total: float) -> Errors:
    """Return number, mean and variance of errors from a histogram and their sum.

    The mean is exact. The variance is the largest that the buckets allow: each error is taken to lie at the end of its
    bucket that is farther from the mean, and those above the last finite bound share what is left of the sum.
    """
    bounds = sorted(buckets)
    count, mean = buckets[math.inf], total / buckets[math.inf]
    squares, least, lower, below = 0.0, 0.0, 0.0, 0.0
    for upper in bounds[:-1]:
        inside = buckets[upper] - below
        squares += inside * max((upper - mean) ** 2, (lower - mean) ** 2)
        least += inside * lower
        lower, below = upper, buckets[upper]
    beyond = count - below
    if beyond:
        squares += beyond * max(lower - mean, (total - least) / beyond - mean) ** 2
    return Errors(count, mean, squares / (count - 1) if count > 1 else 0.0)


def of_file(path: Path) -> tuple[Variant, Variant]:
    """Return variants A and B from a CSV or JSON file of counts. Raises MisuseError showing what it should hold."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _rows_of_json(json.loads(text)) if path.suffix == ".json" else list(csv.DictReader(text.splitlines()))
        found = {str(row["variant"]): _of_row(row) for row in rows}
        return found["A"], found["B"]
    except OSError as error:
        raise MisuseError(f"{path}: cannot be read ({error.strerror})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise MisuseError(f"{path}: {type(error).__name__} {error}, wanted {EXAMPLE}") from error


def _rows_of_json(document: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"variant": name, **row} for name, row in document.items()]


def _of_row(row: Mapping[str, Any]) -> Variant:
    predictions = float(row["predictions"]) if row.get("predictions") else None
    if all(row.get(key) not in (None, "") for key in MEASURED):
        count, mean, deviation = (_number(row[key]) for key in MEASURED)
        return Variant(Errors(count, mean, deviation**2), predictions)
    correct, wrong = (_number(row[key]) for key in COUNTED)
    return Variant(Shares(correct, correct + wrong), predictions)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{value!r} is not a number from 0 on")
    return number
