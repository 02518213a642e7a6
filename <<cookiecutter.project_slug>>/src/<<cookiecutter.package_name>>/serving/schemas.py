"""JSON Schemas of what the service takes and gives, typed by the contract, and an example that satisfies them."""

from __future__ import annotations

from typing import Any

from ..contracts.contract import Column, Contract
from .bundle import Bundle
from .feeds import text
from .inference_protocol import DATATYPES, PREDICTION, PROBABILITIES
from .metrics import label_text
from .options import Options
from .rules import RowRules, questions

Schema = dict[str, Any]
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
VIOLATION: Schema = {
    "type": "object",
    "description": "A rule of the contract that a value breaks; null where the fault is not one of a value.",
    "properties": {
        "row": {"type": ["integer", "null"], "description": "Position in the request, from 0."},
        "column": {"type": ["string", "null"]},
        "rule": {"type": ["string", "null"], "examples": ["enum"]},
        "value": {"description": "What was sent; long text is shortened."},
        "message": {"type": "string"},
    },
    "required": ["row", "column", "rule", "value", "message"],
}
TEXT: Schema = {"type": "string"}
TENSOR: Schema = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2},
        "datatype": {"enum": sorted(DATATYPES)},
        "data": {"type": "array"},
    },
    "required": ["name", "shape", "datatype", "data"],
}


def schemas(bundle: Bundle, options: Options) -> dict[str, Schema]:
    """Return the component schemas by name."""
    row = _moved(questions(bundle.contract, ignore_unknown=options.ignore_unknown))
    row["properties"] = {name: rules for name, rules in row["properties"].items() if rules is not True}
    row.pop("$schema", None)
    target = _moved(dict(bundle.contract.target.schema))
    details = {"detail": {"type": "array", "items": ref("Violation")}}
    rows = {"type": "array", "items": ref("Row"), "minItems": 1, "maxItems": options.max_rows}
    return {
        "Row": row,
        "Question": _closed({"rows": rows}, ["rows"]),
        "Prediction": _prediction(bundle, options, target),
        "Answer": _object(
            {
                "model": {"type": "string", "const": bundle.name},
                "version": {"type": "string", "const": bundle.version},
                "predictions": {"type": "array", "items": ref("Prediction")},
            },
            ["model", "version", "predictions"],
        ),
        "Violation": VIOLATION,
        "Refusal": _object(details, ["detail"]),
        "Feedback": _closed({"id": TEXT, "actual": target}, ["id", "actual"]),
        "FeedbackRefusal": _object(
            {"detail": {"type": "array", "items": _object({"message": TEXT}, ["message"])}}, ["detail"]
        ),
        "Invocation": _invocation(rows),
        "InvocationAnswer": _object({"predictions": {"type": "array"}}, ["predictions"]),
        "InvocationRefusal": _object({"error_code": TEXT, "message": TEXT, **details}, ["error_code", "message"]),
        "Tensor": TENSOR,
        "Inference": _inference(),
        "InferenceAnswer": _object(
            {
                "model_name": TEXT,
                "model_version": TEXT,
                "outputs": {"type": "array", "items": ref("Tensor")},
                "id": TEXT,
            },
            ["model_name", "model_version", "outputs"],
        ),
        "InferenceRefusal": _object({"error": TEXT, **details}, ["error"]),
    }


def _invocation(rows: Schema) -> Schema:
    """Return MLflow's question, where each form stands alone."""
    matrix = {"type": "array", "items": {"type": "array"}}
    forms: Schema = {
        "dataframe_split": _object(
            {"columns": {"type": "array", "items": TEXT, "uniqueItems": True}, "data": matrix}, ["columns", "data"]
        ),
        "dataframe_records": rows,
        "instances": {"type": "array"},
        "inputs": {"type": ["array", "object"]},
    }
    return {"oneOf": [_closed({name: form, "params": {}}, [name]) for name, form in forms.items()]}


def _inference() -> Schema:
    """Return the Open Inference Protocol's question."""
    output = _object({"name": {"enum": [PREDICTION, PROBABILITIES]}}, ["name"])
    inputs = {"type": "array", "items": ref("Tensor"), "minItems": 1}
    outputs = {"type": ["array", "null"], "items": output}
    return _object({"id": {"type": ["string", "null"]}, "inputs": inputs, "outputs": outputs}, ["inputs"])


def _prediction(bundle: Bundle, options: Options, target: Schema) -> Schema:
    classes = bundle.classes
    seen = {"enum": classes} if classes else {"type": "number"}
    about = {"description": target["description"]} if "description" in target else {}
    properties: Schema = {"prediction": {**seen, **about}}
    required = ["prediction"]
    if classes:
        names = [label_text(label) for label in classes]
        properties["probabilities"] = _object(dict.fromkeys(names, SHARE), names)
        required.append("probabilities")
    if options.feedback_key:
        properties["id"] = {"type": "string", "description": "To be sent back to /feedback with the true answer."}
        required.append("id")
    return _object(properties, required)


def _object(properties: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required}


def _closed(properties: Schema, required: list[str]) -> Schema:
    return {**_object(properties, required), "additionalProperties": False}


def ref(name: str) -> Schema:
    """Return a reference to the component schema `name`."""
    return {"$ref": f"#/components/schemas/{name}"}


def _moved(schema: Any) -> Any:
    """Return `schema` with its local references pointing into the component that it becomes."""
    if isinstance(schema, dict):
        moved = {key: _moved(value) for key, value in schema.items()}
        if isinstance(target := schema.get("$ref"), str):
            moved["$ref"] = target.replace("#/", "#/components/schemas/Row/", 1)
        return moved
    return [_moved(item) for item in schema] if isinstance(schema, list) else schema


def example_row(bundle: Bundle) -> dict[str, Any]:
    """Return a row that satisfies the contract: the middle of the training data, column by column.

    It is nobody's row. Where columns depend on each other it may break a rule; then a golden row stands for it.
    """
    contract = bundle.contract
    row = {name: _typical(contract[name], bundle.profile["features"][name]) for name in contract.features}
    if RowRules.of_questions(contract, ignore_unknown=True).hold([row]):
        return row
    return dict(bundle.golden["rows"][0])


def _typical(column: Column, known: Schema) -> Any:
    if known["kind"] == "numeric":
        edges = known["edges"]
        middle = edges[len(edges) // 2] if edges else None
        return int(middle) if middle is not None and middle.is_integer() else middle
    common = next(iter(known["counts"]), None)
    return next((value for value in column.categories or () if text(value, None) == common), common)


def contract_title(contract: Contract) -> str:
    """Return what a row is, in a sentence."""
    return str(contract.schema.get("description") or contract.schema.get("title") or "")
