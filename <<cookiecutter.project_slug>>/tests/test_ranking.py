from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from <<cookiecutter.package_name>>.learning.ranking import group_sums, ranker


def auc_by_pairs(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """Return the share of pairs that are ranked right, each pair looked at; a tie counts half."""
    pairs = np.outer(weights * positive, weights * ~positive)
    right = (scores[:, None] > scores) + (scores[:, None] == scores) / 2
    return float((pairs * right).sum() / pairs.sum()) if pairs.sum() else np.nan


def precision_by_thresholds(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """Return the average precision, each threshold looked at."""
    total, before, area = (weights * positive).sum(), 0.0, 0.0
    for threshold in np.unique(scores)[::-1]:
        called = weights * (scores >= threshold)
        found = (called * positive).sum()
        area += (found - before) * found / called.sum() if called.sum() else 0.0
        before = found
    return float(area / total) if total else np.nan


@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3), st.integers(0, 3)), min_size=1),
    step=st.sampled_from([0.25, 1e-17]),
)
def test_ranks_equal_those_counted_one_by_one(rows: list[tuple[int, bool, int, int]], step: float) -> None:
    places, positive, *draws = map(np.array, zip(*rows, strict=True))
    scores, weights = places * step, np.array(draws, float)
    roc_auc, average_precision = ranker(scores, positive.astype(bool))(np.ascontiguousarray(weights.T))
    for number, weight in enumerate(weights):
        expected = auc_by_pairs(scores, positive.astype(bool), weight)
        assert roc_auc[number] == pytest.approx(expected, abs=1e-12, nan_ok=True)
        expected = precision_by_thresholds(scores, positive.astype(bool), weight)
        assert average_precision[number] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_rows_are_summed_up_by_group() -> None:
    sums = group_sums(np.array([1, 0, 1]), 3, [1.0, 5.0, 0.5])
    assert (sums @ np.array([[1.0, 2.0], [1.0, 0.0], [2.0, 2.0]])).tolist() == [[5.0, 0.0], [2.0, 3.0], [0.0, 0.0]]
