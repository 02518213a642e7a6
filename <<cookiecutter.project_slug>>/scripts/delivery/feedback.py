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
from .exposition import Samples
from .observed import bound

OUTCOMES = "model_feedback_total"
ERROR_SUM, ERROR_BUCKET = "model_feedback_error_sum", "model_feedback_error_bucket"
CLASSES, SCORES = "model_predictions_total", "model_prediction_count"
NAMES = frozenset({OUTCOMES, ERROR_SUM, ERROR_BUCKET, CLASSES, SCORES})

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


def of_counters(samples: Samples) -> Variant:
    """Return a variant from the counters of its pods together. Raises ExperimentError when none tells of feedback."""
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
