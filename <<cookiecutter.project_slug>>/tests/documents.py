"""The JSON documents that the steps hand on, made for tests."""

from __future__ import annotations

from typing import Any

from <<cookiecutter.package_name>> import provenance

from tests.example import ROWS, TRAIN_ROWS, evaluated, fitted, make_contract

SHA = "0123456789abcdef" * 4
ENVIRONMENT = provenance.environment()


def run_document(kind: str = "binary", **changes: Any) -> dict[str, Any]:
    """Return the document of run.json for the example's model; `changes` replace its keys."""
    contract, model = make_contract(kind), fitted(kind)
    document = {
        "format": "run/1",
        "run_id": "r1",
        "model_id": "m-1",
        "experiment": "example",
        "problem": contract.problem,
        "estimator": "linear",
        "parameters": dict(model.parameters),
        "cv": {name: dict(found) for name, found in model.cv.items()},
        "seed": 7,
        "data": {"paths": ["data/example.csv"], "sha256": SHA, "rows": ROWS},
        "split": {"train_rows": TRAIN_ROWS, "holdout_rows": ROWS - TRAIN_ROWS, "method": "random", "holdout": 0.25},
        "contract": {"version": contract.version, "digest": contract.digest},
        "config": {"sha256": SHA},
        "git": {"commit": "a" * 40, "dirty": True},
        "model": {"path": "artifacts/model", "sha256": SHA, "bytes": 12_345},
        "environment": ENVIRONMENT,
        "created": "2026-01-02T03:04:05+00:00",
    }
    return document | changes


def metrics_document(kind: str = "binary") -> dict[str, Any]:
    """Return the document of metrics.json for the example's model, which had no champion to meet."""
    return evaluated(kind).document(run_id="r1", model_bytes=12_345)


def compared_document(kind: str = "binary", shift: float = 0.1) -> dict[str, Any]:
    """Return a document of metrics.json whose metrics all lie `shift` above the champion's."""
    document = metrics_document(kind)
    metrics = document["metrics"]
    difference = {name: {"value": shift, "low": shift - 0.01, "high": shift + 0.01} for name in metrics}
    champion = {"status": "compared", "version": "1.0.0", "contract_version": "1.0.0", "reason": ""}
    return document | {"champion": champion | {"metrics": metrics, "difference": difference}}


def gate_document(*, promote: bool = True, run_id: str = "r1") -> dict[str, Any]:
    """Return the document of gate.json with one check that decides and one that passes."""
    checks = [
        {"name": "skill", "passed": True, "seen": "0.3", "wanted": "at least 0.1", "why": ""},
        {"name": "roc_auc", "passed": promote, "seen": "0.7", "wanted": "at least 0.75", "why": "ranks <rows>"},
    ]
    return {"format": "gate/1", "run_id": run_id, "promote": promote, "checks": checks}


def data_document(*, valid: bool = True) -> dict[str, Any]:
    """Return the document of data-report.json; an invalid table breaks one rule in a hostile column."""
    violation = {
        "column": "<script>alert(1)</script>",
        "rule": "maximum",
        "limit": 500,
        "count": 1234,
        "examples": [{"row": 3, "value": "<img src=x onerror=alert(1)>"}],
        "hint": "",
    }
    return {
        "format": "data-report/1",
        "valid": valid,
        "rows": ROWS,
        "data": {"paths": ["data/example.csv"], "sha256": SHA},
        "contract": {"version": "1.2.0", "digest": SHA},
        "violations": [] if valid else [violation],
        "checks": 42,
    }
