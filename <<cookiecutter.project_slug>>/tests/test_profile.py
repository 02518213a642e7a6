from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from <<cookiecutter.package_name>>.learning import outcomes
from <<cookiecutter.package_name>>.learning.profile import BINS, category_profile, numeric_profile, profile

from tests.example import FEATURES, ROWS, TARGETS, fitted, make_contract, make_frame


@pytest.mark.parametrize("kind", TARGETS)
def test_a_profile_describes_every_feature_and_the_predictions(kind: str) -> None:
    frame, described = make_frame(kind), make_contract(kind)
    found = profile(frame, described, outcomes.predict(fitted(kind).pipeline, frame, described))
    found = json.loads(json.dumps(found, allow_nan=False))
    assert found["format"] == "profile/1"
    assert list(found["features"]) == list(FEATURES)
    assert found["features"]["empty"]["null_share"] == 1.0
    counts = found["prediction"]["counts"]
    assert sum(counts.values() if isinstance(counts, dict) else counts) == ROWS


def test_bins_hold_equal_shares_and_all_present_rows() -> None:
    column = np.r_[np.arange(1000.0), np.full(250, np.nan)]
    found = numeric_profile(column)
    assert found["null_share"] == 0.2
    assert found["counts"] == [100] * BINS
    assert len(found["edges"]) == BINS - 1


def test_a_value_on_an_edge_belongs_to_the_bin_below() -> None:
    found = numeric_profile(np.repeat([1.0, 2.0, 3.0], [5, 3, 2]))
    assert (found["edges"], found["counts"]) == ([1.0, 2.0, 3.0], [5, 3, 2, 0])


@pytest.mark.parametrize(
    ("column", "edges", "counts"),
    [
        pytest.param(np.full(4, 7.0), [7.0], [4, 0], id="constant"),
        pytest.param(np.full(4, np.nan), [], [0], id="empty"),
    ],
)
def test_columns_of_few_values_have_few_bins(column: np.ndarray, edges: list[float], counts: list[int]) -> None:
    found = numeric_profile(column)
    assert (found["edges"], found["counts"]) == (edges, counts)


def test_rare_categories_are_counted_together() -> None:
    names = [f"c{number:03d}" for number in range(60)]
    found = category_profile(pd.Series([*names, "c059", None], dtype="str"))
    assert next(iter(found["counts"].items())) == ("c059", 2)
    assert (len(found["counts"]), found["other"]) == (50, 10)
    assert found["null_share"] == pytest.approx(1 / 62)
