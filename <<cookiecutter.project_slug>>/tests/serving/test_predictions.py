"""Predictions are those of the trained pipeline, whatever the runtime and the protocol."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from <<cookiecutter.package_name>>.files import read_json, write_json
from <<cookiecutter.package_name>>.learning import model_bytes

from tests.example import fitted
from tests.serving.client import Client, serve
from tests.serving.conftest import Folders
from tests.serving.folders import NAME, VERSION

INFER = f"/v2/models/{NAME}/infer"


def tensors(rows: list[dict[str, Any]]) -> dict[str, Any]:
    kinds = {"kind": "BYTES", "flag": "BOOL", "constant": "INT64"}
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return {
        "inputs": [
            {"name": name, "shape": [len(rows)], "datatype": kinds.get(name, "FP64"), "data": data}
            for name, data in columns.items()
        ]
    }


@pytest.mark.parametrize(
    "kind",
    [
        "binary",
        "regression",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("boolean", "integer", "multiclass")),
    ],
)
def test_the_golden_rows_are_answered_as_the_trained_pipeline_does(kind: str, runtime: str, folders: Folders) -> None:
    folder = folders(kind, runtime)
    golden = read_json(folder / "golden.json", expect="golden/1")
    reply = serve(folder).predict(*golden["rows"])
    assert reply.status == 200
    answers = reply.json["predictions"]
    if kind == "regression":
        found = [answer["prediction"] for answer in answers]
        np.testing.assert_allclose(found, golden["predictions"], rtol=0, atol=golden["tolerance"])
        assert all(set(answer) == {"prediction", "id"} for answer in answers)
        return
    assert [answer["prediction"] for answer in answers] == golden["predictions"]
    names = [str(label).lower() if isinstance(label, bool) else str(label) for label in golden["classes"]]
    assert list(answers[0]["probabilities"]) == names
    found = [list(answer["probabilities"].values()) for answer in answers]
    np.testing.assert_allclose(found, golden["probabilities"], rtol=0, atol=golden["tolerance"])


def test_an_answer_names_model_version_track_and_request(client: Client, rows: list[dict[str, Any]]) -> None:
    reply = client.post("/predict", {"rows": rows[:1]}, {"content-type": "application/json", "x-request-id": "abc-1"})
    assert (reply.json["model"], reply.json["version"]) == (NAME, VERSION)
    told = {name: reply.headers[name] for name in ("x-model-version", "x-model-track", "x-request-id")}
    assert told == {"x-model-version": VERSION, "x-model-track": "stable", "x-request-id": "abc-1"}


@pytest.mark.parametrize("sent", ["", "ä", "x" * 129, "a b"], ids=["empty", "not-ascii", "long", "blank"])
def test_an_unusable_request_id_is_replaced(sent: str, client: Client) -> None:
    reply = client.post("/predict", {}, {"content-type": "application/json", "x-request-id": sent})
    assert reply.headers["x-request-id"] not in ("", sent)


def test_requests_without_id_get_ids_that_differ(client: Client, rows: list[dict[str, Any]]) -> None:
    assert len({client.predict(rows[0]).headers["x-request-id"] for _ in range(3)}) == 3


def test_all_protocols_and_forms_give_the_same_answers(client: Client, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    expected = [answer["prediction"] for answer in client.predict(*rows).json["predictions"]]
    matrix = [list(row.values()) for row in rows]
    forms: list[dict[str, Any]] = [
        {"dataframe_split": {"columns": names, "data": matrix}},
        {"dataframe_split": {"columns": names, "data": matrix, "index": list(range(len(rows)))}, "params": {"x": 1}},
        {"dataframe_records": rows},
        {"instances": rows},
        {"instances": matrix},
        {"inputs": matrix},
        {"inputs": {name: [row[name] for row in rows] for name in names}},
        {"inputs": {name: [[row[name]] for row in rows] for name in names}},
    ]
    for form in forms:
        assert client.post("/invocations", form).json == {"predictions": expected}, form.keys()
    for path in (INFER, f"/v2/models/{NAME}/versions/{VERSION}/infer"):
        outputs = client.post(path, tensors(rows)).json["outputs"]
        assert outputs[0] == {"name": "prediction", "shape": [len(rows)], "datatype": "BYTES", "data": expected}


def test_csv_is_read_as_a_table_is(client: Client, rows: list[dict[str, Any]]) -> None:
    cells = [{name: "" if cell is None else str(cell).lower() for name, cell in row.items()} for row in rows]
    text = "\r\n".join(",".join(line) for line in [list(rows[0]), *(list(row.values()) for row in cells)])
    reply = client.post("/invocations", text.encode(), {"content-type": "text/csv; charset=utf-8"})
    expected = [answer["prediction"] for answer in client.predict(*rows).json["predictions"]]
    assert reply.json == {"predictions": expected}


def test_tensors_carry_probabilities_and_the_id_of_the_request(client: Client, rows: list[dict[str, Any]]) -> None:
    expected = [list(row["probabilities"].values()) for row in client.predict(*rows[:3]).json["predictions"]]
    document = client.post(INFER, {**tensors(rows[:3]), "id": "r-7"}).json
    assert (document["id"], document["model_name"], document["model_version"]) == ("r-7", NAME, VERSION)
    scores = document["outputs"][1]
    assert (scores["name"], scores["shape"], scores["datatype"]) == ("probabilities", [3, 2], "FP64")
    np.testing.assert_allclose(np.reshape(scores["data"], (3, 2)), expected)


def test_only_the_outputs_that_are_asked_for_come(client: Client, rows: list[dict[str, Any]]) -> None:
    document = client.post(INFER, {**tensors(rows[:1]), "outputs": [{"name": "probabilities"}]}).json
    assert [output["name"] for output in document["outputs"]] == ["probabilities"]


def test_a_tensor_may_have_a_column_of_its_own(client: Client, rows: list[dict[str, Any]]) -> None:
    document = tensors(rows[:2])
    for tensor in document["inputs"]:
        tensor |= {"shape": [2, 1], "data": [[value] for value in tensor["data"]]}
    assert client.post(INFER, document).json["outputs"] == client.post(INFER, tensors(rows[:2])).json["outputs"]


def test_a_number_of_rows_beyond_what_is_answered_in_line_is_answered_alike(
    own: Client, rows: list[dict[str, Any]]
) -> None:
    many = (rows * 10)[:200]
    single = [own.predict(row).json["predictions"][0]["prediction"] for row in many[: len(rows)]]
    together = [answer["prediction"] for answer in own.predict(*many).json["predictions"]]
    assert together[: len(rows)] == single
    assert own.metric("model_batch_rows_sum") == len(many) + len(rows)


def test_ids_timestamps_and_the_answer_may_be_sent_along(client: Client, rows: list[dict[str, Any]]) -> None:
    whole = {**rows[0], "row": "r1", "day": "not a day, and not looked at", "answer": None}
    assert (
        client.predict(whole).json["predictions"][0]["prediction"]
        == (client.predict(rows[0]).json["predictions"][0]["prediction"])
    )
    assert client.predict({**rows[0], "row": 1}).json["detail"][0]["column"] == "row"


def test_a_pipeline_of_another_shape_is_asked_with_a_data_frame(folders: Folders, tmp_path: Path) -> None:
    folder = shutil.copytree(folders("binary", "skops"), tmp_path / "nested")
    content = model_bytes.dumps(Pipeline([("all", fitted().pipeline)]))
    (folder / "model.skops").write_bytes(content)
    export = read_json(folder / "export.json", expect="export/1")
    write_json(folder / "export.json", {**export, "model": {**export["model"], "sha256": sha256(content).hexdigest()}})
    golden = read_json(folder / "golden.json", expect="golden/1")
    answers = serve(folder).predict(*golden["rows"]).json["predictions"]
    assert [list(answer["probabilities"].values()) for answer in answers] == golden["probabilities"]
