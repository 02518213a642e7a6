from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer

from <<cookiecutter.package_name>>.learning import features, model_types

from tests.example import FEATURES, make_contract, make_frame

GAPPY = "Größe in m"


def encoder(frame: pd.DataFrame, numbers: features.Numbers = "scaled") -> ColumnTransformer:
    return features.build(make_contract(), frame, numbers).fit(frame[list(FEATURES)])


def encode(fitted: ColumnTransformer, frame: pd.DataFrame, feature: str) -> np.ndarray:
    encoded: np.ndarray = fitted.transform(frame[list(FEATURES)])[:, features.output_columns(fitted)[feature]]
    return encoded


def test_a_missing_number_is_the_median_and_says_that_it_was_missing() -> None:
    frame = make_frame()
    value, present = encode(encoder(frame, "imputed"), frame, GAPPY).T
    missing = frame[GAPPY].isna().to_numpy()
    assert np.all(value[missing] == frame[GAPPY].median())
    assert np.array_equal(present, 1.0 - missing)


def test_scaled_numbers_have_mean_zero_and_spread_one() -> None:
    frame = make_frame()
    scaled = encode(encoder(frame), frame, "load")
    assert (scaled.mean(), scaled.std()) == pytest.approx((0.0, 1.0))


def test_numbers_stay_as_they_are_for_estimators_that_handle_gaps() -> None:
    frame = make_frame()
    passed = encode(encoder(frame, "as_is"), frame, GAPPY)
    np.testing.assert_array_equal(passed, frame[[GAPPY]])


def test_a_category_that_was_never_seen_is_none_of_the_known() -> None:
    frame = make_frame()
    fitted = encoder(frame)
    assert encode(fitted, frame, "kind").sum(axis=1).tolist() == [1.0] * len(frame)
    assert encode(fitted, frame.assign(kind="unseen"), "kind").sum() == 0.0


def test_only_the_most_frequent_categories_get_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MAX_CATEGORIES", 2)
    frame = make_frame(rows=6).assign(kind=["c", "c", "b", "b", "a", np.nan])
    assert encoder(frame).named_transformers_["categorical"].categories_[0].tolist()[:2] == ["b", "c"]


def test_columns_without_values_are_left_out() -> None:
    used = features.output_columns(encoder(make_frame()))
    assert set(FEATURES) - set(used) == {"empty"}


def test_output_columns_cover_the_matrix_once() -> None:
    frame = make_frame()
    fitted = encoder(frame)
    columns = [column for found in features.output_columns(fitted).values() for column in found]
    assert sorted(columns) == list(range(fitted.transform(frame[list(FEATURES)]).shape[1]))


@pytest.mark.parametrize("numbers", ["scaled", "imputed", "as_is"])
def test_the_encoder_is_stored_without_types_to_trust(numbers: features.Numbers) -> None:
    stored = skops.io.dumps(encoder(make_frame(), numbers))
    assert set(skops.io.get_untrusted_types(data=stored)) <= set(model_types.TRUSTED)
