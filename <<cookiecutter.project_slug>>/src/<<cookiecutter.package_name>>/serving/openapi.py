"""The description of the service for people and clients: OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from . import schemas
from .bundle import Bundle
from .inference_protocol import datatype
from .metrics import label_text
from .options import Options
from .schemas import ref

Document = dict[str, Any]
JSON = "application/json"
TEXT = {"text/plain": {"schema": {"type": "string"}}}
ANY = {"type": "object"}
MODEL = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
FAULTS = {
    "400": "The body has another shape.",
    "408": "The body was not complete in time.",
    "413": "The body is too large, or has too many rows.",
    "415": "The body is of another content type.",
    "422": "A row breaks the contract.",
    "503": "Too many requests wait already; Retry-After says when to try again.",
    "504": "There was no answer in time.",
}


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
    refusals = {"description": "The id is malformed (400), forged (403), repeated (409) or expired (410)."}
    return {
        "/predict": _post(
            "Predict", "predictions", ref("Question"), {"rows": [row]}, ref("Answer"), answer, ref("Refusal")
        ),
        "/feedback": {
            "post": {
                "summary": "Tell what turned out to be true",
                "tags": ["predictions"],
                "requestBody": _body(ref("Feedback"), feedback),
                "responses": {
                    "202": {"description": "Counted."},
                    "4XX": refusals,
                    "503": {"description": "Not set up."},
                },
            }
        },
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
    return {
        "/invocations": _post("Predict, as MLflow's servers do", "MLflow", ANY, asked, ANY, answer, ANY),
        "/ping": _get("Whether predictions are answered", "MLflow", ANY),
        "/health": _get("Whether predictions are answered", "MLflow", ANY),
        "/version": _get("The version of the model", "MLflow", None),
    }


def _inference(bundle: Bundle) -> Document:
    row = schemas.example_row(bundle)
    tensors = [
        {"name": name, "shape": [1], "datatype": datatype(bundle.contract[name]), "data": [value]}
        for name, value in row.items()
    ]
    tag = "Open Inference Protocol"
    infer = _post("Predict, one tensor per column", tag, ANY, {"inputs": tensors}, ANY, None, ANY)
    paths: Document = {
        "/v2": _get("Name and version of the server", tag, ANY),
        "/v2/health/live": _get("Whether the process lives", tag, ANY),
        "/v2/health/ready": _get("Whether predictions are answered", tag, ANY),
    }
    for path, parameters in (
        ("/v2/models/{name}", [MODEL]),
        ("/v2/models/{name}/versions/{version}", [MODEL, VERSION]),
    ):
        paths[path] = {**_get("Inputs and outputs of the model", tag, ANY), "parameters": parameters}
        paths[f"{path}/ready"] = {**_get("Whether the model is ready", tag, ANY), "parameters": parameters}
        paths[f"{path}/infer"] = {**infer, "parameters": parameters}
    return paths


def _about() -> Document:
    return {
        "/model": _get("The model card, as HTML or Markdown", "about", None),
        "/model/metadata": _get("The metadata of the model", "about", ANY),
        "/metrics": _get("Metrics for Prometheus", "about", None),
    }


def _get(summary: str, tag: str, schema: Document | None) -> Document:
    content = TEXT if schema is None else {JSON: {"schema": schema}}
    return {"get": {"summary": summary, "tags": [tag], "responses": {"200": {"description": "OK", "content": content}}}}


def _post(
    summary: str,
    tag: str,
    asked: Document,
    question: Document,
    given: Document,
    answer: Document | None,
    fault: Document,
) -> Document:
    """Return an operation that answers rows."""
    content = {"schema": given} | ({} if answer is None else {"example": answer})
    faults = {status: {"description": text, "content": {JSON: {"schema": fault}}} for status, text in FAULTS.items()}
    return {
        "post": {
            "summary": summary,
            "tags": [tag],
            "requestBody": _body(asked, question),
            "responses": {"200": {"description": "One prediction per row.", "content": {JSON: content}}, **faults},
        }
    }


def _body(schema: Document, example: Document) -> Document:
    return {"required": True, "content": {JSON: {"schema": schema, "example": example}}}
