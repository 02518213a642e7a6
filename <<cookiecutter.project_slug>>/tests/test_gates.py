from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from <<cookiecutter.package_name>>.config import ChampionGate, Gates, Limit, SliceGate
from <<cookiecutter.package_name>>.judging.gates import Decision, decide, refusal

GATES = Gates(
    metrics={"roc_auc": Limit(min=0.75), "calibration_error": Limit(max=0.1)},
    champion=ChampionGate("roc_auc", max_regression=0.01, must_improve=False),
    slices=SliceGate("roc_auc", Limit(min=0.6), min_rows=40),
    latency_ms=50.0,
    model_mb=20.0,
)
# Each number that is judged lies exactly on its limit.
REPORT: dict[str, Any] = {
    "format": "metrics/1",
    "contract": {"version": "2.0.0"},
    "metrics": {
        "roc_auc": {"value": 0.75, "low": 0.7, "high": 0.8},
        "calibration_error": {"value": 0.1, "low": 0.05, "high": 0.15},
    },
    "slices": [
        {"column": "plan", "value": "basic", "rows": 40, "metrics": {"roc_auc": {"value": 0.6}}},
        {"column": "plan", "value": None, "rows": 39, "metrics": {"roc_auc": {"value": 0.1}}},
    ],
    "latency_ms": {"median": 1.0, "slowest": 50.0},
    "model_bytes": 20_000_000,
    "champion": {
        "status": "compared",
        "contract_version": "1.9.0",
        "reason": "",
        "difference": {"roc_auc": {"value": 0.0, "low": -0.01, "high": 0.01}},
    },
}
JUDGED = [
    ("metrics", "roc_auc", "value"),
    ("metrics", "calibration_error", "value"),
    ("slices", 0, "rows"),
    ("slices", 0, "metrics", "roc_auc", "value"),
    ("latency_ms", "slowest"),
    ("model_bytes",),
    ("champion", "status"),
    ("champion", "difference", "roc_auc", "value"),
    ("champion", "difference", "roc_auc", "low"),
    ("champion", "difference", "roc_auc", "high"),
]
NO_EVIDENCE: list[object] = [None, math.nan, math.inf, -math.inf, True, False, "0.9", [], {}, 10**400]


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Return the report with another value at `path`."""
    report = copy.deepcopy(REPORT)
    place: Any = report
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return report


def failed(decision: Decision) -> list[str]:
    return [check.name for check in decision.checks if not check.passed]


def test_a_model_on_every_limit_is_promoted() -> None:
    decision = decide(REPORT, GATES)
    assert failed(decision) == []
    assert decision.promote


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        pytest.param(("metrics", "roc_auc", "value"), math.nextafter(0.75, 0), "roc_auc", id="floor"),
        pytest.param(
            ("metrics", "calibration_error", "value"), math.nextafter(0.1, 1), "calibration_error", id="ceiling"
        ),
        pytest.param(
            ("champion", "difference", "roc_auc", "low"), math.nextafter(-0.01, -1), "champion roc_auc", id="champion"
        ),
        pytest.param(
            ("slices", 0, "metrics", "roc_auc", "value"), math.nextafter(0.6, 0), "slices plan", id="slice-floor"
        ),
        pytest.param(("slices", 1, "rows"), 40, "slices plan", id="slice-that-is-large-enough"),
        pytest.param(("slices", 0, "rows"), 39, "slices plan", id="only-small-slices"),
        pytest.param(("slices", 1, "rows"), 0, "slices plan", id="slice-without-rows"),
        pytest.param(("slices",), [], "slices", id="no-slices"),
        pytest.param(("latency_ms", "slowest"), math.nextafter(50, 51), "latency", id="latency"),
        pytest.param(("latency_ms", "slowest"), -1.0, "latency", id="impossible-latency"),
        pytest.param(("model_bytes",), 20_000_001, "model size", id="size"),
        pytest.param(("model_bytes",), 0, "model size", id="no-model"),
        pytest.param(("champion", "status"), "unreachable", "champion roc_auc", id="unknown-status"),
        pytest.param(("champion", "difference"), {}, "champion roc_auc", id="metric-not-compared"),
        pytest.param(("champion", "difference", "roc_auc", "high"), -0.02, "champion roc_auc", id="crossed-interval"),
    ],
)
def test_the_smallest_bad_change_refuses(path: tuple[str | int, ...], value: object, name: str) -> None:
    decision = decide(changed(path, value), GATES)
    assert failed(decision) == [name]
    assert not decision.promote


@pytest.mark.parametrize("evidence", NO_EVIDENCE, ids=lambda value: repr(value)[:8])
@pytest.mark.parametrize("path", JUDGED, ids=lambda path: ".".join(map(str, path)))
def test_what_is_no_evidence_refuses(path: tuple[str | int, ...], evidence: object) -> None:
    assert not decide(changed(path, evidence), GATES).promote


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from paths(item, (*path, key))


REPORTED_ONLY = {"low", "high", "contract", "contract_version", "version", "reason", "median"}


@pytest.mark.parametrize("path", list(paths(REPORT)), ids=lambda path: ".".join(map(str, path)))
def test_a_report_with_a_part_missing_refuses(path: tuple[str | int, ...]) -> None:
    report = copy.deepcopy(REPORT)
    place: Any = report
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    assert decide(report, GATES).promote == (path[-1] in REPORTED_ONLY and "difference" not in path)


@pytest.mark.parametrize(
    ("difference", "must_improve", "promote"),
    [
        pytest.param({"value": -0.1, "low": -0.2, "high": 0.01}, False, True, id="at-most-that-much-worse"),
        pytest.param({"value": -0.1, "low": -0.2, "high": 0.011}, False, False, id="worse"),
        pytest.param({"value": -0.1, "low": -0.2, "high": -1e-9}, True, True, id="better"),
        pytest.param({"value": -0.1, "low": -0.2, "high": 0.0}, True, False, id="not-beyond-doubt"),
    ],
)
def test_where_less_is_better_the_upper_end_counts(
    difference: dict[str, float], must_improve: bool, promote: bool
) -> None:
    gates = replace(GATES, champion=ChampionGate("log_loss", 0.01, must_improve))
    assert decide(changed(("champion", "difference"), {"log_loss": difference}), gates).promote is promote


def test_the_first_model_has_nothing_to_beat() -> None:
    decision = decide(changed(("champion",), {"status": "none"}), GATES)
    assert decision.promote
    assert any(check.why.startswith("first model") for check in decision.checks)


@pytest.mark.parametrize(
    ("ours", "theirs", "promote"),
    [
        pytest.param("2.0.0", "1.9.0", True, id="raised"),
        pytest.param("1.10.0", "1.9.0", False, id="minor"),
        pytest.param("1.0.0", "2.0.0", False, id="lowered"),
        pytest.param(None, "1.0.0", False, id="unknown"),
        pytest.param("two", "1.0.0", False, id="no-number"),
        pytest.param("²", "1.0.0", False, id="odd-digit"),
        pytest.param(2, 1, False, id="no-text"),
    ],
)
def test_an_incomparable_champion_needs_a_new_major_contract(ours: object, theirs: object, promote: bool) -> None:
    report = changed(("contract", "version"), ours)
    report["champion"] = {"status": "incomparable", "contract_version": theirs, "reason": "other columns"}
    decision = decide(report, GATES)
    assert decision.promote is promote
    assert "other columns" in next(check.why for check in decision.checks if check.name == "champion roc_auc")


@pytest.mark.parametrize(
    ("notice", "end"),
    [("it knows these rows", "; it knows these rows"), ("", "same rows"), (["x"], "same rows"), (None, "same rows")],
)
def test_a_doubt_about_the_champion_is_told_and_decides_nothing(notice: object, end: str) -> None:
    decision = decide(changed(("champion", "notice"), notice), GATES)
    assert decision.promote
    assert next(check.why for check in decision.checks if check.name == "champion roc_auc").endswith(end)


@pytest.mark.parametrize(
    "gates",
    [
        pytest.param(replace(GATES, metrics={}), id="no-metric"),
        pytest.param(replace(GATES, metrics={"roc_auc": Limit()}), id="no-limit"),
        pytest.param(replace(GATES, slices=SliceGate("roc_auc", Limit(), 1)), id="no-slice-limit"),
    ],
)
def test_gates_without_limits_refuse(gates: Gates) -> None:
    assert not decide(REPORT, gates).promote


def test_slices_are_judged_only_when_the_gates_say_so() -> None:
    assert decide(changed(("slices",), []), replace(GATES, slices=None)).promote


def test_a_value_that_looks_like_its_limit_is_shown_in_full() -> None:
    decision = decide(changed(("metrics", "roc_auc", "value"), 0.7499999), GATES)
    assert decision.checks[0].seen.startswith("0.7499999 (")


def test_an_undefined_metric_says_why() -> None:
    decision = decide(changed(("metrics", "roc_auc"), {"value": None, "reason": "one class only"}), GATES)
    assert decision.checks[0].why == "undefined: one class only"


def test_the_document_names_run_and_checks() -> None:
    document = refusal("metrics.json: not found").document(run_id=None)
    assert (document["format"], document["promote"], document["run_id"]) == ("gate/1", False, None)
    assert document["checks"][0]["why"] == "metrics.json: not found"
    json.dumps(decide(REPORT, GATES).document(run_id="r"), allow_nan=False)


def test_no_checks_promote_nothing() -> None:
    assert not Decision(()).promote


TEXT = st.text(alphabet="a1.é\ud800", max_size=4)
JSON = st.recursive(
    st.sampled_from([None, True, False, 10**400, -(10**400)]) | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, database=None)
@given(path=st.sampled_from([*paths(REPORT), *JUDGED, ("slices", 0), ("slices", 0, "column")]), value=JSON)
def test_any_json_gives_a_decision(path: tuple[str | int, ...], value: object) -> None:
    for report in (value, changed(path, value)):
        document = decide(report, GATES).document(run_id=None)
        assert document["promote"] == all(check["passed"] for check in document["checks"])
        json.dumps(document, allow_nan=False)
