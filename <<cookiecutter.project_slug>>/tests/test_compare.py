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
    return [row[0] for row in compare.leaderboard(runs_, metric)]


def test_the_best_run_comes_first_and_those_without_the_metric_last() -> None:
    found = [run("none"), run("low", roc_auc=0.6, log_loss=0.5), run("high", roc_auc=0.9, log_loss=0.7)]
    assert ranked(found, "roc_auc") == ["high", "low", "none"]
    assert ranked(found, "log_loss") == ["low", "high", "none"]


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
    table = compare.columns([compare.HEADER, *compare.leaderboard([newest, older], "roc_auc")])
    assert table.splitlines()[1].startswith(newest.run_id[:8])
