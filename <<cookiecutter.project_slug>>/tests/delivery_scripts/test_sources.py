from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from delivery.canary_settings import PrometheusSettings
from delivery.cluster import Cluster
from delivery.errors import MisuseError
from delivery.experiment import Shares
from delivery.exposition import START, MetricsError, series
from delivery.feedback import NAMES, of_counters, of_tracks
from delivery.observed import between
from delivery.sources import Prometheus, seconds
from delivery.tracks import Pod

WHERE = PrometheusSettings("prometheus-server", "monitoring", 80, "track", "pod", "namespace")
HOME = "/api/v1/namespaces/monitoring/services/http:prometheus-server:80/proxy/api/v1/query"


def sample(name: str, value: object, **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": name, "namespace": "churn", **labels}, "value": [1.0, str(value)]}


def vector(*samples: dict[str, Any]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "vector", "result": list(samples)}}


@contextmanager
def prometheus(*answers: object, status: int = 200) -> Iterator[tuple[Prometheus, list[str]]]:
    """Answer queries one after another, the last for ever, and keep what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked.append(parse_qs(parts.query)["query"][0] if parts.path == HOME else self.path)
            answer = answers[min(len(asked), len(answers)) - 1]
            body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep still."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield Prometheus(Cluster("churn"), f"http://127.0.0.1:{server.server_port}", WHERE), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def requests(value: object, status: str = "200", **labels: str) -> dict[str, Any]:
    return sample("http_requests_total", value, handler="/predict", method="POST", status=status, **labels)


def test_two_snapshots_make_a_window_and_a_series_born_in_it_counts_whole() -> None:
    first = vector(requests(90, track="stable", pod="s"), requests(10, track="canary", pod="c"))
    second = vector(
        requests(190, track="stable", pod="s"),
        requests(60, track="canary", pod="c"),
        requests(5, "500", track="canary", pod="c"),  # its rate would be unknown, and the errors with it
    )
    with prometheus(first, second) as (source, asked):
        seen = between(source.snapshot({}), source.snapshot({}))
    assert (seen["stable"].requests, seen["stable"].errors) == (100, 0)
    assert (seen["canary"].requests, seen["canary"].errors) == (55, 5)
    assert 'namespace="churn",track=~"stable|canary"' in asked[0]
    assert "http_requests_total" in asked[0]


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        pytest.param(vector(), 200, "Prometheus has no series with namespace='churn' and the label track", id="empty"),
        pytest.param(vector(requests("NaN", track="canary", pod="c")), 200, "a counter is 'NaN'", id="NaN"),
        pytest.param(vector(requests(1, track="canary")), 200, "series without the label pod", id="no pods"),
        pytest.param({"status": "error", "error": "bad"}, 400, "did not answer as Prometheus does: 400", id="refused"),
        pytest.param("<html>", 200, "did not answer as Prometheus does: 200 <html>", id="something else"),
        pytest.param({"kind": "Status"}, 503, "did not answer as Prometheus does: 503", id="not there"),
        pytest.param({"status": "success", "data": {"resultType": "scalar"}}, 200, "did not answer", id="no vector"),
        pytest.param([], 200, "did not answer as Prometheus does", id="a list"),
    ],
)
def test_whatever_is_no_evidence_is_an_error(answer: object, status: int, message: str) -> None:
    with prometheus(answer, status=status) as (source, _), pytest.raises(MetricsError, match=message):
        source.snapshot({})


@pytest.mark.parametrize("track", ["stable", "canary"])
def test_a_ready_pod_that_prometheus_does_not_know_spoils_the_look(track: str) -> None:
    pods = {"stable": [pod("s")], "canary": [pod("c"), pod("waiting", ready=False)]}
    known = [requests(1, track=name, pod=name[0]) for name in pods]
    with prometheus(vector(*known)) as (source, _):
        assert set(source.snapshot(pods)["canary"]) == {"c"}
        pods[track].append(pod("new"))
        with pytest.raises(MetricsError, match="Prometheus has no series of pod/new, which is ready; see its targets"):
            source.snapshot(pods)


def pod(name: str, *, ready: bool = True) -> Pod:
    return Pod(name, ready, 0, datetime.now(UTC))


def test_a_pod_that_two_jobs_scrape_is_counted_once() -> None:
    def scraped(value: int, begun: int, job: str) -> list[dict[str, Any]]:
        where = {"job": job, "instance": "10.0.0.1:8080", "track": "canary", "pod": "c"}
        return [requests(value, **where), requests(value // 10, "500", **where), sample(START, begun, **where)]

    twice = vector(*scraped(100, 7, "monitor"), *scraped(90, 7, "annotations"))
    restarted = vector(*scraped(100, 7, "monitor"), *scraped(20, 8, "annotations"))
    with prometheus(twice, restarted) as (source, _):
        looks = [source.snapshot({}) for _ in range(2)]
    counted = [between({}, look)["canary"] for look in looks]
    assert [(one.requests, one.errors) for one in counted] == [(110, 10), (22, 2)]


def test_other_labels_can_be_named() -> None:
    answer = vector(sample("http_requests_total", 1, kubernetes_pod_name="c", role="canary"))
    with prometheus(answer) as (source, asked):
        other = replace(WHERE, track_label="role", pod_label="kubernetes_pod_name", namespace_label="ns")
        assert set(replace(source, settings=other).snapshot({})["canary"]) == {"c"}
    assert 'ns="churn",role=~"stable|canary"' in asked[0]


def test_outcomes_of_a_long_time_are_added_up_over_all_pods_that_there_were() -> None:
    answers = {
        "model_feedback_total": vector(
            {"metric": {"track": "stable", "outcome": "correct", "job": "a"}, "value": [1, "30.5"]},
            {"metric": {"track": "stable", "outcome": "correct", "job": "b"}, "value": [1, "9.5"]},
            {"metric": {"track": "canary", "outcome": "wrong"}, "value": [1, "5"]},
        ),
        "model_predictions_total": vector({"metric": {"track": "stable", "prediction": "0"}, "value": [1, "400"]}),
    }
    with prometheus(*(answers.get(name, vector()) for name in sorted(NAMES))) as (source, asked):
        gained = source.increase(NAMES, "14d")
    assert gained["stable"][series("model_feedback_total", {"outcome": "correct"})] == 40
    assert of_counters(gained["stable"]).coverage == 0.1
    assert all("[14d]" in query and "> time() - 1209600" in query for query in asked)
    assert math.isclose(of_counters(gained["canary"]).outcomes.total, 5)


@pytest.mark.parametrize(
    ("span", "length"), [("14d", 1_209_600), ("1h30m", 5_400), ("1y2w3d4h5m6s", 33_019_506), ("90s", 90)]
)
def test_a_span_is_as_long_as_prometheus_takes_it_to_be(span: str, length: int) -> None:
    assert seconds(span) == length


@pytest.mark.parametrize("span", ["", "14", "14 d", "d", "2m1h", "1.5h", "1M", "-1d", "14d]) or vector(1"])
def test_what_is_no_span_is_refused_before_prometheus_is_asked(span: str) -> None:
    with prometheus(vector()) as (source, asked):
        with pytest.raises(MisuseError, match=r"is not a span that Prometheus reads, such as 90m, 12h or 14d"):
            source.increase(NAMES, span)
        assert asked == []


@pytest.mark.parametrize("label", ["variant", "exported_track"], ids=["named", "renamed by Prometheus"])
def test_outcomes_in_prometheus_are_those_of_the_variant_and_not_of_the_pod_that_took_them(label: str) -> None:
    def outcome(value: int, pod: str, variant: str, said: str) -> dict[str, Any]:
        return {"metric": {"track": pod, label: variant, "outcome": said, "version": "1"}, "value": [1, str(value)]}

    told = vector(
        outcome(30, "stable", "stable", "correct"),
        outcome(8, "stable", "canary", "correct"),
        outcome(2, "stable", "canary", "wrong"),
        outcome(10, "canary", "stable", "wrong"),
        outcome(1, "canary", "canary", "correct"),
    )
    answers = {"model_feedback_total": told}
    with prometheus(*(answers.get(name, vector()) for name in sorted(NAMES))) as (source, _):
        a, b = of_tracks(source.increase(NAMES, "14d"))
    assert (a.outcomes, b.outcomes) == (Shares(30, 40), Shares(9, 11))
