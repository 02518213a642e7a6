"""The description of the service for people and clients: OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import schemas
from .bundle import Bundle
from .inference_protocol import datatype
from .metrics import label_text
from .options import Options
from .schemas import ref

Document = dict[str, Any]
JSON = "application/json"
PLAIN = "text/plain"
TEXT = {"type": "string"}
ANY = {"type": "object"}
READING = {
    "400": "The body has another shape.",
    "408": "The body was not complete in time.",
    "413": "The body is too large, or has too many rows.",
    "415": "The body is of another content type.",
}
PREDICTING = {
    **READING,
    "422": "A row breaks the contract.",
    "503": "Too many requests wait already; Retry-After says when to try again.",
    "504": "There was no answer in time.",
}
FEEDBACK = {
    **READING,
    "403": "The id was not signed by this service.",
    "409": "The id was answered before.",
    "410": "The id is too old.",
    "422": "The answer breaks the contract.",
    "503": "The service has no key for ids.",
}
STRANGER = {"404": "There is another model, or another version of it."}
LEAVING = {"503": "The service is about to end."}
NO_FAULTS: Mapping[str, str] = {}


def document(bundle: Bundle, options: Options) -> Document:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": bundle.name,
            "version": bundle.version,
            "description": f"{schemas.contract_title(bundle.contract)}\n\nPredicts `{bundle.contract.target.name}`.",
        },
        "paths": {**_own(bundle, options), **_mlflow(bundle), **_inference(bundle), **_about()},
        "components": {"schemas": schemas.schemas(bundle, options)},
    }


def _own(bundle: Bundle, options: Options) -> Document:
    row = schemas.example_row(bundle)
    answer = {"model": bundle.name, "version": bundle.version, "predictions": [_example(bundle, options)]}
    feedback = {"id": "…", "actual": bundle.classes[0] if bundle.classes else 0.0}
    tag = "predictions"
    return {
        "/predict": _post(
            "Predict", tag, _body(ref("Question"), {"rows": [row]}), _predicted("Answer", answer, "Refusal")
        ),
        "/feedback": _post(
            "Tell what turned out to be true",
            tag,
            _body(ref("Feedback"), feedback),
            {"202": _answer("Counted.", ANY), **_faults(FEEDBACK, ref("FeedbackRefusal"))},
        ),
    }


def _example(bundle: Bundle, options: Options) -> Document:
    if not bundle.classes:
        return {"prediction": 0.0}
    share = 1 / len(bundle.classes)
    shares = {label_text(label): share for label in bundle.classes}
    signed = {"id": "…"} if options.feedback_key else {}
    return {"prediction": bundle.classes[0], "probabilities": shares, **signed}


def _mlflow(bundle: Bundle) -> Document:
    row = schemas.example_row(bundle)
    asked = {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}
    answer = {"predictions": [bundle.classes[0] if bundle.classes else 0.0]}
    tag, fault = "MLflow", "InvocationRefusal"
    body = _body(ref("Invocation"), asked)
    body["content"]["text/csv"] = {"schema": TEXT}
    probe = _get("Whether predictions are answered", tag, TEXT, LEAVING, kind=JSON)
    return {
        "/invocations": _post(
            "Predict, as MLflow's servers do", tag, body, _predicted("InvocationAnswer", answer, fault)
        ),
        "/ping": probe,
        "/health": probe,
        "/version": _get("The version of the model", tag, TEXT, kind=PLAIN),
    }


def _inference(bundle: Bundle) -> Document:
    row = schemas.example_row(bundle)
    tensors = [
        {"name": name, "shape": [1], "datatype": datatype(bundle.contract[name]), "data": [value]}
        for name, value in row.items()
    ]
    tag, fault = "Open Inference Protocol", "InferenceRefusal"
    answers = {**_predicted("InferenceAnswer", None, fault), **_faults(STRANGER, ref(fault))}
    infer = _post("Predict, one tensor per column", tag, _body(ref("Inference"), {"inputs": tensors}), answers)
    paths: Document = {
        "/v2": _get("Name and version of the server", tag),
        "/v2/health/live": _get("Whether the process lives", tag),
        "/v2/health/ready": _get("Whether predictions are answered", tag, ANY, LEAVING),
    }
    name, version = _place("name", bundle.name), _place("version", bundle.version)
    for path, parameters in (
        ("/v2/models/{name}", [name]),
        ("/v2/models/{name}/versions/{version}", [name, version]),
    ):
        paths[path] = {**_get("Inputs and outputs of the model", tag, ANY, STRANGER), "parameters": parameters}
        ready = _get("Whether the model is ready", tag, ANY, {**STRANGER, **LEAVING})
        paths[f"{path}/ready"] = {**ready, "parameters": parameters}
        paths[f"{path}/infer"] = {**infer, "parameters": parameters}
    return paths


def _place(name: str, value: str) -> Document:
    """Return a parameter of a path that can be but one value."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": [value]}}


def _about() -> Document:
    card = _get("The model card, as HTML or Markdown", "about", TEXT, kind="text/markdown")
    card["get"]["responses"]["200"]["content"]["text/html"] = {"schema": TEXT}
    return {
        "/model": card,
        "/model/metadata": _get("The metadata of the model", "about"),
        "/metrics": _get("Metrics for Prometheus", "about", TEXT, kind=PLAIN),
    }


def _get(
    summary: str, tag: str, schema: Document = ANY, faults: Mapping[str, str] = NO_FAULTS, *, kind: str = JSON
) -> Document:
    answers = {"200": _answer("OK", schema, kind), **_faults(faults, schema, kind)}
    return {"get": {"summary": summary, "tags": [tag], "responses": answers}}


def _post(summary: str, tag: str, body: Document, answers: Document) -> Document:
    return {"post": {"summary": summary, "tags": [tag], "requestBody": body, "responses": answers}}


def _predicted(schema: str, example: Document | None, fault: str) -> Document:
    """Return what an operation answers that takes rows."""
    answer = _answer("One prediction per row.", ref(schema))
    if example is not None:
        answer["content"][JSON]["example"] = example
    return {"200": answer, **_faults(PREDICTING, ref(fault))}


def _answer(text: str, schema: Document, kind: str = JSON) -> Document:
    return {"description": text, "content": {kind: {"schema": schema}}}


def _faults(texts: Mapping[str, str], schema: Document, kind: str = JSON) -> Document:
    return {status: _answer(text, schema, kind) for status, text in texts.items()}


def _body(schema: Document, example: Document) -> Document:
    return {"required": True, "content": {JSON: {"schema": schema, "example": example}}}
