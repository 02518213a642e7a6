"""Metrics of weighted rows, for many weightings of the same rows at once.

A bootstrap resample is a row of integer weights: how often each row was drawn. Each function takes the weights as a
matrix (resamples by rows) and returns one value per resample, equal to what scikit-learn computes with these sample
weights. NaN marks a metric that the rows leave undefined; it does not leave this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .ranking import GroupSums, group_sums, ranker

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error", "rmse", "mae", "median_ae"})
MEANING = {
    "roc_auc": "how often a positive row is ranked above a negative one",
    "average_precision": "precision averaged over all thresholds",
    "log_loss": "the cost of confident mistakes",
    "brier": "squared error of the probabilities",
    "accuracy": "share of rows that are right",
    "balanced_accuracy": "share of rows that are right, averaged over classes",
    "f1": "balance of precision and recall",
    "precision": "share of predicted positives that are positive",
    "recall": "share of positives that are found",
    "calibration_error": "distance between predicted and observed shares",
    "skill": "share of a naive model's loss that the model removes",
    "r2": "share of the target's variance that is explained",
    "rmse": "typical error, large ones weighing more",
    "mae": "mean size of the error",
    "median_ae": "size of the middle error",
    "bias": "mean of predicted minus seen",
}
UNDEFINED = {
    "roc_auc": "the rows hold one class only, or lack one of several",
    "average_precision": "the rows lack a class",
    "precision": "no row is predicted positive",
    "recall": "no row is positive",
    "f1": "no row is positive or predicted positive",
    "r2": "the target is the same in all rows",
    "skill": "the naive model makes no error on these rows",
}
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Classes:
    """Labels as codes 0 … K-1 and one column of probabilities per code; with two classes, 1 is the positive one.

    `naive` holds the classes' shares in the training rows.
    """

    y: Codes
    probabilities: Floats
    naive: Floats


@dataclass(frozen=True)
class Numbers:
    """Seen and predicted values; `naive` is the mean of the training rows."""

    y: Floats
    predicted: Floats
    naive: float


Outcome = Classes | Numbers


Scorer = Callable[[Floats], dict[str, Floats]]


def score(outcome: Outcome, weights: Floats | None = None) -> dict[str, Floats]:
    """Return each metric for each row of `weights` (resamples by rows; default: each row once)."""
    return scorer(outcome)(np.ones((1, len(outcome.y))) if weights is None else np.asarray(weights, dtype=np.float64))


def values(outcome: Outcome) -> dict[str, float]:
    """Return each metric of the rows as they are."""
    return {name: float(value[0]) for name, value in score(outcome).items()}


def scorer(outcome: Outcome) -> Scorer:
    """Return what `score` does for these rows, with all that does not depend on the weights done once."""
    return _class_scorer(outcome) if isinstance(outcome, Classes) else _number_scorer(outcome)


def _class_scorer(outcome: Classes) -> Scorer:
    y, probabilities = outcome.y, outcome.probabilities
    binary = probabilities.shape[1] == 2
    classes, called = probabilities.shape[1], probabilities.argmax(axis=1)
    terms = {
        "log_loss": -np.log(_clip(probabilities)[np.arange(len(y)), y]),
        "naive_loss": -np.log(_clip(outcome.naive)[y]),
        # As scikit-learn: with two classes the square of one probability's error, otherwise the sum over classes.
        "brier": ((probabilities - np.eye(classes)[y]) ** 2).sum(axis=1) / (2 if binary else 1),
    }
    shares = {
        "hits": group_sums(y, classes, y == called),
        "seen": group_sums(y, classes, np.ones(len(y))),
        "called": group_sums(called, classes, np.ones(len(y))),
        "gaps": _calibration_gaps(outcome),
    }
    rankers = [ranker(probabilities[:, code], y == code) for code in ((1,) if binary else range(classes))]

    def scored(weights: Floats) -> dict[str, Floats]:
        by_row = np.ascontiguousarray(weights.T)
        means = _means(terms, weights)
        means |= {name: _shares(share, by_row) for name, share in shares.items()}
        roc_auc, average_precision = np.mean([rank(by_row) for rank in rankers], axis=0)
        return {
            "roc_auc": roc_auc,
            "average_precision": average_precision,
            "log_loss": means["log_loss"],
            "brier": means["brier"],
            **_confusion(means["hits"], means["seen"], means["called"]),
            "calibration_error": np.abs(means["gaps"]).sum(axis=1),
            "skill": 1.0 - means["log_loss"] / _positive(means["naive_loss"]),
        }

    return scored


def _number_scorer(outcome: Numbers) -> Scorer:
    error = outcome.predicted - outcome.y
    centred = outcome.y - outcome.y.mean()
    terms = {
        "mse": error**2,
        "mae": np.abs(error),
        "bias": error,
        "mean": centred,
        "square": centred**2,
        "naive": (outcome.y - outcome.naive) ** 2,
    }
    order = np.argsort(terms["mae"], kind="stable")

    def scored(weights: Floats) -> dict[str, Floats]:
        means = _means(terms, weights)
        variance = means["square"] - means["mean"] ** 2
        # Rounding leaves a little of a constant target's variance; relative to its square that is nothing.
        variance = np.where(variance > 1e-12 * means["square"], variance, 0.0)
        return {
            "r2": 1.0 - means["mse"] / _positive(variance),
            "rmse": np.sqrt(means["mse"]),
            "mae": means["mae"],
            "median_ae": _median(terms["mae"][order], weights[:, order]),
            "bias": means["bias"],
            "skill": 1.0 - means["mse"] / _positive(means["naive"]),
        }

    return scored


def _means(terms: Mapping[str, Floats], weights: Floats) -> dict[str, Floats]:
    """Return the weighted mean over rows of each term, per resample."""
    total = _positive(weights.sum(axis=1))
    return {name: weights @ term / total for name, term in terms.items()}


def _shares(sums: GroupSums, by_row: Floats) -> Floats:
    """Return the weighted mean over rows of what `sums` adds up: resamples by groups."""
    return np.asarray((sums @ by_row / _positive(by_row.sum(axis=0))).T)


def _confusion(hits: Floats, seen: Floats, called: Floats) -> dict[str, Floats]:
    """Return the metrics of hits and misses, from the shares of rows (resamples by classes).

    With two classes they are those of the positive one, otherwise the mean over classes, in which a class without a
    hit counts 0 (scikit-learn's `zero_division=0`). `balanced_accuracy` leaves out classes that no row has.
    """
    recall, precision, f1 = (hits / _positive(seen), hits / _positive(called), 2 * hits / _positive(seen + called))
    present = _positive((seen > 0).sum(axis=1, dtype=np.float64))
    pick: Callable[[Floats], Floats] = _second if seen.shape[1] == 2 else _mean_of_defined_or_zero
    return {
        "accuracy": hits.sum(axis=1),
        "balanced_accuracy": np.nansum(recall, axis=1) / present,
        "f1": pick(f1),
        "precision": pick(precision),
        "recall": pick(recall),
    }


def _second(matrix: Floats) -> Floats:
    return matrix[:, 1]


def _mean_of_defined_or_zero(matrix: Floats) -> Floats:
    return np.where(np.isnan(matrix).all(axis=1), np.nan, np.nan_to_num(matrix).mean(axis=1))


def _calibration_gaps(outcome: Classes) -> GroupSums:
    """Return what adds up (predicted - observed) of the rows by equal-width bins.

    The absolute means of the bins add up to the expected calibration error. With two classes it is the positive
    one's probability that is binned, otherwise the winning class's (Naeini et al., 2015).
    """
    if outcome.probabilities.shape[1] == 2:
        confidence, right = outcome.probabilities[:, 1], outcome.y == 1
    else:
        confidence, right = outcome.probabilities.max(axis=1), outcome.probabilities.argmax(axis=1) == outcome.y
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    return group_sums(bins, CALIBRATION_BINS, confidence - right)


def _median(ascending: Floats, weights: Floats) -> Floats:
    """Return the weighted median of `ascending` values: the middle of the two middle ones when weights leave two."""
    heap = np.cumsum(weights, axis=1)
    half = heap[:, -1:] / 2
    lower, upper = (heap >= half).argmax(axis=1), (heap > half).argmax(axis=1)
    return np.where(half[:, 0] > 0, (ascending[lower] + ascending[upper]) / 2, np.nan)


def _clip(probabilities: Floats) -> Floats:
    """Keep a probability of 0 or 1 from costing an infinite loss (scikit-learn's bound)."""
    edge = np.finfo(np.float64).eps
    return np.asarray(np.clip(probabilities, edge, 1.0 - edge))


def _positive(divisor: Floats) -> Floats:
    """Return the divisor with NaN for 0, so that the quotient is undefined and never infinite."""
    return np.where(divisor > 0, divisor, np.nan)
