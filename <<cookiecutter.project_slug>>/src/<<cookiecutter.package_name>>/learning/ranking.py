"""How well scores rank one class above the others, for many weightings of the same rows at once.

Only the scores that a positive row has are thresholds that count, so rows are summed up between those: with many
classes they are few, and the sums of all rows are the only work that grows with the number of classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]
GroupSums = Any  # a sparse matrix, groups by rows; scipy ships no types


def group_sums(group: npt.NDArray[np.intp], groups: int, share: npt.ArrayLike) -> GroupSums:
    """Return the matrix that adds up the `share` of each row by `group`, times weights (rows by resamples).

    That costs one addition for a row and a resample, where a dense matrix costs as many as there are groups.
    """
    matrix = sparse.csr_array((np.asarray(share, np.float64), (group, np.arange(len(group)))), (groups, len(group)))
    matrix.eliminate_zeros()
    return matrix


def ranker(scores: Floats, positive: npt.NDArray[np.bool_]) -> Callable[[Floats], tuple[Floats, Floats]]:
    """Return a function from weights (rows by resamples) to ROC AUC and average precision, one per resample.

    NaN marks a resample in which a side is missing. The work that does not depend on the weights is done once.
    """
    groups = np.unique(scores, return_inverse=True)[1]
    held = np.unique(groups[positive])
    place = np.searchsorted(held, groups)
    inside = np.isin(groups, held)
    # Rows at the k-th score that counts are summed up in 2k + 1, those between it and the one before in 2k.
    between = group_sums(2 * place + inside, 2 * len(held) + 1, np.ones(len(scores)))
    at = group_sums(np.where(positive, place, 0), max(len(held), 1), positive)

    def ranked(weights: Floats) -> tuple[Floats, Floats]:
        found, heap = (at @ weights)[: len(held)], np.cumsum(between @ weights, axis=0)
        return _roc_auc(found, heap), _average_precision(found, heap)

    return ranked


def _roc_auc(found: Floats, heap: Floats) -> Floats:
    """Return P(positive above negative) + P(tie) / 2, from the positive and the heaped weights in ascending order."""
    positives, below, through = np.cumsum(found, axis=0), heap[:-1:2], heap[1::2]
    lower = below - (positives - found)
    tied = through - below - found
    sides = found.sum(axis=0)
    return np.asarray((found * (lower + tied / 2)).sum(axis=0) / _defined(sides * (heap[-1] - sides)))


def _average_precision(found: Floats, heap: Floats) -> Floats:
    """Return the sum over thresholds of (gain in recall) * precision, without interpolation."""
    sides = found.sum(axis=0)
    above = sides - np.cumsum(found, axis=0) + found
    called = heap[-1] - heap[:-1:2]
    # Above the last drawn row nothing is called and nothing gained: 0 * (0 / 0) counts as 0.
    return np.asarray((found * above / np.maximum(called, 1e-300)).sum(axis=0) / _defined(sides))


def _defined(divisor: Floats) -> Floats:
    return np.where(divisor > 0, divisor, np.nan)
