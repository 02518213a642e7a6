from __future__ import annotations

import http.client
import json
import math
from dataclasses import replace
from typing import Any, cast

import pytest
from delivery.evidence import Evidence
from delivery.golden import compare, difference
from delivery.load import Load, percentile, summary
from delivery.rows import at_the_limits, refused
from delivery.service import Answer, Client, checked_url
from delivery.smoke import Report, example_answered, latency, load_limits, patient, same_model

SCHEMA: dict[str, Any] = {
    "properties": {
        "plan": {"type": "string", "enum": ["basic", "pro"], "x-role": "feature"},
        "months": {"type": "integer", "minimum": 0, "maximum": 240},
        "fee": {"type": ["number", "null"], "minimum": 0.5},
        "code": {"type": "string", "pattern": "^[A-Z]+$"},
        "active": {"type": "boolean"},
    },
    "required": ["months", "plan"],
}
ROW = {"plan": "basic", "months": 7, "fee": None, "code": "ABC", "active": True}
METADATA = {"identity": {"name": "m", "version": "1.0.0", "run_id": "r", "classes": [0, "yes"], "sha256": "s"}}
CLASSES = Evidence(METADATA, SCHEMA, [ROW], [0, "yes"], [0], [[0.75, 0.25]], 1e-6)
NUMBERS = replace(CLASSES, classes=[], predictions=[1000.0], probabilities=None, tolerance=1e-3)


def answer(status: int, body: object) -> Answer:
    return Answer(status, http.client.HTTPMessage(), json.dumps(body), 0.01)


def test_a_row_at_the_limits_keeps_what_cannot_be_invented() -> None:
    assert at_the_limits(SCHEMA, ROW) == {"plan": "pro", "months": 240, "fee": None, "code": "ABC", "active": True}
    tied = SCHEMA | {"allOf": [{}]}
    assert at_the_limits(tied, ROW) == ROW, "rules of the whole row may forbid a combination of limits"


def test_there_is_one_row_for_each_kind_of_fault_and_each_has_one_fault() -> None:
    cases = list(refused(SCHEMA, ROW))
    assert [(case.fault, case.column) for case in cases] == [
        ("wrong type", "plan"),
        ("null", "plan"),
        ("value outside of the enum", "plan"),
        ("missing column", "plan"),
        ("above the maximum", "months"),
        ("below the minimum", "months"),
    ]
    for case in cases:
        assert {key for key in ROW if key not in case.row or case.row[key] != ROW[key]} == {case.column}


@pytest.mark.parametrize(
    ("evidence", "answered", "words"),
    [
        (CLASSES, {"prediction": 0, "probabilities": {"0": 0.75, "yes": 0.25}}, ""),
        (CLASSES, {"prediction": 0, "probabilities": {"0": 0.7500005, "yes": 0.25}}, ""),
        (CLASSES, {"prediction": 0, "probabilities": {"0": 0.7501, "yes": 0.25}}, "probability of 0 is 0.7501"),
        (CLASSES, {"prediction": 0}, "probability of 0 is None"),
        (CLASSES, {"prediction": "0", "probabilities": {"0": 0.75, "yes": 0.25}}, "'0' instead of 0"),
        (CLASSES, {"prediction": False, "probabilities": {"0": 0.75, "yes": 0.25}}, "False instead of 0"),
        (NUMBERS, {"prediction": 1000.0005}, ""),
        (NUMBERS, {"prediction": 1000.01}, "1000.01 instead of 1000.0"),
        (NUMBERS, {"prediction": None}, "None instead of 1000.0"),
        (NUMBERS, {"prediction": math.nan}, "nan instead of 1000.0"),
    ],
)
def test_an_answer_is_held_against_training(evidence: Evidence, answered: dict[str, Any], words: str) -> None:
    found = difference(evidence, 0, answered)
    assert words in found and bool(words) == bool(found)


@pytest.mark.parametrize("body", [None, [], {"predictions": []}, {"predictions": [{"prediction": 0}] * 2}])
def test_an_answer_of_another_shape_is_no_golden_answer(body: object) -> None:
    assert not compare(answer(200, body), CLASSES).passed


@pytest.mark.parametrize(
    "body", [None, [], "text", {}, {"identity": None}, {"identity": ["version"]}, {"identity": {}}], ids=json.dumps
)
def test_metadata_of_another_shape_are_a_failed_check_that_says_what_was_seen(body: object) -> None:
    class Odd:
        def get(self, path: str) -> Answer:
            return answer(200, body)

    checks = list(same_model(cast("Client", Odd()), CLASSES, None))
    assert [(check.name, check.passed) for check in checks] == [("model version", False), ("model sha256", False)]
    assert {check.seen for check in checks} == {f"200 {json.dumps(body)}"}


def test_percentiles_are_values_that_were_seen() -> None:
    assert [percentile(range(1, 101), share) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([], 0.5) == math.inf


def test_a_load_test_without_requests_fails_both_limits_and_can_be_written(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    load = summary([], 1.0)
    checks = list(load_limits(load, {"p95_ms": 100.0, "max_error_share": 1.0}))
    assert [check.passed for check in checks] == [False, False]
    Report("t", "m", "1", checks, load).write("now")
    assert json.loads((tmp_path / "artifacts/smoke.json").read_text(encoding="utf-8"))["load"]["p95_ms"] is None


def test_errors_of_a_load_test_are_shares_and_the_first_is_told() -> None:
    load = summary([(0.010, "")] * 19 + [(0.500, "500 broken")], 1.0)
    assert (load.requests, load.errors, load.error_share, load.p95_ms) == (20, 1, 0.05, 10.0)
    low, high = (
        next(check for check in load_limits(load, {"p95_ms": 10.0, "max_error_share": share}) if "errors" in check.name)
        for share in (0.01, 0.05)
    )
    assert (low.passed, low.seen, high.passed) == (False, "5.00% (500 broken)", True)
    assert isinstance(load, Load)


def test_what_the_way_to_the_service_swallowed_is_asked_again_but_not_what_the_service_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    lost, own, good = answer(503, {"kind": "Status"}), answer(503, {"detail": "busy"}), answer(200, {})
    answers = [lost, lost, good]
    assert patient(lambda: answers.pop(0)) is good
    answers = [own, good]
    assert patient(lambda: answers.pop(0)) is own


class Answering:
    """A service whose answers are given, one after another."""

    def __init__(self, *answers: Answer) -> None:
        self.left, self.asked = list(answers), list[object]()

    def get(self, path: str) -> Answer:
        return self.left.pop(0)

    def post(self, path: str, body: object) -> Answer:
        self.asked.append(body)
        return self.left.pop(0)


LOST = Answer(503, http.client.HTTPMessage(), '{"kind": "Status"}', 9.0)


def test_a_hiccup_of_the_way_to_the_service_is_no_latency_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    rules = {"requests": 2, "latency_ms": 500.0}
    service = Answering(LOST, answer(200, {}), answer(200, {}), LOST, answer(200, {}))
    check = latency(cast("Client", service), CLASSES, rules)
    assert (check.passed, check.seen, service.left) == (True, "10 ms", [])
    busy = Answering(answer(200, {}), answer(503, {"detail": "busy"}), answer(200, {}))
    assert not latency(cast("Client", busy), CLASSES, rules).passed, "what the service itself says counts at once"


def test_a_service_is_asked_its_own_example() -> None:
    asked = {"rows": [ROW]}
    content = {"application/json": {"example": asked}}
    document = answer(200, {"paths": {"/predict": {"post": {"requestBody": {"content": content}}}}})
    for status, passed in ((200, True), (413, False)):
        service = Answering(document, answer(status, {"detail": "told"}))
        [check] = example_answered(cast("Client", service))
        assert (check.passed, service.asked) == (passed, [asked])
    assert list(example_answered(cast("Client", Answering(answer(200, {"paths": {}}))))) == []


def test_no_checks_are_no_pass() -> None:
    assert not Report("t", "m", "1", []).passed


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://host", "http://", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Exception, match="is not an address such as http://127.0.0.1:8080"):
        checked_url(url)
