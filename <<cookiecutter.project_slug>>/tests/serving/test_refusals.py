"""What is not a question of the contract gets a 4xx that says what was seen and what is wanted, never a 5xx."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from <<cookiecutter.package_name>>.serving import bodies
from <<cookiecutter.package_name>>.serving import rules as rules_module

from tests.serving.client import JSON, Client, Reply, serve
from tests.serving.conftest import Folders
from tests.serving.folders import NAME
from tests.serving.test_predictions import tensors

Row = dict[str, Any]
INFER = f"/v2/models/{NAME}/infer"
DEEP: list[Any] = reduce(lambda inner, _: [inner], range(300), [1])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"load": "x"}, ("load", "type", "x", 'seen "x", wanted number'), id="type"),
        pytest.param({"load": True}, ("load", "type", True, "seen true, wanted number"), id="boolean-for-number"),
        pytest.param({"load": None}, ("load", "type", None, "seen null, wanted number"), id="null"),
        pytest.param({"flag": 1}, ("flag", "type", 1, "seen 1, wanted boolean"), id="number-for-boolean"),
        pytest.param({"constant": 1.5}, ("constant", "type", 1.5, "seen 1.5, wanted integer"), id="fraction"),
        pytest.param(
            {"kind": "c"}, ("kind", "enum", "c", 'seen "c", wanted one of "a", "b", "unseen", null'), id="enum"
        ),
        pytest.param({"lod": 1}, ("lod", "additionalProperties", 1, "is no column of the contract"), id="unknown"),
        pytest.param({"load": [1]}, ("load", "type", "an array", "seen an array, wanted number"), id="array"),
        pytest.param({"load": {}}, ("load", "type", "an object", "seen an object, wanted number"), id="object"),
    ],
)
def test_a_broken_rule_is_told_with_column_rule_and_value(
    change: Row, expected: tuple[Any, ...], client: Client, rows: list[Row]
) -> None:
    reply = client.predict(rows[0], {**rows[1], **change})
    assert reply.status == 422
    column, rule, value, message = expected
    assert reply.json == {"detail": [{"row": 1, "column": column, "rule": rule, "value": value, "message": message}]}


def test_every_fault_of_every_row_is_told_at_once(client: Client, rows: list[Row]) -> None:
    first = {name: value for name, value in rows[0].items() if name != "load"}
    reply = client.predict(first, {**rows[1], "kind": "z", "flag": "yes"}, 7)
    found = {(each["row"], each["column"], each["rule"]) for each in reply.json["detail"]}
    assert found == {(0, "load", "required"), (1, "kind", "enum"), (1, "flag", "type"), (2, "", "type")}


def test_long_values_and_long_lists_of_faults_are_cut(client: Client, rows: list[Row]) -> None:
    reply = client.predict(*({**row, "kind": "k" * 1000} for row in (rows * 20)[:500]))
    assert len(reply.json["detail"]) == 100
    assert len(reply.body) < 50_000


def test_a_row_full_of_unknown_columns_costs_no_more_than_is_told(
    client: Client, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def suggest(seen: str, _: Any) -> str:
        asked.append(seen)
        return ""

    monkeypatch.setattr(rules_module, "did_you_mean", suggest)
    reply = client.predict({**rows[0], **{f"c{number}": 0 for number in range(5000)}}, {"more": 1})
    assert (reply.status, len(reply.json["detail"])) == (422, 100)
    assert len(asked) == 100


def test_a_nullable_column_may_be_null_but_not_absent(client: Client, rows: list[Row]) -> None:
    assert client.predict({**rows[0], "empty": None, "kind": None}).status == 200
    assert client.predict({name: value for name, value in rows[0].items() if name != "empty"}).status == 422


def test_unknown_columns_are_ignored_when_the_settings_say_so(folder: Any, rows: list[Row]) -> None:
    tolerant = serve(folder, ignore_unknown=True)
    assert tolerant.predict({**rows[0], "lod": {"deep": [1]}}).status == 200
    assert tolerant.predict({**rows[0], "load": "x"}).status == 422


def test_whole_numbers_may_be_written_as_fractions(client: Client, rows: list[Row]) -> None:
    assert client.predict({**rows[0], "constant": 1.0}).status == 200


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "01", "+1", ".5", "nan", "1_0"])
def test_what_is_no_number_of_json_is_refused(text: str, client: Client, rows: list[Row]) -> None:
    body = json.dumps({"rows": [{**rows[0], "load": "@"}]}).replace('"@"', text)
    for path in ("/predict", "/invocations", INFER):
        assert client.post(path, body.encode()).status == 400


def test_a_number_too_large_for_the_model_is_refused_with_its_column(client: Client, rows: list[Row]) -> None:
    reply = client.predict(rows[0], {**rows[0], "load": -1e300})
    assert reply.status == 422
    assert (reply.json["detail"][0]["row"], reply.json["detail"][0]["column"]) == (1, "load")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"rows"',
        b'{"rows": {}}',
        b'{"rows": [], "x": 1}',
        b'{"Rows": []}',
        b"\xff",
        b"[" * 5000,
    ],
)
def test_a_body_of_another_shape_is_refused(body: bytes, client: Client) -> None:
    for path in ("/predict", "/invocations", INFER):
        assert client.post(path, body).status == 400


def test_values_nested_without_end_are_refused(client: Client, rows: list[Row]) -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    assert client.predict({**rows[0], "load": deep}).status == 422


def test_no_rows_and_too_many_rows_are_refused(folder: Any, rows: list[Row]) -> None:
    few = serve(folder, max_rows=2)
    assert few.predict().json["detail"][0]["message"] == "there are no rows, wanted at least one"
    assert few.predict(*rows[:2]).status == 200
    assert few.predict(*rows[:3]).status == 413


def test_a_table_of_too_many_short_lines_is_refused_without_being_built(folder: Any) -> None:
    few, body = serve(folder, max_rows=2), b"load\n" + b"1\n" * 400_000
    tracemalloc.start()
    reply = few.post("/invocations", body, {"content-type": "text/csv"})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reply.status == 413
    assert most < 8 << 20, "the lines alone would take 25 MiB"


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(folder: Any, rows: list[Row]) -> None:
    small = serve(folder, max_body_bytes=100)
    reply = small.predict(rows[0])
    assert (reply.status, reply.headers["connection"]) == (413, "close")
    declared = small.post("/predict", b"{}", {**JSON, "content-length": "101"})
    assert declared.status == 413
    assert small.post("/predict", b"{}", {**JSON, "content-length": "-1"}).status == 413


def test_a_body_that_comes_in_parts_is_put_together_and_limited(folder: Any, rows: list[Row]) -> None:
    body = json.dumps({"rows": rows[:1]}).encode()
    halves = [body[:40], body[40:]]
    parts = [{"type": "http.request", "body": part, "more_body": part is halves[0]} for part in halves]
    assert asyncio.run(serve(folder).ask("POST", "/predict", b"", JSON, parts=parts)).status == 200
    assert asyncio.run(serve(folder, max_body_bytes=60).ask("POST", "/predict", b"", JSON, parts=parts)).status == 413


def test_a_body_that_never_ends_is_given_up(folder: Any) -> None:
    hasty = serve(folder, deadline_seconds=0.05)
    parts = [{"type": "http.request", "body": b"{", "more_body": True}]
    assert asyncio.run(hasty.ask("POST", "/predict", b"", JSON, parts=parts)).status == 408


def test_bodies_that_come_slowly_keep_no_more_than_their_room(
    folder: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"rows": rows[:1]}).encode()
    monkeypatch.setattr(bodies, "ROOM", 2 * len(body))
    client = serve(folder, max_body_bytes=2 * len(body), deadline_seconds=1.5)
    halves: list[Row] = [
        {"type": "http.request", "body": body[:40], "more_body": True},
        {"type": "http.request", "body": body[40:]},
    ]
    slow: list[Row] = [{"type": "http.request", "body": b" " * len(body), "more_body": True}]

    async def run() -> list[Reply]:
        waiting = [asyncio.create_task(client.ask("POST", "/predict", b"", JSON, parts=slow)) for _ in range(2)]
        await asyncio.sleep(0.01)
        in_parts = await client.ask("POST", "/predict", b"", JSON, parts=halves)
        at_once = await client.ask("POST", "/predict", body, JSON)
        given_up = await asyncio.gather(*waiting)
        return [in_parts, at_once, *given_up, await client.ask("POST", "/predict", b"", JSON, parts=halves)]

    replies = asyncio.run(run())
    assert [reply.status for reply in replies] == [503, 200, 408, 408, 200]
    assert (replies[0].headers["retry-after"], replies[0].headers["connection"]) == ("1", "close")


def test_a_client_that_left_gets_nothing_and_is_counted(own: Client) -> None:
    parts: list[Row] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    assert asyncio.run(own.ask("POST", "/predict", b"", JSON, parts=parts)).status == 0
    assert own.metric("http_requests_total", handler="/predict", method="POST", status="499") == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="none"),
        pytest.param({"content-type": "application/json; charset=UTF-8"}, 200, id="utf-8"),
        pytest.param({"content-type": "application/json; charset=latin-1"}, 415, id="latin-1"),
        pytest.param({"content-type": "application/x-www-form-urlencoded"}, 415, id="form"),
        pytest.param({"content-type": "text/csv"}, 415, id="csv"),
        pytest.param({**JSON, "content-encoding": "gzip"}, 415, id="gzip"),
    ],
)
def test_other_content_types_are_refused(headers: Row, status: int, client: Client, rows: list[Row]) -> None:
    assert client.post("/predict", {"rows": rows[:1]}, headers).status == status


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({}, "exactly one of dataframe_split", id="nothing"),
        pytest.param({"instances": [], "inputs": []}, "exactly one of", id="two"),
        pytest.param({"dataframe_split": []}, "dataframe_split has another shape", id="split"),
        pytest.param({"dataframe_split": {"columns": ["a", "a"], "data": []}}, "each column once", id="twice"),
        pytest.param({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "wanted rows of 1 values", id="wide"),
        pytest.param({"dataframe_records": {}}, "dataframe_records has another shape", id="records"),
        pytest.param({"instances": [[1]]}, "instances has another shape", id="instances"),
        pytest.param({"inputs": {"a": [1], "b": [1, 2]}}, "as many in each", id="uneven"),
    ],
)
def test_mlflow_bodies_are_refused_with_mlflow_errors(body: Row, message: str, client: Client) -> None:
    reply = client.post("/invocations", body)
    assert (reply.status, reply.json["error_code"]) == (400, "BAD_REQUEST")
    assert message in reply.json["message"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"", 400),
        (b"\n\r\n", 400),
        (b"a,a\n1,2\n", 400),
        (b"a,b\n1\n", 400),
        (b'a\n"1\n', 400),
        (b"\xff\n", 400),
        (b"load\n", 400),
        (b"load\nx\n", 422),
    ],
    ids=["empty", "blank", "twice", "short", "quote", "bytes", "no-rows", "contract"],
)
def test_faulty_csv_is_refused(text: bytes, status: int, client: Client) -> None:
    assert client.post("/invocations", text, {"content-type": "text/csv"}).status == status


def test_a_cell_of_many_digits_is_refused_at_once(client: Client) -> None:
    begun = time.perf_counter()
    reply = client.post("/invocations", b"load\n" + b"1" * 100_000 + b"x", {"content-type": "text/csv"})
    assert (reply.status, time.perf_counter() - begun < 2) == (422, True)


def test_broken_rules_keep_their_details_in_every_protocol(client: Client, rows: list[Row]) -> None:
    bad = [{**rows[0], "kind": "z"}]
    mlflow = client.post("/invocations", {"dataframe_records": bad})
    assert (mlflow.status, mlflow.json["error_code"]) == (422, "INVALID_PARAMETER_VALUE")
    tensor = client.post(INFER, tensors(bad))
    assert (tensor.status, tensor.json["error"]) == (422, mlflow.json["message"])
    assert tensor.json["detail"] == mlflow.json["detail"] == client.predict(*bad).json["detail"]


def changed(**change: Any) -> Callable[[Row], Row]:
    return lambda tensor: {**tensor, **change}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(changed(name=None), "an input has no name", id="name"),
        pytest.param(changed(datatype="FP128"), "has datatype 'FP128'", id="datatype"),
        pytest.param(changed(datatype=[]), "has datatype an array", id="datatype-list"),
        pytest.param(changed(datatype=DEEP), "has datatype an array", id="deep-datatype"),
        pytest.param(changed(shape=DEEP), "has shape an array, wanted [rows] or [rows, 1]", id="deep-shape"),
        pytest.param(changed(data=[DEEP]), "holds an array, wanted FP64", id="deep-data"),
        pytest.param(changed(shape=[2]), "has 1 values, wanted 2", id="shape"),
        pytest.param(changed(shape=[1, 2]), "wanted [rows] or [rows, 1]", id="wide"),
        pytest.param(changed(shape=[True]), "wanted [rows] or [rows, 1]", id="bool"),
        pytest.param(changed(shape="1"), "wanted [rows] or [rows, 1]", id="text"),
        pytest.param(changed(data=None), "has no data", id="data"),
        pytest.param(changed(data=["x"]), "holds 'x', wanted FP64", id="text-as-number"),
        pytest.param(changed(data=[True]), "holds True, wanted FP64", id="boolean-as-number"),
        pytest.param(changed(datatype="INT64", data=[1.5]), "holds 1.5, wanted INT64", id="fraction-as-integer"),
        pytest.param(changed(datatype="UINT8", data=[-1]), "holds -1, wanted UINT8", id="sign"),
        pytest.param(changed(datatype="BOOL", data=[1]), "holds 1, wanted BOOL", id="number-as-boolean"),
        pytest.param(changed(datatype="BYTES", data=[1]), "holds 1, wanted BYTES", id="number-as-text"),
        pytest.param(changed(name="noise"), "each column once", id="twice"),
        pytest.param(changed(shape=[0], data=[]), "as many rows in each", id="uneven"),
    ],
)
def test_faulty_tensors_are_refused(
    change: Callable[[Row], Row], message: str, client: Client, rows: list[Row]
) -> None:
    document = tensors(rows[:1])
    document["inputs"] = [change(each) if each["name"] == "load" else each for each in document["inputs"]]
    reply = client.post(INFER, document)
    assert reply.status == 400
    assert message in reply.json["error"]


@pytest.mark.parametrize("seen", [7, DEEP, {"a": DEEP}], ids=["number", "array", "object"])
def test_an_id_that_is_no_text_is_refused(seen: Any, client: Client, rows: list[Row]) -> None:
    reply = client.post(INFER, {**tensors(rows[:1]), "id": seen})
    assert reply.status == 400
    assert reply.json["error"].startswith("the id is ")


@pytest.mark.parametrize(
    "outputs", [[{"name": "x"}], ["prediction"], "prediction", "", {}, 0, [1], [{"name": "prediction"}] * 2]
)
def test_unknown_outputs_are_refused(outputs: Any, client: Client, rows: list[Row]) -> None:
    assert client.post(INFER, {**tensors(rows[:1]), "outputs": outputs}).status == 400


def test_binary_tensors_are_refused(client: Client) -> None:
    assert client.post(INFER, b"{}", {"inference-header-content-length": "2"}).status == 415


@pytest.mark.parametrize("path", ["/v2/models/other/infer", f"/v2/models/{NAME}/versions/9.9.9/infer"])
def test_other_models_and_versions_are_not_here(path: str, client: Client, rows: list[Row]) -> None:
    reply = client.post(path, tensors(rows[:1]))
    assert (reply.status, list(reply.json)) == (404, ["error"])


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
NAMES = st.sampled_from(["Größe in m", "load", "noise", "kind", "flag", "constant", "empty", "row", "rows"]) | st.text()
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=9) | VALUES, max_size=4)
TENSORS = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES, "shape": VALUES, "datatype": st.sampled_from(["FP64", "BYTES", "BOOL"]), "data": VALUES}
    ),
    max_size=3,
)
BODIES = (
    st.builds(lambda rows: ("/predict", {"rows": rows}), ROWS)
    | st.builds(
        lambda form, rows: ("/invocations", {form: rows}),
        st.sampled_from(["dataframe_records", "inputs", "instances", "dataframe_split"]),
        ROWS | VALUES,
    )
    | st.builds(lambda inputs: (INFER, {"inputs": inputs}), TENSORS | VALUES)
    | st.builds(lambda body: ("/feedback", body), VALUES)
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(BODIES)
def test_no_json_whatever_makes_the_service_fail(folders: Folders, asked: tuple[str, Any]) -> None:
    path, body = asked
    reply = shared(folders).post(path, json.dumps(body).encode())
    assert reply.status < 500
    assert reply.json


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["/predict", "/invocations", INFER, "/feedback"]),
    st.binary(max_size=200),
    st.sampled_from(["application/json", "text/csv", "x"]),
)
def test_no_bytes_whatever_make_the_service_fail(folders: Folders, path: str, body: bytes, kind: str) -> None:
    assert shared(folders).post(path, body, {"content-type": kind}).status < 500


def shared(folders: Folders, made: list[Client] = []) -> Client:  # noqa: B006  # one service for all examples
    if not made:
        made.append(serve(folders("binary", "onnx")))
    return made[0]
