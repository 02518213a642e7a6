from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from <<cookiecutter.package_name>>.errors import TrackingError
from <<cookiecutter.package_name>>.store import compare, lifecycle, runs
from <<cookiecutter.package_name>>.store.compare import Run
from <<cookiecutter.package_name>>.store.tracking import Store

from tests.documents import gate_document, metrics_document, run_document
from tests.example import make_contract


def run(run_id: str, version: str = "", /, **metrics: float) -> Run:
    tags = {"estimator": "linear", "data.sha256": "d" * 64}
    return Run(run_id, "2026-01-01 00:00", "FINISHED", {"seed": "7"}, metrics, tags, version)


def ranked(runs_: list[Run], metric: str) -> list[str]:
    """Return the first word of each line below the header: a run, `data` above a part, nothing between two."""
    return [line.partition(" ")[0] for line in compare.leaderboard(runs_, metric).splitlines()[1:]]


def test_the_best_run_comes_first_and_those_without_the_metric_last() -> None:
    found = [run("none"), run("low", roc_auc=0.6, log_loss=0.5), run("high", roc_auc=0.9, log_loss=0.7)]
    assert ranked(found, "roc_auc") == ["", "data", "high", "low", "none"]
    assert ranked(found, "log_loss") == ["", "data", "low", "high", "none"]


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_a_metric_that_is_no_number_does_not_disturb_the_order(metric: str) -> None:
    values = {"low": 0.1, "nan": float("nan"), "high": 0.9, "nan2": float("nan"), "middle": 0.5}
    order = ranked([run(name, **{metric: value}) for name, value in values.items()], metric)[2:]
    best = ["high", "middle", "low"]
    assert order == [*(best if metric == "roc_auc" else reversed(best)), "nan", "nan2"]


def test_a_line_break_in_a_tag_shifts_no_row() -> None:
    best, second = run("best", roc_auc=0.9), replace(run("second", roc_auc=0.8), params={"seed": "8"})
    best = replace(best, tags={**best.tags, "estimator": "mine\nand yours\u2028"})
    assert ranked([best, second], "roc_auc") == ["", "data", "best", "", "data", "second"]


@pytest.mark.parametrize(
    "other",
    [
        {"tags": {"data.sha256": "e" * 64}},
        {"tags": {"data.sha256": "d" * 64, "contract.digest": "c" * 64}},
        {"params": {"seed": "8"}},
        {"params": {"seed": "7", "split.holdout": "0.5"}},
    ],
    ids=["data", "contract", "seed", "split"],
)
def test_runs_that_other_rows_judged_are_ranked_apart_the_newest_part_first(other: dict[str, dict[str, str]]) -> None:
    best = replace(run("best", roc_auc=0.9), **other)  # type: ignore[arg-type]  # each case replaces one mapping
    found = [run("new", roc_auc=0.6), best, run("old", roc_auc=0.7)]
    assert ranked(found, "roc_auc") == ["", "data", "old", "new", "", "data", "best"]


def test_what_the_gate_said_and_who_is_champion_stand_beside_each_run() -> None:
    refused, failed, champion = run("a", roc_auc=0.9), run("b"), run("c", "1.0.0 champion", roc_auc=0.8)
    refused = replace(refused, tags={**refused.tags, runs.GATE: "refused: latency"})
    table = compare.leaderboard([refused, replace(failed, status="FAILED"), champion], "roc_auc").splitlines()[3:]
    assert [line.split()[-1] for line in table] == ["latency", "-", "failed"]
    assert "refused: latency" in table[0] and "1.0.0 champion" in table[1]


def test_a_metric_that_no_run_has_is_refused() -> None:
    with pytest.raises(TrackingError, match="none of the last 1 runs has the metric 'roc'; did you mean 'roc_auc'"):
        compare.leaderboard([run("a", roc_auc=0.9)], "roc")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("ab", "2 runs found for 'ab'", id="ambiguous"),
        pytest.param("zz", "no run found for 'zz'.*there are abc1, abd2", id="unknown"),
    ],
)
def test_a_run_must_be_named_clearly(name: str, message: str) -> None:
    with pytest.raises(TrackingError, match=message):
        compare.find([run("abc1"), run("abd2")], name)


def test_a_run_is_found_by_its_version() -> None:
    assert compare.find([run("abc1", "1.0.0 champion"), run("abd2", "1.0.1")], "1.0.1").run_id == "abd2"


def test_only_what_differs_is_shown() -> None:
    rows = compare.difference(run("a", roc_auc=0.8, skill=0.1, f1=0.5), run("b", roc_auc=0.85, skill=0.1))
    assert rows == [("f1", "0.500", "-", ""), ("roc_auc", "0.800", "0.850", "+0.050")]


def test_other_packages_and_parameters_are_shown_in_short() -> None:
    first, second = run("a"), run("b")
    tags = {"environment": '{"python": "3.13.0", "packages": {"numpy": "2.5.5"}}', "data.sha256": "e" * 64}
    rows = compare.difference(first, replace(second, tags=tags, params={"seed": "8"}))
    assert ("seed", "7", "8", "") in rows
    assert ("data.sha256", "d" * 12 + "…", "e" * 12 + "…", "") in rows
    assert ("environment", "-", "numpy=2.5.5", "") in rows


def test_an_empty_store_says_what_to_do(store: Store) -> None:
    with pytest.raises(TrackingError, match="has no runs yet; run make pipeline"):
        compare.last_runs(store, 5)


def test_the_last_runs_are_read_from_the_store(store: Store, model_folder: Path, tmp_path: Path) -> None:
    document = run_document()
    for name in ("linear", "baseline"):
        made = runs.log_run(store, document | {"estimator": name}, model_folder)
    document |= {"run_id": made.run_id, "model_id": made.model_id}
    runs.log_evaluation(store, document, metrics_document(), [])
    gate = gate_document(run_id=made.run_id)
    lifecycle.register(store, document, gate, make_contract(), tmp_path, actor="ann")
    newest, older = compare.last_runs(store, 5)
    assert (newest.version, newest.tags["estimator"], older.version) == ("1.0.0 challenger", "baseline", "")
    assert newest.metrics["roc_auc"] == pytest.approx(metrics_document()["metrics"]["roc_auc"]["value"])
    assert ranked([newest, older], "roc_auc")[2:] == [newest.run_id[:8], older.run_id[:8]]


def test_the_champion_is_listed_however_old_its_run_is(store: Store, model_folder: Path, tmp_path: Path) -> None:
    document = run_document()
    champion, newest = (runs.log_run(store, document, model_folder) for _ in range(2))
    document |= {"run_id": champion.run_id, "model_id": champion.model_id}
    gate = gate_document(run_id=champion.run_id)
    lifecycle.register(store, document, gate, make_contract(), tmp_path, actor="ann")
    lifecycle.promote(store, "challenger", actor="ann", reason="better")
    listed = compare.last_runs(store, 1)
    assert [one.run_id for one in listed] == [newest.run_id, champion.run_id]
    assert listed[1].version == "1.0.0 champion"


def test_a_champion_that_somebody_registered_without_a_run_is_left_out(store: Store, model_folder: Path) -> None:
    made = runs.log_run(store, run_document(), model_folder)
    store.client.create_registered_model("example")
    version = store.client.create_model_version("example", source=str(model_folder))
    store.client.set_registered_model_alias("example", "champion", version.version)
    assert [one.run_id for one in compare.last_runs(store, 5)] == [made.run_id]
