from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime
from pathlib import Path

import analyze_ab
import pytest
from delivery.errors import MisuseError
from delivery.experiment import (
    Errors,
    ExperimentError,
    Question,
    Shares,
    compare,
    newcombe,
    sample_size_of_means,
    sample_size_of_shares,
    student_t,
    welch,
    wilson,
)
from delivery.exposition import Samples, parse
from delivery.feedback import NAMES, OF_PODS, as_baseline, of_counters, of_file, of_histogram, of_tracks, since
from delivery.tracks import Pod
from hypothesis import given
from hypothesis import strategies as st

Z = 1.959963984540054


def test_intervals_of_shares_are_those_of_the_paper() -> None:
    """Newcombe 1998, table II, method 10: 56/70 and 48/80, 9/10 and 3/10, 10/10 and 0/20."""
    assert wilson(Shares(81, 263), 0.95) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, single share
    assert newcombe(Shares(48, 80), Shares(56, 70), 0.95) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert newcombe(Shares(3, 10), Shares(9, 10), 0.95) == pytest.approx((0.1705, 0.8090), abs=1e-4)
    assert newcombe(Shares(0, 20), Shares(10, 10), 0.95) == pytest.approx((0.6791, 1.0), abs=1e-4)


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        pytest.param(10, 2.22814, id="10"),
        pytest.param(29, 2.04523, id="29"),
        pytest.param(100, 1.98397, id="100"),
        pytest.param(1e9, Z, id="normal"),
    ],
)
def test_quantiles_of_students_t_are_those_of_the_tables(freedom: float, expected: float) -> None:
    assert student_t(Z, freedom) == pytest.approx(expected, abs=2e-4)


def test_welchs_interval_is_that_of_the_textbooks() -> None:
    """Equal sizes and variances: the pooled test's interval, with 2n - 2 degrees of freedom."""
    low, high = welch(Errors(30, 10, 4), Errors(30, 9, 4), 0.95)
    assert (low, high) == pytest.approx((-1 - 2.0017 * math.sqrt(8 / 30), -1 + 2.0017 * math.sqrt(8 / 30)), abs=1e-3)
    assert welch(Errors(30, 2, 0), Errors(30, 3, 0), 0.95) == (1, 1)


def test_sample_sizes_are_those_of_the_textbooks() -> None:
    assert sample_size_of_shares(0.5, Question(0.1)) == 388  # Fleiss, 0.5 against 0.6
    assert sample_size_of_means(1.0, Question(0.5)) == 63  # 16 s²/d² in short


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_an_interval_holds_the_difference_and_turns_round_with_the_variants(a: int, b: int, confidence: float) -> None:
    first, second = Shares(a, 400), Shares(b, 400)
    low, high = newcombe(first, second, confidence)
    assert -1 <= low <= second.mean - first.mean <= high <= 1
    assert newcombe(second, first, confidence) == pytest.approx((-high, -low))


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    dice, held = random.Random(11), 0
    for _ in range(400):
        a, b = (Shares(sum(dice.random() < share for _ in range(150)), 150) for share in (0.8, 0.85))
        low, high = newcombe(a, b, 0.95)
        held += low <= 0.05 <= high
    assert 0.92 <= held / 400 <= 0.99


@pytest.mark.parametrize(
    ("a", "b", "verdict", "reason"),
    [
        pytest.param(Shares(8000, 10000), Shares(8400, 10000), "better", "B is better than A with 95%", id="better"),
        pytest.param(Shares(80, 100), Shares(50, 100), "worse", "B is worse than A", id="worse, told early"),
        pytest.param(Shares(50, 100), Shares(80, 100), "inconclusive", "100 outcomes in the smaller", id="too early"),
        pytest.param(Shares(8000, 10000), Shares(8010, 10000), "inconclusive", "no difference is shown", id="alike"),
        pytest.param(Errors(900, 10, 4), Errors(900, 9, 4), "better", "B is better", id="smaller errors"),
        pytest.param(Errors(900, 9, 4), Errors(900, 10, 4), "worse", "B is worse", id="larger errors"),
    ],
)
def test_outcomes_make_a_verdict(a: Shares | Errors, b: Shares | Errors, verdict: str, reason: str) -> None:
    difference = 0.02 if isinstance(a, Shares) else 0.5
    answer = compare(a, b, Question(difference))
    assert (answer.verdict, answer.reason[: len(reason)]) == (verdict, reason)
    assert answer.low <= answer.difference <= answer.high


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        pytest.param(
            Shares(9, 10), Shares(900, 999), "10 outcomes in the smaller variant, wanted at least 30", id="few"
        ),
        pytest.param(Shares(90, 99), Errors(99, 1, 1), "compare models of one kind", id="two kinds"),
    ],
)
def test_what_cannot_be_compared_is_misuse(a: Shares | Errors, b: Shares | Errors, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        compare(a, b, Question(0.02))


def test_outcomes_are_read_from_the_counters_of_a_classifier() -> None:
    text = """
model_feedback_total{outcome="correct"} 80
model_feedback_total{outcome="wrong"} 20
model_predictions_total{prediction="yes"} 150
model_predictions_total{prediction="no"} 250
model_prediction_count 400
"""
    found = of_counters(parse(text, NAMES))
    assert (found.outcomes, found.coverage) == (Shares(80, 100), 0.25)
    with pytest.raises(ExperimentError, match="no feedback was counted; see FEEDBACK_KEY"):
        of_counters(parse("model_prediction_count 400", NAMES))


OF_A_PODS = """
model_feedback_total{outcome="correct",%(label)s="stable"} 60
model_feedback_total{outcome="wrong",%(label)s="stable"} 20
model_feedback_total{outcome="correct",%(label)s="canary"} 7
model_feedback_total{outcome="wrong",%(label)s="canary"} 1
model_predictions_total{prediction="yes"} 400
"""
OF_B_PODS = """
model_feedback_total{outcome="correct",variant="stable"} 12
model_feedback_total{outcome="correct",variant="canary"} 2
model_predictions_total{prediction="yes"} 40
"""


@pytest.mark.parametrize("label", ["variant", "exported_track", "track"])
def test_an_outcome_is_that_of_the_variant_that_predicted_whichever_pod_took_it(label: str) -> None:
    """A's release may be older than the label's name."""
    found = {"stable": parse(OF_A_PODS % {"label": label}, NAMES), "canary": parse(OF_B_PODS, NAMES)}
    a, b = of_tracks(found)
    assert (a.outcomes, a.predictions) == (Shares(72, 92), 400)
    assert (b.outcomes, b.predictions) == (Shares(9, 10), 40)


def test_errors_are_those_of_the_variant_that_predicted_too() -> None:
    text = """
model_feedback_error_bucket{variant="%(of)s",le="1.0"} %(number)d
model_feedback_error_bucket{variant="%(of)s",le="+Inf"} %(number)d
model_feedback_error_sum{variant="%(of)s"} %(sum)d
"""
    told = [{"of": "stable", "number": 50, "sum": 40}, {"of": "canary", "number": 40, "sum": 10}]
    a, b = of_tracks({"stable": parse("".join(text % one for one in told), NAMES), "canary": {}})
    assert [(one.outcomes.total, one.outcomes.mean) for one in (a, b)] == [(50, 0.8), (40, 0.25)]


def counted(correct: int, wrong: int, started: int = 1) -> Samples:
    return parse(
        f'model_feedback_total{{outcome="correct",variant="stable"}} {correct}\n'
        f'model_feedback_total{{outcome="wrong",variant="stable"}} {wrong}\n'
        f"process_start_time_seconds {started}\n",
        OF_PODS,
    )


def pods(*names: str) -> list[Pod]:
    return [Pod(name, True, 0, datetime(2026, 1, 1, tzinfo=UTC)) for name in names]


def test_what_was_counted_before_the_experiment_is_not_in_it() -> None:
    before = {"stable": {"old": counted(900, 100), "restarts": counted(90, 10)}, "canary": {}}
    baseline = as_baseline({"stable": pods("old", "restarts", "not-ready"), "canary": pods()}, before)
    after = {"old": counted(930, 110), "restarts": counted(3, 1, started=2), "new": counted(4, 2)}
    gained = since(baseline, {"stable": {**after, "not-ready": counted(500, 0)}, "canary": {}})
    assert of_counters(gained["stable"]).outcomes == Shares(37, 50)


@pytest.mark.parametrize("text", ["nothing", "[]", '{"format": "ab-baseline/2", "pods": {}}', '{"format": 1}'])
def test_another_baseline_is_refused(text: str) -> None:
    with pytest.raises(MisuseError, match="cannot be read .*, wanted ab-baseline/1; hold the canary again"):
        since(text, {})


@given(st.lists(st.floats(0, 30), min_size=30, max_size=200))
def test_errors_from_a_histogram_have_their_mean_and_at_least_their_variance(errors: list[float]) -> None:
    edges = [1.0, 2.0, 5.0, 10.0, 50.0]
    buckets = {edge: float(sum(error <= edge for error in errors)) for edge in [*edges, math.inf]}
    found = of_histogram(buckets, sum(errors))
    mean = sum(errors) / len(errors)
    assert found.mean == pytest.approx(mean)
    assert found.variance >= sum((error - mean) ** 2 for error in errors) / (len(errors) - 1) - 1e-9


def test_counts_are_read_from_csv_and_json(tmp_path: Path) -> None:
    csv, document = tmp_path / "counts.csv", tmp_path / "counts.json"
    csv.write_text("variant,correct,wrong,predictions\nA,80,20,\nB,90,10,200\n", encoding="utf-8")
    document.write_text('{"A": {"count": 50, "mean": 2, "sd": 3}, "B": {"count": 60, "mean": 1, "sd": 2}}')
    assert [one.outcomes for one in of_file(csv)] == [Shares(80, 100), Shares(90, 100)]
    assert of_file(csv)[1].coverage == 0.5
    assert [one.outcomes for one in of_file(document)] == [Errors(50, 2, 9), Errors(60, 1, 4)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("variant,correct\nA,1\nB,2\n", id="a column is missing"),
        pytest.param("variant,correct,wrong\nA,1,2\n", id="a variant is missing"),
        pytest.param("variant,correct,wrong\nA,1,2\nB,-1,2\n", id="a negative count"),
        pytest.param("variant,correct,wrong\nA,1,2\nB,many,2\n", id="no number"),
        pytest.param("", id="empty"),
    ],
)
def test_a_file_of_something_else_is_refused_with_an_example(text: str, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MisuseError, match="wanted variant,correct,wrong"):
        of_file(path)


def test_the_script_compares_a_file_and_leaves_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    Path("counts.csv").write_text("variant,correct,wrong,predictions\nA,8000,2000,20000\nB,8500,1500,12000\n")
    assert analyze_ab.main(["--counts", "counts.csv"]) == 0
    said = capsys.readouterr().out
    assert "better: B is better than A with 95% confidence" in said
    assert "B - A = +0.05, 95% interval +0.03949 to +0.06051" in said
    assert "outcomes are known of 50.0% of A's predictions and of 83.3% of B's" in said
    report = json.loads(Path("artifacts/ab-test.json").read_text())
    assert (report["format"], report["verdict"]) == ("ab-test/1", "better")
    assert "| B (canary) | 0.85 | 10000 of" in Path("summary.md").read_text()


def test_the_script_plans_before_anything_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze_ab.main(["--plan", "0.5", "--minimum-difference", "0.1"]) == 0
    assert capsys.readouterr().out == "388 outcomes of each variant show a difference of 0.1 from 0.5\n"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing"),
        pytest.param(["production", "--plan", "0.5"], id="two sources"),
        pytest.param(["--plan", "1.5"], id="no share"),
        pytest.param(["--plan", "0.5", "--minimum-difference", "0"], id="no difference"),
    ],
)
def test_a_wrong_call_is_misuse(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        analyze_ab.main(arguments)
