from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from <<cookiecutter.package_name>>.config import Evaluation
from <<cookiecutter.package_name>>.contracts.contract import Contract, from_schema
from <<cookiecutter.package_name>>.dataset import splitting
from <<cookiecutter.package_name>>.errors import DataError, PipelineError
from <<cookiecutter.package_name>>.judging import bootstrap, comparison, evaluation, notices, slices
from <<cookiecutter.package_name>>.judging.comparison import Champion
from <<cookiecutter.package_name>>.learning import metrics, outcomes
from <<cookiecutter.package_name>>.store import versions

from tests.documents import run_document
from tests.example import ROWS, TARGETS, TRAIN_ROWS, evaluated, fitted, in_time, make_config, make_contract, make_frame

KINDS = list(TARGETS)
HOLDOUT = ROWS - TRAIN_ROWS


def judge(kind: str = "binary", **changed: Any) -> evaluation.Evaluation:
    frame, described = make_frame(kind), make_contract(kind)
    holdout = changed.pop("holdout", frame[TRAIN_ROWS:])
    naive = outcomes.naive(frame[:TRAIN_ROWS], described)
    return evaluation.evaluate(fitted(kind).pipeline, holdout, described, make_config(), naive=naive, **changed)


@pytest.fixture(autouse=True)
def few_latency_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "LATENCY_ROWS", 1)
    monkeypatch.setattr(evaluation, "LATENCY_CALLS", 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_report_is_json_without_nan(kind: str) -> None:
    report = json.loads(json.dumps(evaluated(kind).document(run_id="r", model_bytes=5), allow_nan=False))
    assert (report["format"], report["run_id"], report["model_bytes"]) == ("metrics/1", "r", 5)
    assert report["holdout"]["rows"] == HOLDOUT
    assert report["champion"]["status"] == "none"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_model_has_skill_and_intervals_hold_the_value(kind: str) -> None:
    skill = evaluated(kind).metrics["skill"]
    assert skill.value is not None and skill.low is not None and skill.high is not None
    assert 0 < skill.low < skill.value < skill.high < 1


def test_every_declared_group_is_reported_also_without_rows() -> None:
    groups = {group.value: group for group in evaluated().slices}
    assert set(groups) == {"a", "b", "unseen", None}
    assert (groups["unseen"].rows, groups["unseen"].metrics) == (0, {})
    assert sum(group.rows for group in groups.values()) == HOLDOUT


def test_a_group_is_scored_on_its_own_rows() -> None:
    described, holdout = make_contract(), make_frame()[TRAIN_ROWS:]
    group = next(group for group in evaluated().slices if group.value == "a")
    alone = judge(holdout=holdout[holdout["kind"] == "a"])
    assert group.metrics["roc_auc"].value == alone.metrics["roc_auc"].value
    assert group.rows == alone.rows
    assert described.slices == ("kind",)


def test_groups_of_a_boolean_column_are_told_apart_as_json() -> None:
    described = make_contract()
    columns = described.schema["properties"]
    flagged = {**columns, "flag": {**columns["flag"], "x-slice": True}}
    described = type(described)(
        {**described.schema, "properties": flagged},
        tuple(replace(column, slice=column.name == "flag") for column in described.columns),
    )
    found = list(slices.groups(make_frame(), described))
    assert [(group.column, group.value) for group in found] == [("flag", False), ("flag", True)]
    assert sum(len(group.at) for group in found) == ROWS


def test_groups_of_whole_numbers_find_their_rows_however_the_contract_spells_them() -> None:
    described = without_ids(constant={"type": "number", "enum": [1.0, 2.0], "x-role": "feature", "x-slice": True})
    frame = make_frame().assign(constant=["1", "2"] * (ROWS // 2))
    found = {group.value: len(group.at) for group in slices.groups(frame, described) if group.column == "constant"}
    assert found == {1.0: ROWS // 2, 2.0: ROWS // 2}


def test_the_same_model_as_champion_differs_by_nothing() -> None:
    found = judge(champion=Champion("3", "1.0.0", fitted().pipeline)).champion
    assert (found.status, found.version, found.contract_version) == ("compared", "3", "1.0.0")
    assert all((d.value, d.low, d.high) == (0.0, 0.0, 0.0) for d in found.difference.values())


@pytest.mark.slow
def test_a_worse_champion_is_beaten_beyond_doubt() -> None:
    naive = fitted().pipeline
    worse = type(naive)([naive.steps[0], ("model", LogisticRegression(C=1e-6))])
    frame = make_frame()[:TRAIN_ROWS]
    worse.fit(frame[list(make_contract().features)], frame["answer"].to_numpy())
    difference = judge(champion=Champion("1", "1.0.0", worse)).champion.difference["log_loss"]
    assert difference.high is not None and difference.high < 0


@pytest.mark.parametrize(
    ("champion", "reason"),
    [
        pytest.param(Champion("1", "1.0.0", None, "its file is gone"), "its file is gone", id="not-loaded"),
        pytest.param(Champion("1", "1.0.0", fitted("multiclass").pipeline), "model knows the classes", id="classes"),
        pytest.param(Champion("1", "1.0.0", fitted("regression").pipeline), "classes_", id="another-problem"),
    ],
)
def test_a_champion_of_another_contract_cannot_be_compared(champion: Champion, reason: str) -> None:
    found = comparison.compare(
        champion, comparison.predictions(champion, make_frame(), make_contract())[1], scores(), None, 0.9
    )
    assert found.status == "incomparable"
    assert reason in found.reason
    assert found.document()["difference"] == {}


def split_of(**changes: Any) -> dict[str, Any]:
    """Return a split as `versions.split` notes it, that of `make_config()` unless `changes` say otherwise."""
    noted = {"seed": 7, "method": "random", "holdout": 0.25, "data": "d1"}
    return noted | {"identity": ["row"], "kinds": ["string as text"]} | changes


def by_time(since: str, until: str, **changes: Any) -> dict[str, Any]:
    """Return a split by time that learned `until` a time and holds out rows `since` one."""
    return split_of(method="time", ordered_by="day", held_since=since, learned_until=until) | changes


@pytest.mark.parametrize(
    ("split", "seen"),
    [
        pytest.param({"seed": 7, "method": "random", "holdout": 0.25}, False, id="same"),
        pytest.param({"seed": 7, "method": "random", "holdout": 0.4}, False, id="more-held-out"),
        pytest.param({"seed": 7, "method": "random", "holdout": 0.2}, True, id="fewer-held-out"),
        pytest.param({"seed": 8, "method": "random", "holdout": 0.25}, True, id="other-seed"),
        pytest.param({"seed": 7, "method": "time", "holdout": 0.25}, True, id="other-method"),
        pytest.param({"data": "d0"}, False, id="other-rows"),
        pytest.param(None, True, id="unknown"),
    ],
)
def test_a_champion_that_may_know_the_rows_is_told(split: dict[str, Any] | None, seen: bool) -> None:
    then = None if split is None else split_of(**split)
    assert bool(notices.seen_rows(then, split_of())) is seen


def test_categories_that_the_champion_never_saw_are_told() -> None:
    kinds = pd.Series(["a", "b", "New", None, "a", "New", "b", "a", "new", "b"], dtype=object)
    frame = make_frame()[:10].assign(kind=kinds)
    told = notices.strange_values(frame, make_contract())
    assert "refuses 3 of the 10 held-out rows ('kind'): it never saw these categories" in told
    assert notices.strange_values(make_frame(), make_contract()) == ""
    assert notices.strange_values(frame.drop(columns="kind"), make_contract()) == ""


def without_ids(**changed: Any) -> Contract:
    """Return the example's contract without ids; `changed` replaces columns, or drops them when None."""
    schema = json.loads(json.dumps(make_contract().schema))
    schema["properties"]["row"]["x-role"] = "ignored"
    columns = {**schema["properties"], **changed}
    schema["properties"] = {name: rules for name, rules in columns.items() if rules is not None}
    return from_schema(schema | {"required": list(schema["properties"])}, "without ids")


def test_without_ids_a_champion_may_know_the_rows_when_a_column_is_new() -> None:
    ours, theirs = without_ids(), without_ids(load=None)
    frame, config = make_frame().drop(columns="row"), make_config()
    learned = splitting.split(frame.drop(columns="load"), theirs, config.split, config.seed)[0]
    asked = splitting.split(frame, ours, config.split, config.seed)[1]
    assert set(learned.index) & set(asked.index)
    then, now = (versions.split(run_document(), contract) for contract in (theirs, ours))
    assert "may have seen part of these rows in training" in notices.seen_rows(then, now)
    assert notices.seen_rows(then, then) == ""
    assert notices.seen_rows(then | {"method": "time"}, now | {"method": "time"}) == ""


def test_without_ids_a_champion_may_know_the_rows_when_a_column_is_read_otherwise() -> None:
    listed = {"type": "integer", "enum": [1, 2], "x-role": "feature"}
    then, now = (versions.split(run_document(), contract) for contract in (without_ids(), without_ids(constant=listed)))
    assert then["identity"] == now["identity"]
    frame, config = make_frame().drop(columns="row"), make_config()
    learned = splitting.split(frame, without_ids(), config.split, config.seed)[0]
    asked = splitting.split(frame.assign(constant="1"), without_ids(constant=listed), config.split, config.seed)[1]
    assert set(learned.index) & set(asked.index)
    assert "these are others today or read otherwise" in notices.seen_rows(then, now)
    del then["kinds"]
    assert notices.seen_rows(then, now) == "", "as registered before kinds were noted"


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        pytest.param("row", "string as text", id="id"),
        pytest.param("load", "number", id="quantity"),
        pytest.param("constant", "number", id="integer"),
        pytest.param("flag", "boolean as text", id="boolean"),
        pytest.param("day", "time", id="timestamp"),
    ],
)
def test_the_kind_of_a_column_is_how_its_cells_are_read(column: str, kind: str) -> None:
    assert splitting.kind(make_contract()[column]) == kind


def test_a_split_noted_without_its_columns_is_unknown() -> None:
    then = {"seed": 7, "method": "random", "holdout": 0.25, "data": "d1"}
    assert notices.seen_rows(then, split_of()).endswith("its split was not recorded")


def test_a_split_by_time_has_no_seed() -> None:
    then, now = (by_time("2025-01-20", "2025-01-20", seed=seed) for seed in (8, 7))
    assert notices.seen_rows(then, now) == "", "rows of one day lie on both sides, the same in the same table"
    assert "(seed 8, hold-out 0.1 by time)" in notices.seen_rows(then | {"holdout": 0.1}, now)
    assert "(seed 8, hold-out 0.25 by time)" in notices.seen_rows(then | {"ordered_by": "other"}, now)


def test_rows_that_came_late_move_the_border_of_a_split_by_time() -> None:
    frame = pd.DataFrame({"day": pd.date_range("2025-01-01", periods=400), "answer": ["yes", "no"] * 200})
    older = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=1000), "answer": ["yes", "no"] * 500})
    newer = frame.assign(day=frame["day"] + pd.Timedelta(days=400))
    then, grown = noted_by_time(frame, "d1"), noted_by_time(newer, "d2")
    backfilled = noted_by_time(pd.concat([frame, older], ignore_index=True), "d3")
    told = notices.seen_rows(then, backfilled)
    assert "learned from rows until 2025-10-27T00:00:00.000000, and rows since 2025-02-20" in told
    assert notices.seen_rows(then, grown) == ""
    old = {name: value for name, value in then.items() if name not in versions.LIMITS}
    assert notices.seen_rows(old, grown).endswith("until which time the champion learned was not recorded")


def noted_by_time(frame: pd.DataFrame, data: str) -> dict[str, Any]:
    """Return what is noted of a split by time of `frame`, whose digest is `data`."""
    contract, plan = make_contract(), in_time(make_config()).split
    limits = splitting.limits(*splitting.split(frame, contract, plan, seed=7), contract, plan)
    return versions.split({"seed": 7, "data": {"sha256": data}, "split": vars(plan) | limits}, contract)


@pytest.mark.parametrize("holdout", [0.2, 0.3])
def test_the_split_agrees_with_what_is_said_about_it(holdout: float) -> None:
    frame, config = make_frame(), make_config()
    theirs = splitting.split(frame, make_contract(), replace(config.split, holdout=holdout), config.seed)[0]
    ours = splitting.split(frame, make_contract(), config.split, config.seed)[1]
    told = notices.seen_rows(split_of(holdout=holdout), split_of())
    assert bool(told) is bool(set(theirs.index) & set(ours.index))


def test_a_notice_on_the_champion_stands_in_the_report() -> None:
    found = judge(champion=Champion("3", "1.0.0", fitted().pipeline, notice="it knows these rows"))
    report = found.document(run_id="r", model_bytes=1)
    assert report["champion"]["status"] == "compared"
    assert report["champion"]["notice"] == "it knows these rows"
    assert report["notices"] == ["it knows these rows"]


def test_few_rows_to_judge_by_are_told() -> None:
    frame = make_frame()
    assert list(notices.few_rows(frame, make_contract())) == []
    some = pd.concat([frame[frame["answer"] == "no"][:20], frame[frame["answer"] == "yes"][:4]])
    scarce, rare = notices.few_rows(some, make_contract())
    assert scarce.startswith("only 24 rows are held out, so that intervals are wide")
    assert "few of a class (4 of 'yes'), so that intervals are wide" in rare
    assert list(notices.few_rows(make_frame("regression", rows=30), make_contract("regression"))) == []


def test_held_out_rows_that_share_ids_are_told() -> None:
    frame = make_frame()
    (told,) = notices.few_rows(frame.assign(row=frame["row"].where(frame.index >= 100, "r100")), make_contract())
    assert told.startswith("the 400 held-out rows share 300 ids") and "intervals" in told


def scores() -> bootstrap.Scores:
    return bootstrap.Scores({}, {})


def test_a_champion_that_needs_a_column_that_is_gone_says_which() -> None:
    with pytest.raises(PipelineError, match="needs columns that the data has not: 'load', 'noise'"):
        outcomes.predict(fitted().pipeline, make_frame().drop(columns=["load", "noise"]), make_contract())


def test_importance_finds_what_the_answer_depends_on() -> None:
    found = evaluated("regression").curves.importances
    assert found["Größe in m"] > found["load"] > 0.3
    assert abs(found["noise"]) < 0.05
    assert "empty" not in found


@pytest.mark.slow
def test_a_second_evaluation_differs_in_latency_alone() -> None:
    first, second = (judge("multiclass").document(run_id="r", model_bytes=1) for _ in range(2))
    assert 0 < first.pop("latency_ms")["median"] <= second["latency_ms"]["slowest"] * 100
    del second["latency_ms"]
    assert first == second


class Interrupted:
    """A model that computes for 5 ms, and whose process then waits for its turn on a busy machine."""

    feature_names_in_ = ("load",)

    def predict(self, _: pd.DataFrame) -> None:
        done = time.process_time() + 0.005
        while time.process_time() < done:
            pass
        time.sleep(0.05)


def test_the_latency_is_that_of_the_model_and_not_of_its_neighbours() -> None:
    model: Any = Interrupted()
    found = evaluation.latency_ms(model, make_frame())
    assert 5 <= found["median"] <= found["slowest"] < 25


def test_the_digest_changes_with_any_cell() -> None:
    frame = make_frame()
    changed = frame.copy()
    changed["load"] = changed["load"].where(changed.index != 5, 0.25)
    assert evaluation.digest(frame) == evaluation.digest(make_frame()) != evaluation.digest(changed)


def test_a_tiny_holdout_is_refused() -> None:
    with pytest.raises(
        DataError, match="the hold-out part has 9 rows, wanted at least 10; add rows, or raise split.holdout"
    ):
        judge(holdout=make_frame()[:9])


def test_a_metric_without_value_says_why() -> None:
    holdout = make_frame()[TRAIN_ROWS:]
    found = judge(holdout=holdout[holdout["answer"] == "no"]).metrics["roc_auc"]
    assert found == bootstrap.Estimate(None, reason="the rows hold one class only, or lack one of several")


def test_resamples_draw_as_many_rows_as_there_are_in_bounded_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "CELLS", 100)
    parts = list(bootstrap.resamples(rows=30, count=10, seed=1))
    assert [part.shape for part in parts] == [(3, 30), (3, 30), (3, 30), (1, 30)]
    assert all((part.sum(axis=1) == 30).all() for part in parts)


def test_a_group_takes_its_share_of_each_resample() -> None:
    rng = np.random.default_rng(0)
    whole = metrics.Numbers(rng.normal(size=30), rng.normal(size=30), 0.0)
    rows = np.arange(5, 30, 2)
    group = slices.take(whole, rows)
    drawn = bootstrap.draw({"": bootstrap.Sample(group, rows)}, 30, Evaluation(100, 0.9), seed=3)[""]
    (weights,) = bootstrap.resamples(30, 100, seed=3)
    np.testing.assert_array_equal(drawn.draws["mae"], metrics.score(group, weights[:, rows])["mae"])


def test_an_interval_covers_what_it_should() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(60):
        y = rng.normal(0.0, 1.0, 80)
        outcome = metrics.Numbers(y, y + rng.normal(0.5, 1.0, 80), 0.0)
        drawn = bootstrap.draw({"": bootstrap.Sample(outcome)}, 80, Evaluation(200, 0.9), seed)[""]
        bias = drawn.estimates(0.9)["bias"]
        covered += bias.low is not None and bias.high is not None and bias.low <= 0.5 <= bias.high
    assert 47 <= covered <= 60


def test_an_interval_of_a_calibration_error_ends_at_zero_but_that_of_a_difference_does_not() -> None:
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.05, 0.95, 400)
    y = (rng.random(400) < shares).astype(np.intp)
    said = {"honest": shares, "bold": shares**4}
    models = {name: metrics.Classes(y, np.column_stack([1 - p, p]), np.array([0.5, 0.5])) for name, p in said.items()}
    samples = {name: bootstrap.Sample(model) for name, model in models.items()}
    drawn = bootstrap.draw(samples, 400, Evaluation(200, 0.95), seed=0)
    alone = drawn["honest"].estimates(0.95)["calibration_error"]
    better = drawn["honest"].minus(drawn["bold"]).estimates(0.95)["calibration_error"]
    assert alone.low is not None and alone.low >= 0
    assert better.low is not None and better.value is not None and better.high is not None
    assert better.low < better.value < better.high < 0


def test_a_metric_that_most_resamples_leave_undefined_has_no_interval() -> None:
    outcome = metrics.Numbers(np.array([1.0] * 99 + [2.0]), np.ones(100), 0.0)
    drawn = bootstrap.draw({"": bootstrap.Sample(outcome)}, 100, Evaluation(200, 0.9), 0)[""]
    found = drawn.estimates(0.9)["r2"]
    assert (found.low, found.high) == (None, None)
    assert found.reason == "no interval, because in many resamples the target is the same in all rows"
