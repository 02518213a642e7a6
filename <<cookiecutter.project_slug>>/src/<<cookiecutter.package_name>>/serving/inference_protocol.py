"""`POST /v2/models/NAME/infer`: the Open Inference Protocol, version 2, one tensor per column."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from ..contracts.contract import Column, Contract
from . import bodies
from .bodies import Headers
from .bundle import Bundle
from .metrics import label_text
from .protocols import Answer, Question, as_bytes, details, rows_of
from .refusals import Refusal, bad_request, short

INTEGERS = frozenset(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))
FLOATS = frozenset({"FP16", "FP32", "FP64"})
DATATYPES = INTEGERS | FLOATS | {"BOOL", "BYTES"}
PREDICTION, PROBABILITIES = "prediction", "probabilities"


class Infer:
    """Version 2 of the Open Inference Protocol, in JSON; binary tensors are an extension that is not offered."""

    def __init__(self, bundle: Bundle) -> None:
        self._about = {"model_name": bundle.name, "model_version": bundle.version}
        self._datatype = datatype(bundle.contract.target)
        self._classes = len(bundle.classes)

    def read(self, headers: Headers, body: bytes) -> Question:
        """Return the rows in `body`."""
        bodies.demand_json(headers)
        if b"inference-header-content-length" in headers:
            raise Refusal(415, "the body holds binary tensors, wanted JSON alone")
        document = bodies.as_json(body)
        if not isinstance(document, dict) or not isinstance(document.get("inputs"), list) or not document["inputs"]:
            raise bad_request('the body has another shape, wanted {"inputs": [{"name", "shape", "datatype", "data"}]}')
        if not isinstance(document.get("id"), str | None):
            raise bad_request(f"the id is {_short(document['id'])}, wanted text")
        columns = [_column(tensor) for tensor in document["inputs"]]
        names = [name for name, _ in columns]
        lengths = {len(data) for _, data in columns}
        if len(lengths) > 1 or len(set(names)) < len(names):
            raise bad_request(
                f"the inputs have {sorted(lengths)} rows, wanted each column once and as many rows in each"
            )
        rows = rows_of(names, list(zip(*(data for _, data in columns), strict=True)))
        return Question(rows, (document.get("id"), self._wanted(document.get("outputs"))))

    def _wanted(self, outputs: Any) -> list[str]:
        """Return the names of the outputs that a request asks for, or of all that there are."""
        known = [PREDICTION, PROBABILITIES] if self._classes else [PREDICTION]
        if outputs is None or outputs == []:
            return known
        names: list[Any] = [each.get("name") for each in outputs if isinstance(each, dict)] if _is_list(outputs) else []
        if not names or any(name not in known for name in names):
            raise bad_request(f"outputs names something else than {', '.join(known)}")
        if len(set(names)) < len(names):  # each would be another copy of the answer
            raise bad_request(f"outputs names one more than once, wanted each of {', '.join(known)} once at most")
        return names

    def write(self, question: Question, answer: Answer) -> bytes:
        """Return one tensor per output, and the id of the request."""
        request_id, wanted = question.context
        rows = len(answer.predictions)
        labels = list(map(label_text, answer.predictions)) if self._datatype == "BYTES" else answer.predictions
        tensors = {
            PREDICTION: lambda: tensor(PREDICTION, [rows], self._datatype, labels),
            PROBABILITIES: lambda: tensor(
                PROBABILITIES, [rows, self._classes], "FP64", [score for scores in answer.scores for score in scores]
            ),
        }
        document = {**self._about, "outputs": [tensors[name]() for name in wanted]}
        return as_bytes(document if request_id is None else {**document, "id": request_id})

    def refuse(self, refusal: Refusal) -> bytes:
        """Return the error of the protocol."""
        document: dict[str, Any] = {"error": refusal.message}
        return as_bytes(document | ({"detail": details(refusal)} if refusal.violations else {}))


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def tensor(name: str, shape: list[int], kind: str, data: list[Any]) -> dict[str, Any]:
    """Return one output of an answer."""
    return {"name": name, "shape": shape, "datatype": kind, "data": data}


def _column(tensor: Any) -> tuple[str, list[Any]]:
    """Return name and values of an input of shape [rows] or [rows, 1]."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise bad_request("an input has no name, wanted one per column")
    name, shape, kind, data = (tensor.get(key) for key in ("name", "shape", "datatype", "data"))
    if not isinstance(kind, str) or kind not in DATATYPES:
        raise bad_request(f"input {name!r} has datatype {_short(kind)}, wanted one of {', '.join(sorted(DATATYPES))}")
    if not isinstance(shape, list) or not _is_shape(shape):
        raise bad_request(f"input {name!r} has shape {_short(shape)}, wanted [rows] or [rows, 1]")
    if not isinstance(data, list):
        raise bad_request(f"input {name!r} has no data, wanted a list")
    flat = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in data]
    if len(flat) != prod(shape):
        raise bad_request(f"input {name!r} has {len(flat)} values, wanted {prod(shape)} as its shape says")
    for value in flat:
        if value is not None and not _fits(value, kind):
            raise bad_request(f"input {name!r} holds {_short(value)}, wanted {kind}, or null for what is missing")
    return str(name), flat


def _short(value: Any) -> str:
    """Return `value` so that it cannot fill a message, however long or deep it is."""
    return str(short(value)) if isinstance(value, list | dict) else repr(short(value))


def _is_shape(shape: list[Any]) -> bool:
    if not all(type(size) is int and size >= 0 for size in shape):
        return False
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _fits(value: Any, kind: str) -> bool:
    if kind == "BOOL" or isinstance(value, bool):
        return kind == "BOOL" and isinstance(value, bool)
    if kind == "BYTES":
        return isinstance(value, str)
    if kind in FLOATS:
        return isinstance(value, int | float)
    return isinstance(value, int) and (kind[0] != "U" or value >= 0)


def datatype(column: Column) -> str:
    """Return the tensor type of a column's values."""
    types = column.types
    if types == {"boolean"}:
        return "BOOL"
    if types == {"integer"}:
        return "INT64"
    return "FP64" if types <= {"integer", "number"} else "BYTES"


def describe(bundle: Bundle) -> dict[str, Any]:
    """Return the model's metadata of the protocol: its columns and what it answers."""
    contract: Contract = bundle.contract
    inputs = [_described(name, [-1], datatype(contract[name])) for name in contract.features]
    outputs = [_described(PREDICTION, [-1], datatype(contract.target))]
    if bundle.classes:
        outputs.append(_described(PROBABILITIES, [-1, len(bundle.classes)], "FP64"))
    platform = {"onnx": "onnx_onnxv1", "skops": "sklearn_skops"}[bundle.runtime]
    return {
        "name": bundle.name,
        "versions": [bundle.version],
        "platform": platform,
        "inputs": inputs,
        "outputs": outputs,
    }


def _described(name: str, shape: list[int], kind: str) -> Mapping[str, Any]:
    return {"name": name, "datatype": kind, "shape": shape}
