from __future__ import annotations

import math

import pytest
from delivery.exposition import START, MetricsError, gains, later, parse, quantile, series
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

NAMES = {"requests_total", "seconds_bucket", START}
REQUESTS = series("requests_total", {})
BEGUN = series(START, {})
texts = st.text(max_size=12)
bounds = st.lists(st.floats(0.001, 100), min_size=1, max_size=8, unique=True).map(sorted)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(texts, st.integers(0, 10**9), max_size=5))
def test_what_the_client_library_writes_is_read_back_whatever_the_labels_hold(values: dict[str, int]) -> None:
    registry = CollectorRegistry()
    counter = Counter("requests", "about", ["path", "zone"], registry=registry)
    for path, value in values.items():
        counter.labels(path, 'a="}{\\').inc(value)
    found = parse(generate_latest(registry).decode(), NAMES)
    assert found == {
        series("requests_total", {"path": path, "zone": 'a="}{\\'}): value for path, value in values.items()
    }


@pytest.mark.parametrize(
    ("line", "labels", "value"),
    [
        pytest.param("requests_total 3", {}, 3, id="no labels"),
        pytest.param("requests_total{} 3", {}, 3, id="empty labels"),
        pytest.param('requests_total{a="1", b="2",} 3e2 1700000000000', {"a": "1", "b": "2"}, 300, id="time stamp"),
        pytest.param(r'requests_total{a="x\n\"y\\"} 1', {"a": 'x\n"y\\'}, 1, id="escapes"),
    ],
)
def test_a_sample_is_read(line: str, labels: dict[str, str], value: float) -> None:
    text = f"# HELP requests_total about\n# TYPE requests_total counter\n{line}\nother_total NaN\n\n"
    assert parse(text, NAMES) == {series("requests_total", labels): value}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("<html>", "not a line of Prometheus' text format: '<html>'", id="a page"),
        pytest.param('requests_total{a="1} 2', "not a line of Prometheus' text format", id="open quote"),
        pytest.param("requests_total{a=1} 2", "not the labels of a sample", id="no quotes"),
        pytest.param("requests_total NaN", "a counter is 'NaN', wanted a finite number from 0 on", id="NaN"),
        pytest.param("requests_total -1", "a counter is '-1'", id="negative"),
        pytest.param("requests_total many", "a counter is 'many'", id="no number"),
    ],
)
def test_what_is_no_sample_is_an_error_because_half_a_scrape_looks_healthy(line: str, message: str) -> None:
    with pytest.raises(MetricsError, match=message):
        parse(f"requests_total 1\n{line}\n", NAMES)


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=20))
def test_gains_add_up_to_all_that_was_counted_after_the_first_scrape_across_restarts(
    steps: list[tuple[int, bool]],
) -> None:
    value, begun, total, gained = 7, 1, 0, 0.0
    before = {REQUESTS: float(value), BEGUN: float(begun)}
    for more, restarted in steps:
        value, begun, total = (more, begun + 1, total + more) if restarted else (value + more, begun, total + more)
        after = {REQUESTS: float(value), BEGUN: float(begun)}
        gained += gains(before, after)[REQUESTS]
        before = after
    assert gained == total


def test_one_counter_that_fell_tells_that_all_began_again() -> None:
    ok, bad = series("requests_total", {"status": "200"}), series("requests_total", {"status": "500"})
    assert gains({ok: 5, bad: 5}, {ok: 8, bad: 1}) == {ok: 8, bad: 1}
    assert gains({ok: 5, bad: 5}, {ok: 8}) == {ok: 8}
    assert gains({ok: 5}, {ok: 8, bad: 1}) == {ok: 3, bad: 1}


def test_a_counter_that_fell_without_a_restart_was_read_from_an_older_scrape() -> None:
    new, old = {REQUESTS: 90.0, BEGUN: 1.0}, {REQUESTS: 80.0, BEGUN: 1.0}
    assert gains(new, old) == {REQUESTS: 0}
    assert gains(new, {BEGUN: 1.0}) == {}
    assert later(new, old) == later(old, new) == new


def test_after_a_restart_the_process_that_began_last_is_the_one() -> None:
    ended, began = {REQUESTS: 80.0, BEGUN: 1.0}, {REQUESTS: 3.0, BEGUN: 2.0}
    assert gains(ended, began) == {REQUESTS: 3}
    assert later(ended, began) == later(began, ended) == began


def test_a_quantile_is_what_prometheus_says() -> None:
    assert quantile(0.99, {0.1: 20, 0.5: 30, math.inf: 30}) == pytest.approx(0.488)
    assert quantile(0.99, {0.1: 20, 0.5: 30, math.inf: 40}) == 0.5  # above the last bound nobody knows more
    assert quantile(0.5, {-1.0: 30, 1.0: 30, math.inf: 30}) == -1.0


@pytest.mark.parametrize(
    "buckets",
    [
        pytest.param({}, id="no buckets"),
        pytest.param({0.1: 0.0, math.inf: 0.0}, id="no observations"),
        pytest.param({0.1: 3.0, 0.5: 4.0}, id="no infinity"),
        pytest.param({math.inf: 4.0}, id="only infinity"),
    ],
)
def test_a_quantile_of_nothing_is_not_a_number(buckets: dict[float, float]) -> None:
    assert math.isnan(quantile(0.99, buckets))


@given(bounds, st.lists(st.floats(0, 99), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_of_the_observation_of_that_rank(
    limits: list[float], seen: list[float], share: float
) -> None:
    registry = CollectorRegistry()
    histogram = Histogram("seconds", "about", buckets=limits, registry=registry)
    for value in seen:
        histogram.observe(value)
    found = parse(generate_latest(registry).decode(), NAMES)
    buckets = {float(one.label("le")): count for one, count in found.items()}
    ranked = sorted(seen)[max(0, math.ceil(share * len(seen)) - 1)]
    upper = min((limit for limit in limits if limit >= ranked), default=limits[-1])
    lower = max((limit for limit in limits if limit < upper), default=0.0)
    assert lower - 1e-9 <= quantile(share, buckets) <= upper + 1e-9
