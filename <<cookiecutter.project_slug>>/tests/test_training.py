from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, StratifiedKFold

from <<cookiecutter.package_name>> import config
from <<cookiecutter.package_name>>.errors import ConfigError, DataError
from <<cookiecutter.package_name>>.learning import (
    estimators,
    model_bytes,
    outcomes,
    recipe,
    search,
    training,
)

from tests.example import FEATURES, TRAIN_ROWS, fitted, in_time, make_config, make_contract, make_frame

QUICK: dict[config.Estimator, dict[str, Any]] = {
    "linear": {},
    "random_forest": {"n_estimators": 4},
    "gradient_boosting": {"n_estimators": 4, "subsample": 0.8},
    "hist_gradient_boosting": {"max_iter": 4},
    "baseline": {},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "kind"),
    list(zip(QUICK, ["multiclass", "regression", "binary", "multiclass", "regression"], strict=True)),
)
def test_a_second_training_gives_the_same_bytes(estimator: config.Estimator, kind: str) -> None:
    frame, settings = make_frame(kind, rows=80), make_config(estimator, parameters=QUICK[estimator])
    first, second = (training.fit(frame, make_contract(kind), settings).pipeline for _ in range(2))
    assert model_bytes.dumps(first) == model_bytes.dumps(second)


def test_a_forest_answers_on_one_thread_whatever_grew_it() -> None:
    settings = make_config("random_forest", parameters=QUICK["random_forest"])
    forest = training.fit(make_frame(rows=80), make_contract(), settings)
    assert forest.parameters["n_jobs"] is None


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        pytest.param("binary", {"yes", "no"}, id="text"),
        pytest.param("boolean", {True, False}, id="boolean"),
        pytest.param("integer", {3, 1}, id="integer"),
        pytest.param("multiclass", {"low", "mid", "top"}, id="three-classes"),
    ],
)
def test_the_model_answers_with_the_labels_of_the_contract(kind: str, labels: set[object]) -> None:
    frame, pipeline = make_frame(kind), fitted(kind).pipeline
    answers = pipeline.predict(frame[list(FEATURES)])
    assert set(answers.tolist()) == labels
    assert np.mean(answers == frame["answer"].to_numpy()) > 0.6


@pytest.mark.parametrize("kind", ["binary", "boolean", "integer"])
def test_the_positive_class_has_the_last_probability(kind: str) -> None:
    described, frame = make_contract(kind), make_frame(kind)
    probabilities = outcomes.predict(fitted(kind).pipeline, frame, described)[:, 1]
    positive = (frame["answer"] == described.positive).to_numpy()
    assert probabilities[positive].mean() > probabilities[~positive].mean()


@pytest.mark.slow
def test_cross_validation_is_summed_up_by_metric() -> None:
    done = training.fit(make_frame("regression"), make_contract("regression"), make_config(folds=3))
    assert set(done.cv) == {"r2", "rmse", "mae", "median_ae", "bias", "skill"}
    assert 0.4 < done.cv["r2"]["mean"] < 0.9
    assert done.cv["r2"]["std"] > 0


def test_without_folds_nothing_is_cross_validated() -> None:
    assert training.fit(make_frame(), make_contract(), make_config()).cv == {}


@pytest.mark.slow
def test_the_search_takes_the_best_trial_and_shows_progress() -> None:
    seen: list[tuple[int, str]] = []

    def show(items: Iterable[Any], /, *, total: int, desc: str) -> Iterable[Any]:
        seen.append((total, desc))
        return items

    space = {"C": {"low": 1e-5, "high": 1.0, "log": True}, "tol": [1e-4]}
    settings = make_config(folds=2, search=config.Search(4, space))
    done = training.fit(make_frame()[:TRAIN_ROWS], make_contract(), settings, progress=show)
    best = max(done.trials, key=lambda trial: trial.mean)
    assert seen == [(8, "cross-validation")]
    assert done.parameters["C"] == best.parameters["C"]
    assert done.cv["skill"]["mean"] == best.mean
    assert done.trials == training.fit(make_frame()[:TRAIN_ROWS], make_contract(), settings).trials


@pytest.mark.parametrize(
    ("domain", "kind", "low", "high"),
    [
        pytest.param({"low": 1, "high": 9}, int, 1, 9, id="whole"),
        pytest.param({"low": 1, "high": 100, "log": True}, int, 1, 100, id="whole-log"),
        pytest.param({"low": 0.5, "high": 2.0}, float, 0.5, 2.0, id="real"),
        pytest.param({"low": 1e-4, "high": 1e4, "log": True}, float, 1e-4, 1e4, id="real-log"),
        pytest.param([3, 4], int, 3, 4, id="list"),
    ],
)
def test_the_search_draws_from_the_whole_domain(domain: Any, kind: type, low: float, high: float) -> None:
    values = [drawn["p"] for drawn in search.draw(config.Search(200, {"p": domain}), seed=0)]
    assert {type(value) for value in values} == {kind}
    middle = (low * high) ** 0.5 if isinstance(domain, dict) and domain.get("log") else (low + high) / 2
    assert low <= min(values) < middle < max(values) <= high
    assert 0.3 < np.mean([value < middle for value in values]) < 0.7


@pytest.mark.parametrize("name", estimators.CLASSIFIERS)
def test_unknown_parameters_are_refused_with_the_near_miss(name: config.Estimator) -> None:
    settings = make_config(name, parameters={"random_stat": 1, "zzz": 2})
    with pytest.raises(
        ConfigError, match=r"'random_stat' is not .*; did you mean 'random_state'\?\n\(2\) 'zzz' is not"
    ):
        training.fit(make_frame(), make_contract(), settings)


def test_refused_values_are_reported() -> None:
    with pytest.raises(ConfigError, match=r"linear cannot be fitted: The 'C' parameter .*\[training.parameters\]"):
        training.fit(make_frame(), make_contract(), make_config(parameters={"C": -1.0}))


def test_a_model_that_did_not_converge_is_a_notice_and_no_warning() -> None:
    done = training.fit(make_frame(), make_contract(), make_config(parameters={"max_iter": 1}))
    assert done.notices == ("the estimator stopped before it converged; raise max_iter in [training.parameters]",)


def holes(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(answer=frame["answer"].mask(frame.index < 3))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda f: f[f["answer"] == "no"], r"class 'yes' has 0 of the 142 .* wanted at least 3", id="one"),
        pytest.param(lambda f: f.assign(answer=["yes"] * 2 + ["no"] * 298), "class 'yes' has 2 of", id="scarce"),
        pytest.param(holes, "target 'answer': 3 rows are missing, wanted one of 'no', 'yes'", id="missing-answer"),
        pytest.param(lambda f: f.assign(answer="maybe"), "300 rows are 'maybe', wanted one of", id="unknown-answer"),
        pytest.param(lambda f: f[:19], r"19 rows, wanted at least 20; .* split\.holdout$", id="few-rows"),
        pytest.param(lambda f: f.assign(load=np.inf), "column 'load': 300 rows are infinite", id="infinite"),
        pytest.param(lambda f: f.assign(load=1e200), r"'load': 300 rows .* 1e\+150 .* models square them", id="large"),
        pytest.param(lambda f: f.assign(**dict.fromkeys(FEATURES, np.nan)), "every feature .* missing", id="nothing"),
    ],
)
def test_rows_that_cannot_carry_the_training_are_refused(
    spoil: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        training.fit(spoil(make_frame()[:TRAIN_ROWS]), make_contract(), make_config(folds=3))


def test_folds_are_named_where_fewer_of_them_would_do() -> None:
    with pytest.raises(DataError, match=r"39 rows, wanted at least 40; .* or lower split\.holdout or training\.folds"):
        training.fit(make_frame()[:39], make_contract(), make_config(folds=20))


def test_numbers_to_learn_must_be_there() -> None:
    frame = holes(make_frame("regression"))
    with pytest.raises(DataError, match="target 'answer': 3 rows hold no finite number"):
        training.fit(frame, make_contract("regression"), make_config())


def sharing(kind: str, ids: int) -> pd.DataFrame:
    """Return rows of which several share each of `ids` ids."""
    frame = make_frame(kind)
    return frame.assign(row=[f"r{number % ids}" for number in range(len(frame))])


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_rows_of_one_id_are_asked_in_one_fold(kind: str) -> None:
    frame = sharing(kind, ids=90)
    folds = list(recipe.Recipe(make_contract(kind), make_config(folds=3)).folds(frame))
    assert sorted(np.concatenate([asked for _, asked in folds])) == list(range(len(frame)))
    for known, asked in folds:
        assert not set(frame["row"].iloc[known]) & set(frame["row"].iloc[asked])
        assert len(asked) == pytest.approx(len(frame) / 3, rel=0.1)


@pytest.mark.parametrize(
    ("kind", "splitter"),
    [pytest.param("binary", StratifiedKFold, id="classes"), pytest.param("regression", KFold, id="numbers")],
)
def test_rows_with_ids_of_their_own_are_dealt_one_by_one(kind: str, splitter: type[KFold]) -> None:
    frame, described = make_frame(kind), make_contract(kind)
    wanted = splitter(3, shuffle=True, random_state=7).split(frame, outcomes.truth(frame, described))
    found = recipe.Recipe(described, make_config(folds=3)).folds(frame)
    for (known, asked), (learned, rest) in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(known, learned)
        np.testing.assert_array_equal(asked, rest)


def test_ids_that_cannot_carry_the_folds_are_refused() -> None:
    with pytest.raises(DataError, match=r"share 2 ids, wanted at least 3 \(one per fold\); lower training\.folds"):
        training.fit(sharing("regression", ids=2), make_contract("regression"), make_config(folds=3))
    frame = sharing("binary", ids=90).sort_values("row", kind="stable")
    frame = frame.assign(answer=np.where(frame["row"] == "r0", "yes", "no"))
    with pytest.raises(DataError, match="training rows beside the ids of a fold lack a class; lower training.folds"):
        training.fit(frame, make_contract(), make_config(folds=3))


def test_folds_in_time_learn_from_the_past_only() -> None:
    frame = make_frame("regression")
    described = recipe.Recipe(make_contract("regression"), in_time(make_config(folds=3)))
    for past, future in described.folds(frame):
        assert frame["day"].iloc[past].max() <= frame["day"].iloc[future].min()


def test_a_past_without_one_class_is_refused() -> None:
    frame = make_frame().sort_values("day", kind="stable")
    frame = frame.assign(answer=["no"] * 350 + ["yes"] * 50)
    with pytest.raises(DataError, match="the oldest 100 training rows lack a class; lower training.folds"):
        training.fit(frame, make_contract(), in_time(make_config(folds=3)))
