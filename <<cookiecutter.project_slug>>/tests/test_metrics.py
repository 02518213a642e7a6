from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from <<cookiecutter.package_name>>.learning.metrics import MEANING, Classes, Numbers, score, values

ROWS = 60


def classes(count: int, seed: int) -> Classes:
    """Return random answers whose probabilities have many ties."""
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(count), rng.integers(0, count, ROWS - count)]
    probabilities = rng.dirichlet(np.ones(count), ROWS).round(1) + 0.01
    return Classes(y, probabilities / probabilities.sum(axis=1, keepdims=True), np.bincount(y) / ROWS)


def weights(seed: int) -> np.ndarray:
    """Return unit weights, then bootstrap-like counts that keep the first rows, so that no class is lost."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, (4, ROWS))
    counts[:, :5] += 1
    return np.vstack([np.ones(ROWS, dtype=int), counts])


def by_scikit_learn(outcome: Classes, count: np.ndarray) -> dict[str, float]:
    """Return the same metrics of the rows repeated `count` times."""
    y, p = np.repeat(outcome.y, count), np.repeat(outcome.probabilities, count, axis=0)
    called, number = p.argmax(axis=1), p.shape[1]
    binary = number == 2
    average = {"average": "binary" if binary else "macro", "zero_division": 0}
    naive = np.tile(outcome.naive, (len(y), 1))
    labels = list(range(number))
    loss = reference.log_loss(y, p, labels=labels)
    return {
        "roc_auc": reference.roc_auc_score(y, p[:, 1] if binary else p, multi_class="ovr"),
        "average_precision": reference.average_precision_score(
            y if binary else np.eye(number)[y], p[:, 1] if binary else p
        ),
        "log_loss": loss,
        "brier": reference.brier_score_loss(y, p[:, 1] if binary else p, labels=labels),
        "accuracy": reference.accuracy_score(y, called),
        "balanced_accuracy": reference.balanced_accuracy_score(y, called),
        "f1": reference.f1_score(y, called, **average),
        "precision": reference.precision_score(y, called, **average),
        "recall": reference.recall_score(y, called, **average),
        "skill": 1 - loss / reference.log_loss(y, naive, labels=labels),
    }


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3, 5])
def test_metrics_of_classes_equal_those_of_scikit_learn_on_repeated_rows(count: int) -> None:
    outcome, counts = classes(count, seed=count), weights(seed=count)
    found = score(outcome, counts)
    for resample, repeats in enumerate(counts):
        for name, expected in by_scikit_learn(outcome, repeats).items():
            assert found[name][resample] == pytest.approx(expected, abs=1e-12), name


def test_metrics_of_numbers_equal_those_of_scikit_learn_on_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    y, predicted = rng.normal(5, 2, (2, ROWS)).round(1)
    counts = weights(seed=1)
    found = score(Numbers(y, predicted, 4.0), counts)
    for resample, repeats in enumerate(counts):
        seen, said = np.repeat(y, repeats), np.repeat(predicted, repeats)
        expected = {
            "r2": reference.r2_score(seen, said),
            "rmse": reference.root_mean_squared_error(seen, said),
            "mae": reference.mean_absolute_error(seen, said),
            "median_ae": reference.median_absolute_error(seen, said),
            "bias": np.mean(said - seen),
            "skill": 1 - reference.mean_squared_error(seen, said) / np.mean((seen - 4.0) ** 2),
        }
        assert {name: value[resample] for name, value in found.items()} == pytest.approx(expected, abs=1e-12)


def test_calibration_error_is_the_gap_per_bin_weighted_by_rows() -> None:
    probabilities = np.array([0.12, 0.18, 0.95, 1.0])
    outcome = Classes(np.array([0, 1, 1, 1]), np.column_stack([1 - probabilities, probabilities]), np.full(2, 0.5))
    # First bin: 0.30 predicted against 1 observed; last bin: 1.95 against 2.
    assert values(outcome)["calibration_error"] == pytest.approx((0.70 + 0.05) / 4)


def test_calibration_of_several_classes_is_that_of_the_winner() -> None:
    outcome = Classes(np.array([0, 1]), np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1]]), np.full(3, 1 / 3))
    assert values(outcome)["calibration_error"] == pytest.approx(0.1)


def test_what_one_class_leaves_undefined_is_nan_and_not_a_number() -> None:
    outcome = Classes(np.zeros(4, dtype=int), np.tile([0.9, 0.1], (4, 1)), np.array([0.8, 0.2]))
    undefined = {name for name, value in values(outcome).items() if np.isnan(value)}
    assert undefined == {"roc_auc", "average_precision", "f1", "precision", "recall"}


@pytest.mark.parametrize(
    ("outcome", "undefined"),
    [
        pytest.param(Numbers(np.full(5, 0.1), np.arange(5.0), 0.0), {"r2"}, id="constant-target"),
        pytest.param(Numbers(np.full(5, 0.1), np.arange(5.0), 0.1), {"r2", "skill"}, id="perfect-naive-model"),
    ],
)
def test_a_constant_target_leaves_shares_undefined(outcome: Numbers, undefined: set[str]) -> None:
    assert {name for name, value in values(outcome).items() if np.isnan(value)} == undefined


def test_a_resample_of_one_row_has_no_variance_to_explain() -> None:
    rng = np.random.default_rng(0)
    found = score(Numbers(rng.normal(9, 1, 50), np.zeros(50), 0.0), 7 * np.eye(50))
    assert np.isnan(found["r2"]).all()


@pytest.mark.parametrize("outcome", [classes(2, 0), classes(3, 0), Numbers(np.ones(3), np.ones(3), 0.0)], ids=str)
def test_rows_that_were_not_drawn_leave_everything_undefined(outcome: Classes | Numbers) -> None:
    found = score(outcome, np.zeros((1, len(outcome.y))))
    assert all(np.isnan(value).all() for value in found.values())


def test_every_metric_has_a_meaning() -> None:
    assert set(values(classes(2, 0))) | set(values(Numbers(np.arange(3.0), np.ones(3), 0.0))) == set(MEANING)
