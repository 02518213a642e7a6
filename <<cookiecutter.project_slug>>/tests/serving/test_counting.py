"""Metrics after known traffic, and no label that a client can choose."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from delivery.exposition import START, parse
from delivery.observed import LABELS, NAMES

from <<cookiecutter.package_name>>.files import read_json

from tests.serving.client import Client, serve
from tests.serving.conftest import Folders

Row = dict[str, Any]


def test_requests_are_counted_by_route_method_and_status(own: Client, rows: list[Row]) -> None:
    for row in rows[:3]:
        own.predict(row)
    own.predict({})
    own.post("/invocations", {"instances": rows[:2]})
    own.get("/model")
    own.get("/predict")
    count = {"handler": "/predict", "method": "POST"}
    assert own.metric("http_requests_total", **count, status="200") == 3
    assert own.metric("http_requests_total", **count, status="422") == 1
    assert own.metric("http_request_duration_seconds_count", **count) == 4
    assert own.metric("http_requests_total", handler="/invocations", method="POST", status="200") == 1
    assert own.metric("http_requests_total", handler="/model", method="GET", status="200") == 1
    assert own.metric("http_requests_in_progress") == 0


def test_the_analysis_of_a_canary_knows_every_label_of_what_it_reads(own: Client, rows: list[Row]) -> None:
    own.predict(rows[0])
    own.predict({})
    found = parse(own.get("/metrics").body.decode(), NAMES)
    assert {one.name for one in found} >= NAMES - {START}
    assert {label for one in found for label, _ in one.labels} == LABELS


def test_probes_and_scrapes_are_not_counted(own: Client) -> None:
    for path in ("/metrics", "/ping", "/health", "/v2/health/live", "/v2/health/ready"):
        own.get(path)
    assert "http_requests_total{" not in own.get("/metrics").body.decode()


def test_series_are_read_on_the_thread_that_counts(own: Client) -> None:
    seen: list[int] = []

    def queued() -> int:
        seen.append(threading.get_ident())
        return 0

    own.service._metrics.queue_rows = queued
    own.get("/metrics")
    assert seen == [threading.get_ident()]


def test_no_request_can_make_new_labels(own: Client, rows: list[Row]) -> None:
    for number in range(30):
        own.get(f"/nowhere/{number}")
        own.post(f"/v2/models/{number}/infer", {})
        own.predict({**rows[0], f"column {number}": 1})
    text = own.get("/metrics").body.decode()
    assert "column 7" not in text and "/nowhere" not in text and "models/7" not in text
    assert own.metric("http_requests_total", handler="other", method="GET", status="404") == 30
    assert own.metric("http_requests_total", handler="/v2/models/{name}/infer", method="POST", status="404") == 30
    assert own.metric("contract_violations_total", column="", rule="additionalProperties") == 30


def test_broken_rules_are_counted_by_column(own: Client, rows: list[Row]) -> None:
    own.predict({**rows[0], "kind": "z"}, {**rows[0], "kind": "y", "load": None})
    assert own.metric("contract_violations_total", column="kind", rule="enum") == 2
    assert own.metric("contract_violations_total", column="load", rule="type") == 1


def test_predictions_are_counted_by_class_score_and_confidence(own: Client, rows: list[Row]) -> None:
    answers = own.predict(*rows).json["predictions"]
    for name in ("no", "yes"):
        expected = sum(answer["prediction"] == name for answer in answers)
        assert own.metric("model_predictions_total", prediction=name) == expected
    positive = [answer["probabilities"]["yes"] for answer in answers]
    assert own.metric("model_prediction_sum") == pytest.approx(sum(positive))
    assert own.metric("model_prediction_bucket", le="0.3") == sum(score <= 0.3 for score in positive)
    assert own.metric("model_confidence_sum") == pytest.approx(sum(max(score, 1 - score) for score in positive))
    assert own.metric("model_batch_rows_sum") == len(rows)


def test_predicted_values_fall_between_the_deciles_of_the_training_rows(folders: Folders, runtime: str) -> None:
    folder = folders("regression", runtime)
    client, rows = serve(folder), read_json(folder / "golden.json", expect="golden/1")["rows"]
    values = [answer["prediction"] for answer in client.predict(*rows).json["predictions"]]
    edges = read_json(folder / "reference-profile.json", expect="profile/1")["prediction"]["edges"]
    for edge in edges:
        assert client.metric("model_prediction_bucket", le=repr(edge)) == sum(value <= edge for value in values)
    assert "model_confidence" not in client.get("/metrics").body.decode()


def test_features_fall_into_the_bins_of_the_training_rows(own: Client, rows: list[Row], folder: Path) -> None:
    own.predict(*rows)
    profile = read_json(folder / "reference-profile.json", expect="profile/1")["features"]
    first = profile["load"]["edges"][0]
    below = own.metric("model_feature_bins_total", feature="load", bin=f"(-inf, {first}]")
    assert below == sum(row["load"] <= first for row in rows) > 0
    for kind in ("a", "b"):
        assert own.metric("model_feature_bins_total", feature="kind", bin=kind) == sum(
            row["kind"] == kind for row in rows
        )
    assert own.metric("model_feature_bins_total", feature="kind", bin="(null)") == sum(
        row["kind"] is None for row in rows
    )
    assert own.metric("model_feature_bins_total", feature="flag", bin="true") == sum(row["flag"] for row in rows)
    assert own.metric("model_feature_bins_total", feature="empty", bin="(null)") == len(rows)
    own.predict({**rows[0], "kind": "unseen"})
    assert own.metric("model_feature_bins_total", feature="kind", bin="(other)") == 1


def test_the_model_tells_who_it_is(own: Client, folder: Path, runtime: str) -> None:
    digest = read_json(folder / "export.json", expect="export/1")["model"]["sha256"]
    about = {"model": "example", "version": "1.2.0", "runtime": runtime, "track": "stable", "contract": "1.2.0"}
    assert own.metric("model_info", **about, digest=digest) == 1
    assert own.metric("process_resident_memory_bytes") > 0
