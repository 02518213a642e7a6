"""The training rows in a few numbers, against which later rows are checked for drift."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..contracts.contract import Contract
from . import outcomes
from .metrics import Floats

BINS = 10
MAX_CATEGORIES = 50


def profile(frame: pd.DataFrame, contract: Contract, predicted: Floats) -> dict[str, Any]:
    """Return the document `profile/1` of the training rows and of what the model says about them.

    `predicted` are values (rows) or probabilities (rows by classes, in the order of `outcomes.labels`).
    """
    numeric = set(contract.numeric_features)
    return {
        "format": "profile/1",
        "rows": len(frame),
        "contract": {"version": contract.version, "digest": contract.digest},
        "features": {
            name: numeric_profile(frame[name].to_numpy(dtype=np.float64))
            if name in numeric
            else category_profile(frame[name])
            for name in contract.features
        },
        "prediction": _prediction(contract, predicted),
    }


def numeric_profile(column: Floats) -> dict[str, Any]:
    """Return counts between quantiles: bin i holds edges[i-1] < x <= edges[i], the outer two are open.

    Equal quantiles fall together, so that a column of few values has fewer bins; an empty one has no edges.
    """
    present = column[np.isfinite(column)]
    inner = np.arange(1, BINS) / BINS
    # Values that occur, not values between them, so that whole numbers keep bins of their own.
    edges = np.unique(np.quantile(present, inner, method="inverted_cdf")) if len(present) else np.array([])
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return {
        "kind": "numeric",
        "null_share": _share(len(column) - len(present), len(column)),
        "edges": [float(edge) for edge in edges],
        "counts": [int(count) for count in counts],
        "mean": float(present.mean()) if len(present) else None,
        "std": float(present.std()) if len(present) else None,
    }


def category_profile(column: pd.Series) -> dict[str, Any]:
    """Return the counts of the most frequent values, most frequent first, and of all `other` values together."""
    counts = column.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return {
        "kind": "categorical",
        "null_share": _share(int(column.isna().sum()), len(column)),
        "counts": {str(value): int(count) for value, count in counts.iloc[:MAX_CATEGORIES].items()},
        "other": int(counts.iloc[MAX_CATEGORIES:].sum()),
    }


def _prediction(contract: Contract, predicted: Floats) -> dict[str, Any]:
    """Describe predicted values or the positive class's probability by bins, several classes by who wins."""
    if contract.problem == "regression":
        return numeric_profile(predicted)
    labels = outcomes.labels(contract)
    if contract.problem == "binary":
        return {**numeric_profile(predicted[:, 1]), "positive": labels[1]}
    winners = np.bincount(predicted.argmax(axis=1), minlength=len(labels))
    counts = {str(label): int(count) for label, count in zip(labels, winners, strict=True)}
    return {"kind": "categorical", "null_share": 0.0, "counts": counts, "other": 0}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
