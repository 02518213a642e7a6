from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import Any

import pytest
from delivery.analysis import Limits, Plan, Status, Tracks, judge, status, step_verdict
from delivery.exposition import START, MetricsError, Samples, parse, series
from delivery.observed import NAMES, Looks, Observed, between
from delivery.shift import psi, shift
from delivery.windows import Window, line, table
from hypothesis import given
from hypothesis import strategies as st

LIMITS = Limits()
EDGES = [0.2, 0.4, 0.6, 0.8, math.inf]
GOOD: list[float] = [20, 60, 100, 140, 200]


def observed(
    requests: float = 200, *, errors: float = 0, slow: float = 0, scores: list[float] | None = None, broken: float = 0
) -> Observed:
    """Return a track whose `slow` requests take 0.3 to 1 s, the others up to 0.1 s."""
    latency = {0.1: requests - slow, 0.3: requests - slow, 1.0: requests, math.inf: requests}
    return Observed(requests, errors, latency, dict(zip(EDGES, scores or GOOD, strict=True)), {}, broken)


def tracks(canary: Observed, stable: Observed | None = None, **pods: Any) -> Tracks:
    stable = stable or observed(1000)
    return Tracks(canary, stable, canary, stable, **pods)


def decided(found: Tracks, limits: Limits = LIMITS) -> tuple[Status, str]:
    """Return what a window amounts to, and the checks that did not pass."""
    checks = judge(found, limits)
    return status(checks), ", ".join(check.name for check in checks if check.status != "passed")


@pytest.mark.parametrize(
    ("found", "expected", "names"),
    [
        pytest.param(tracks(observed()), "passed", "", id="good"),
        pytest.param(tracks(observed(errors=3)), "failed", "error ratio, error ratio above stable", id="5xx"),
        pytest.param(tracks(observed(400, errors=3)), "failed", "error ratio above stable", id="more 5xx than stable"),
        pytest.param(
            tracks(observed(50, errors=1)),
            "inconclusive",
            "error ratio, error ratio above stable",
            id="one error of fifty may be chance",
        ),
        pytest.param(
            tracks(observed(errors=2)), "inconclusive", "error ratio above stable", id="two may be chance too"
        ),
        pytest.param(tracks(observed(errors=2), observed(1000, errors=9)), "passed", "", id="as many 5xx as stable"),
        pytest.param(
            tracks(observed(slow=20)), "failed", "p99 latency, latency beside stable", id="too slow for anybody"
        ),
        pytest.param(
            tracks(replace(observed(), latency={0.1: 180, 0.3: 200, math.inf: 200})),
            "failed",
            "latency beside stable",
            id="slower than stable",
        ),
        pytest.param(tracks(observed(scores=[0, 0, 0, 20, 200])), "failed", "prediction shift", id="other predictions"),
        pytest.param(tracks(observed(broken=20)), "failed", "contract violations above stable", id="broken contract"),
        pytest.param(tracks(observed(), restarts=1), "fatal", "restarts", id="restarted"),
        pytest.param(tracks(observed(0), ready=0), "fatal", "ready canary pods, canary requests", id="no pod is ready"),
        pytest.param(tracks(observed(), ready=1, wanted=3), "failed", "ready canary pods", id="one of three pods"),
        pytest.param(
            tracks(observed(), ready=2, wanted=3, starting=True), "inconclusive", "ready canary pods", id="one starts"
        ),
        pytest.param(tracks(observed(), ready=3, wanted=2), "passed", "", id="one too many"),
        pytest.param(tracks(observed(49)), "inconclusive", "canary requests", id="too few requests"),
        pytest.param(tracks(observed(49, errors=2)), "inconclusive", "canary requests", id="two errors may be chance"),
        pytest.param(
            tracks(observed(49, errors=49)), "failed", "error ratio, canary requests", id="few requests, all failed"
        ),
        pytest.param(
            tracks(observed(3, errors=3)), "failed", "error ratio, canary requests", id="three errors of three"
        ),
        pytest.param(tracks(observed(), observed(9)), "inconclusive", "stable requests", id="too few to compare with"),
        pytest.param(
            tracks(observed(scores=[10, 20, 30, 40, 50])),
            "inconclusive",
            "predictions to compare",
            id="few predictions",
        ),
    ],
)
def test_a_window_is_judged(found: Tracks, expected: Status, names: str) -> None:
    assert decided(found) == (expected, names)


@pytest.mark.parametrize(
    ("canary", "stable", "name"),
    [
        pytest.param(replace(observed(), latency={}), observed(), "p99 latency", id="canary without latency"),
        pytest.param(observed(), replace(observed(), latency={}), "latency beside stable", id="stable without"),
        pytest.param(observed(), replace(observed(), scores={1.0: 0, math.inf: 200}), "prediction shift", id="one bin"),
    ],
)
def test_a_value_that_is_not_known_is_never_good(canary: Observed, stable: Observed, name: str) -> None:
    outcome, names = decided(tracks(canary, stable))
    assert outcome == "inconclusive"
    assert name in names


@given(st.builds(observed, st.integers(0, 300), errors=st.integers(0, 300), broken=st.integers(0, 99)))
def test_nothing_passes_below_the_minimum_or_above_a_limit(canary: Observed) -> None:
    outcome, _ = decided(tracks(canary))
    if outcome == "passed":
        assert canary.requests >= LIMITS.min_requests
        assert canary.error_ratio <= LIMITS.max_error_ratio


def test_a_difference_below_the_slack_is_not_slower() -> None:
    fast = replace(observed(), latency={0.004: 200, 0.01: 200, 0.02: 200, math.inf: 200})
    slower = replace(fast, latency={0.004: 0, 0.01: 190, 0.02: 200, math.inf: 200})
    assert decided(tracks(slower, fast)) == ("passed", "")
    assert decided(tracks(slower, fast), replace(LIMITS, p99_slack_seconds=0.001))[0] == "failed"


def test_the_slowest_of_a_few_requests_is_no_percentile() -> None:
    one = replace(observed(60), latency={0.1: 59, 0.3: 60, math.inf: 60})
    assert decided(tracks(one)) == ("passed", "")
    every = replace(observed(60), latency={0.1: 0, 0.3: 60, math.inf: 60})
    assert decided(tracks(every)) == ("failed", "latency beside stable")
    many = replace(observed(6000), latency={0.1: 5900, 0.3: 6000, math.inf: 6000})
    assert decided(tracks(many, observed(6000))) == ("failed", "latency beside stable")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("errors", "slower", "most", "least"),
    [
        pytest.param(0.003, 1.0, 0.1, 0.0, id="as good as stable"),
        pytest.param(0.05, 1.0, 1.0, 0.95, id="errors"),
        pytest.param(0.0, 3.0, 1.0, 1.0, id="three times as slow"),
    ],
)
def test_chance_seldom_ends_a_good_canary_or_saves_a_bad_one(
    errors: float, slower: float, most: float, least: float
) -> None:
    """One step in windows of 55 requests, a long tail of latency, and now and then an error of stable."""
    dice = random.Random(7)

    def window(size: int, share: float, factor: float) -> Observed:
        took = [factor * dice.lognormvariate(math.log(0.02), 0.8) for _ in range(size)]
        latency = {edge: float(sum(one <= edge for one in took)) for edge in (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)}
        return Observed(size, sum(dice.random() < share for _ in took), latency | {math.inf: float(size)})

    def ended() -> str:
        seen: list[Status] = []
        canary = stable = Observed()
        while (verdict := step_verdict(seen, 0, Plan())) is None:
            canary, stable = canary.plus(window(55, errors, slower)), stable.plus(window(165, 0.003, 1.0))
            found = Tracks(canary, stable, observed(1000), observed(1000))
            seen.append(status(judge(found, LIMITS)))
            if seen[-1] != "inconclusive":
                canary = stable = Observed()
        return verdict

    ends = [ended() for _ in range(50)]
    assert least <= sum(end != "passed" for end in ends) / len(ends) <= most


P, F, U, E = "passed", "failed", "inconclusive", "error"


@pytest.mark.parametrize(
    ("windows", "before", "expected"),
    [
        pytest.param([P, P], 0, None, id="not enough windows yet"),
        pytest.param([P, P, P], 0, "passed", id="all passed"),
        pytest.param([F, P, P], 0, "passed", id="a failure within the limit"),
        pytest.param([F, F, P], 0, "failed", id="more failures than the limit"),
        pytest.param([F], 1, "failed", id="failures of former steps count"),
        pytest.param([P, P, F], 0, None, id="a failed end is measured again"),
        pytest.param([P, P, F, P], 0, "passed", id="and passes then"),
        pytest.param([P, P, "fatal"], 0, "failed", id="a fatal one ends at once"),
        pytest.param([U, U, U], 0, None, id="no traffic yet"),
        pytest.param([U] * 6, 0, "inconclusive", id="no traffic"),
        pytest.param([P, U, U], 0, None, id="an open end is measured again"),
        pytest.param([P, U, U, P], 0, "passed", id="and passes with the traffic that came"),
        pytest.param([P, U, U, U, U, U], 0, "inconclusive", id="what passed once does not count at an open end"),
        pytest.param([P, P, U, F], 0, None, id="nor before a failure"),
        pytest.param([P, E, E], 0, None, id="errors at the end are measured again"),
        pytest.param([P, E, E, E], 0, "inconclusive", id="too many errors in a row"),
        pytest.param([P, E, E, P], 0, "passed", id="errors that passed by"),
        pytest.param([P, E, E, U, E, E], 0, "inconclusive", id="not for ever"),
        pytest.param([], 0, None, id="no window"),
    ],
)
def test_windows_make_a_verdict(windows: list[Status], before: int, expected: str | None) -> None:
    assert step_verdict(windows, before, Plan(count=3, failure_limit=1, error_limit=2)) == expected


@given(st.lists(st.sampled_from([P, F, U, E]), max_size=30), st.integers(1, 6), st.integers(0, 3), st.integers(0, 3))
def test_a_step_always_ends_and_passes_only_by_its_last_window(
    seen: list[Status], count: int, failures: int, errors: int
) -> None:
    plan = Plan(count, failures, errors)
    ends = [step_verdict(seen[:number], 0, plan) for number in range(len(seen) + 1)]
    first = next((number for number, end in enumerate(ends) if end), None)
    assert first is not None or len(seen) < 2 * count
    if first is not None and ends[first] == "passed":
        assert seen[first - 1] == P
        assert seen[:first].count("failed") <= failures


@pytest.mark.slow
def test_equal_predictions_do_not_shift_and_chance_is_taken_off() -> None:
    """Of a hundred predictions a bare PSI would exceed 0.2 now and then without any shift."""
    dice = random.Random(7)
    bare, freed = [], []
    for _ in range(200):
        canary, stable = (binned([dice.random() for _ in range(size)]) for size in (100, 900))
        freed.append(shift(canary, stable))
        bare.append(psi(per_bin(canary), per_bin(stable)))
    assert sum(bare) / len(bare) == pytest.approx(9 * (1 / 100 + 1 / 900), rel=0.15)  # the mean that theory gives
    assert sum(one > 0.2 for one in freed) <= 2 < sum(one > 0.2 for one in bare)
    moved = binned([dice.random() ** 2 for _ in range(100)])
    assert shift(moved, binned([dice.random() for _ in range(900)])) > 0.2


def binned(values: list[float]) -> Observed:
    edges = [number / 10 for number in range(1, 11)]
    counts = {edge: float(sum(value <= edge for value in values)) for edge in edges}
    return Observed(scores={**counts, math.inf: float(len(values))})


def per_bin(one: Observed) -> list[float]:
    counts = list(one.scores.values())[:-1]
    return [high - low for low, high in zip([0.0, *counts], counts, strict=False)]


@given(st.lists(st.integers(0, 500), min_size=2, max_size=12), st.integers(1, 4))
def test_the_index_is_symmetric_not_negative_and_zero_for_the_same_counts(counts: list[int], factor: int) -> None:
    other = [float(count * factor) for count in reversed(counts)]
    ours = [float(count) for count in counts]
    assert psi(ours, other) == pytest.approx(psi(other, ours))
    assert psi(ours, other) >= 0
    assert psi(ours, ours) == 0


def test_regressions_with_deciles_of_their_own_are_compared_on_common_ground() -> None:
    """Values spread evenly up to 100, seen through other bounds, are no shift; values 40 higher are one."""
    ours = {float(edge): 10.0 * edge for edge in range(5, 100, 9)} | {math.inf: 1000.0}
    theirs = {float(edge): 10.0 * edge for edge in range(10, 100, 10)} | {math.inf: 1000.0}
    higher = {edge: max(0.0, 10.0 * (edge - 40)) for edge in theirs if edge < math.inf} | {math.inf: 1000.0}
    assert shift(Observed(scores=ours), Observed(scores=theirs)) == pytest.approx(0, abs=0.01)
    assert shift(Observed(scores=higher), Observed(scores=theirs)) > 0.2
    far = {edge + 1000: count for edge, count in theirs.items()}
    assert math.isnan(shift(Observed(scores=far), Observed(scores=theirs)))


def test_classes_are_compared_when_there_are_no_scores_and_a_new_class_counts() -> None:
    stable = Observed(classes={"a": 500, "b": 500})
    assert shift(Observed(classes={"a": 100, "b": 100}), stable) == 0
    assert shift(Observed(classes={"a": 100, "c": 100}), stable) > 0.2


SCRAPE = """
http_requests_total{handler="/predict",method="POST",status="200"} %d
http_requests_total{handler="/invocations",method="POST",status="503"} %d
http_requests_total{handler="/feedback",method="POST",status="503"} 99
http_requests_total{handler="/docs",method="GET",status="200"} 99
http_request_duration_seconds_bucket{handler="/predict",method="POST",le="0.1"} %d
http_request_duration_seconds_bucket{handler="/predict",method="POST",le="+Inf"} %d
contract_violations_total{column="plan",rule="enum"} 1
"""


def scrape(good: int, bad: int) -> Samples:
    return parse(SCRAPE % (good, bad, good, good), NAMES)


def test_a_track_is_the_sum_of_its_pods_and_only_predictions_count() -> None:
    before = {"canary": {"one": scrape(5, 0)}, "stable": {"old": scrape(9, 9)}}
    after = {"canary": {"one": scrape(15, 1), "two": scrape(4, 0)}, "stable": {}}
    seen = between(before, after)
    assert (seen["canary"].requests, seen["canary"].errors) == (15, 1)  # 10 + 1 of the first, 4 of the new one
    assert seen["canary"].latency == {0.1: 14, math.inf: 14}
    assert seen["canary"].violations == 1
    assert math.isnan(seen["stable"].error_ratio)


def test_a_pod_that_a_look_misses_brings_back_what_it_did_meanwhile_and_not_its_life() -> None:
    looks = Looks()
    looks.begin(["one", "two"])
    before = looks.add({"canary": {}, "stable": {"one": scrape(1000, 0), "two": scrape(1000, 0)}})
    looks.add({"canary": {}, "stable": {"one": scrape(1030, 0), "two": scrape(1010, 0)}})
    before_it_is_back = looks.add({"canary": {}, "stable": {"one": scrape(1050, 0)}})
    assert looks.since(before)["stable"].requests == 60  # a window that is still open loses nothing
    looks.add({"canary": {}, "stable": {"one": scrape(1050, 0), "two": scrape(1015, 3)}})
    back = looks.since(before_it_is_back)["stable"]
    assert (back.requests, back.errors) == (8, 3)


def test_a_pod_that_was_there_before_the_first_look_brings_no_past_and_one_that_comes_later_all_it_did() -> None:
    looks = Looks()
    looks.begin(["one", "old"])
    before = looks.add({"canary": {}, "stable": {"one": scrape(0, 0)}})
    looks.add({"canary": {}, "stable": {"one": scrape(0, 0), "old": scrape(9000, 90), "new": scrape(7, 0)}})
    assert (looks.since(before)["stable"].requests, looks.since(before)["stable"].errors) == (7, 0)
    looks.add({"canary": {}, "stable": {"old": scrape(9005, 90)}})
    assert looks.since(before)["stable"].requests == 12


def test_looks_at_two_replicas_of_a_prometheus_count_nothing_twice() -> None:
    def look(good: int, bad: int) -> Samples:
        return {**scrape(good, bad), series(START, {}): 1.0}

    looks = Looks()
    looks.begin(["one"])
    before = looks.add({"canary": {"one": look(900, 9)}, "stable": {}})
    behind = looks.add({"canary": {"one": look(890, 8)}, "stable": {}})  # the other replica scrapes a little later
    assert looks.since(before)["canary"] == Observed(latency={0.1: 0.0, math.inf: 0.0})
    looks.add({"canary": {"one": look(905, 9)}, "stable": {}})
    assert looks.since(behind)["canary"].requests == 5


def test_a_bucket_without_a_bound_is_an_error() -> None:
    text = 'model_prediction_bucket{le="wide"} 1\n'
    with pytest.raises(MetricsError, match="has the bound 'wide', wanted a number"):
        between({}, {"canary": {"one": parse(text, NAMES)}})


def test_a_window_is_told_in_a_line_a_row_and_json() -> None:
    found = tracks(observed(errors=10, slow=0))
    checks = judge(found, LIMITS)
    window = Window(10, "1 of 4 pods = 25 % (asked for 10 %)", status(checks), found, checks, synthetic=50)
    assert line(window).startswith("  ✗ 10 %: 1 of 4 pods = 25 % (asked for 10 %), 200 (50 synthetic) requests")
    assert "error ratio 0.05, allowed are at most 0.01" in line(window)
    assert "| 5.00% beside 0.00% |" in table([window]).splitlines()[2]
    assert json.loads(json.dumps(window.document(), allow_nan=False))["canary"]["errors"] == 10


def test_a_window_that_could_not_be_read_is_told_as_well() -> None:
    window = Window(10, "a share", "error", note="pod/x did not tell its metrics: 503")
    assert "error: pod/x did not tell its metrics: 503" in table([window])
    assert window.document()["reason"] == "pod/x did not tell its metrics: 503"
    nothing = tracks(Observed(), Observed())
    checks = judge(nothing, LIMITS)
    assert "canary requests 0, wanted at least 50" in table([Window(10, "a share", status(checks), nothing, checks)])
