"""True answers count once, under the version and track that predicted; nothing else can make them count."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from <<cookiecutter.package_name>>.files import read_json
from <<cookiecutter.package_name>>.serving import signing

from tests.serving.client import Client, serve
from tests.serving.conftest import Folders

Row = dict[str, Any]


def predicted(client: Client, row: Row) -> dict[str, Any]:
    answer: dict[str, Any] = client.predict(row).json["predictions"][0]
    return answer


def test_right_and_wrong_answers_are_counted(own: Client, rows: list[Row]) -> None:
    for truth in ("right", "wrong", "wrong"):
        answer = predicted(own, rows[0])
        other = {"yes": "no", "no": "yes"}[answer["prediction"]]
        reply = own.post(
            "/feedback", {"id": answer["id"], "actual": answer["prediction"] if truth == "right" else other}
        )
        assert (reply.status, reply.json) == (202, {"status": "accepted"})
    about = {"version": "1.2.0", "variant": "stable"}
    assert own.metric("model_feedback_total", outcome="correct", **about) == 1
    assert own.metric("model_feedback_total", outcome="wrong", **about) == 2


def test_feedback_counts_for_the_track_that_predicted(own: Client, folder: Path, rows: list[Row]) -> None:
    canary = serve(folder, track="canary")
    answer = predicted(canary, rows[0])
    assert own.post("/feedback", {"id": answer["id"], "actual": answer["prediction"]}).status == 202
    assert own.metric("model_feedback_total", outcome="correct", version="1.2.0", variant="canary") == 1


def test_the_distance_to_a_true_value_is_measured(folders: Folders, runtime: str) -> None:
    folder = folders("regression", runtime)
    client, row = serve(folder), read_json(folder / "golden.json", expect="golden/1")["rows"][0]
    answer = predicted(client, row)
    assert client.post("/feedback", {"id": answer["id"], "actual": answer["prediction"] + 2}).status == 202
    about = {"version": "1.2.0", "variant": "stable"}
    assert client.metric("model_feedback_error_sum", **about) == pytest.approx(2)


def forged(name: str) -> str:
    content = bytearray(urlsafe_b64decode(name))
    content[-1] ^= 1
    return urlsafe_b64encode(bytes(content)).decode()


def test_forged_repeated_and_malformed_ids_are_refused(own: Client, rows: list[Row]) -> None:
    answer = predicted(own, rows[0])
    name, actual = answer["id"], answer["prediction"]
    for sent, status, reason in (
        (forged(name), 403, "forged"),
        ("x" * 40, 403, "forged"),
        ("", 400, "malformed"),
        ("ä", 400, "malformed"),
        ("a", 400, "malformed"),
        ("A" * 5000, 400, "malformed"),
        (name, 202, ""),
        (name, 409, "repeated"),
    ):
        before = own.metric("feedback_refused_total", reason=reason)
        assert own.post("/feedback", {"id": sent, "actual": actual}).status == status, sent
        assert not reason or own.metric("feedback_refused_total", reason=reason) == before + 1
    assert own.metric("model_feedback_total", outcome="correct", version="1.2.0", variant="stable") == 1


def test_feedback_that_comes_too_late_is_refused(
    folder: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(folder, feedback_window_seconds=60)
    answer = predicted(client, rows[0])
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 62)
    assert client.post("/feedback", {"id": answer["id"], "actual": answer["prediction"]}).status == 410
    assert client.metric("feedback_refused_total", reason="expired") == 1


def test_an_answer_that_the_contract_refuses_does_not_spend_the_id(own: Client, rows: list[Row]) -> None:
    answer = predicted(own, rows[0])
    reply = own.post("/feedback", {"id": answer["id"], "actual": "perhaps"})
    assert (reply.status, reply.json["detail"][0]["column"]) == (422, "answer")
    assert own.metric("feedback_refused_total", reason="invalid") == 1
    assert own.post("/feedback", {"id": answer["id"], "actual": "no"}).status == 202


@pytest.mark.parametrize(
    "body", [b"", b"[]", {"id": 1, "actual": "no"}, {"id": "x"}, {"id": "x", "actual": "no", "z": 1}]
)
def test_another_shape_is_refused(body: Any, client: Client) -> None:
    assert client.post("/feedback", body).status == 400


def test_an_id_of_another_key_is_refused(own: Client, folder: Path, rows: list[Row]) -> None:
    answer = predicted(serve(folder, feedback_key=b"another key, as long as it must be"), rows[0])
    assert own.post("/feedback", {"id": answer["id"], "actual": "no"}).status == 403


def test_without_a_key_there_are_no_ids_and_no_feedback(folder: Path, rows: list[Row]) -> None:
    client = serve(folder, feedback_key=b"")
    assert "id" not in predicted(client, rows[0])
    reply = client.post("/feedback", {"id": "x", "actual": "no"})
    assert reply.status == 503
    assert "FEEDBACK_KEY" in reply.json["detail"][0]["message"]


def test_remembered_ids_are_bounded(own: Client, rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "REMEMBERED", 2)
    answers = [predicted(own, rows[0]) for _ in range(3)]
    sent = [{"id": answer["id"], "actual": answer["prediction"]} for answer in answers]
    assert [own.post("/feedback", each).status for each in sent] == [202, 202, 202]
    assert own.post("/feedback", sent[2]).status == 409
