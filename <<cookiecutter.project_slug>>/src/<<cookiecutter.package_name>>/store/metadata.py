"""The document that travels with a registered model, and the model card that people read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from ..contracts.contract import Contract
from ..errors import ContractError
from ..learning.metrics import MEANING
from ..text import cell, code, digest, interval, number, size, table
from . import stages
from .registry import Version

SCHEMA = "metadata.schema.json"
Document = Mapping[str, Any]


def build(
    run: Document, metrics: Document, gate: Document, version: Version, contract: Contract, *, schema: Path
) -> dict[str, Any]:
    """Return the metadata of a registered `version`, checked against the JSON Schema in the file `schema`.

    The other arguments are the documents of run.json, metrics.json and gate.json. Raises ContractError.
    """
    document = {
        "format": "metadata/1",
        "identity": _identity(run, version, contract),
        "training": _training(run),
        "performance": _performance(metrics),
        "environment": dict(run["environment"]),
        "lineage": {"data": dict(run["data"]), "contract": dict(run["contract"]), "git": dict(run["git"])},
        "governance": {
            "intended_use": _intended_use(contract),
            "stage": version.stage,
            "history": [asdict(step) for step in stages.history(version.tags)],
            "gate": [dict(check) for check in gate["checks"]],
        },
    }
    check(document, schema)
    return document


def restaged(document: Document, version: Version) -> dict[str, Any]:
    """Return `document` with the stage and the history that its `version` has by now."""
    history = [asdict(step) for step in stages.history(version.tags)]
    return {**document, "governance": {**document["governance"], "stage": version.stage, "history": history}}


def served(document: Document, serving: Document, *, schema: Path) -> dict[str, Any]:
    """Return `document` with the section `serving`, checked against the JSON Schema in the file `schema`."""
    extended = {**document, "serving": dict(serving)}
    check(extended, schema)
    return extended


def check(document: Document, schema: Path) -> None:
    """Raise ContractError, naming each fault, when `document` does not fit the JSON Schema in the file `schema`."""
    try:
        rules = json.loads(schema.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ContractError(f"{schema}: cannot be read ({error}); restore it from Git") from error
    faults = [f"{fault.json_path}: {fault.message}" for fault in Draft202012Validator(rules).iter_errors(document)]
    if faults:
        raise ContractError(f"the metadata does not fit {schema}: {'; '.join(faults)}")


def _identity(run: Document, version: Version, contract: Contract) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "number": version.number,
        "problem": run["problem"],
        "target": contract.target.name,
        "classes": list(contract.classes),
        "features": list(contract.features),
        "run_id": run["run_id"],
        "model_id": run["model_id"],
        "sha256": run["model"]["sha256"],
        "bytes": run["model"]["bytes"],
    }


def _training(run: Document) -> dict[str, Any]:
    return {
        "estimator": run["estimator"],
        "parameters": dict(run["parameters"]),
        "seed": run["seed"],
        "rows": run["split"]["train_rows"],
        "cross_validation": dict(run["cv"]),
        "config_sha256": run["config"]["sha256"],
        "created": run["created"],
    }


def _performance(metrics: Document) -> dict[str, Any]:
    champion = metrics["champion"]
    return {
        "rows": metrics["holdout"]["rows"],
        "sha256": metrics["holdout"]["sha256"],
        "confidence": metrics["confidence"],
        "metrics": metrics["metrics"],
        "slices": metrics["slices"],
        "latency_ms": metrics["latency_ms"],
        "champion": {
            "status": champion["status"],
            "version": champion.get("version"),
            "difference": champion.get("difference", {}),
        },
    }


def _intended_use(contract: Contract) -> str:
    target = contract.target
    meaning = str(target.schema.get("description", "")).rstrip(".")
    about = str(contract.schema.get("description", "")).strip()
    return f"Predicts {code(target.name)}{f' ({meaning})' if meaning else ''}. {about}".strip()


def model_card(document: Document) -> str:
    """Return the model card of a metadata document as Markdown."""
    identity, training = document["identity"], document["training"]
    title = f"# {cell(identity['name'])} {identity['version']}"
    kind = {"binary": "two classes", "multiclass": f"{len(identity['classes'])} classes", "regression": "a number"}
    parts = [
        title,
        f"{training['estimator']} for {kind[identity['problem']]}, trained {training['created'][:10]} "
        f"on {training['rows']:,} rows. Stage: {document['governance']['stage']}.",
        "## Intended use",
        f"{document['governance']['intended_use']}\n\nAnswers hold for rows that satisfy version "
        f"{document['lineage']['contract']['version']} of the data contract; the service refuses others.",
        "## Data",
        _data(document),
        "## Performance",
        _metrics(document["performance"]),
        *_groups(document["performance"]["slices"]),
        "## Gate",
        _gate(document["governance"]["gate"]),
        "## Limits",
        _limits(document),
        "## Provenance",
        _provenance(document),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _data(document: Document) -> str:
    identity, data = document["identity"], document["lineage"]["data"]
    features = ", ".join(code(name) for name in identity["features"])
    return (
        f"{data['rows']:,} rows from {', '.join(cell(path) for path in data['paths'])} "
        f"(sha256 {digest(data['sha256'])}…), of which {document['performance']['rows']:,} were held out.\n\n"
        f"Target: {code(identity['target'])}. Features: {features}."
    )


def _metrics(performance: Document) -> str:
    share = f"{performance['confidence']:.0%} interval"
    rows = (
        (name, number(found["value"]), interval(found), MEANING.get(name, found.get("reason", "")))
        for name, found in performance["metrics"].items()
    )
    champion = performance["champion"]
    compared = {
        "none": "There was no champion to compare with.",
        "compared": f"Compared with champion {champion['version']} on the same rows.",
        "incomparable": f"Champion {champion['version']} could not be asked for the same rows.",
    }
    latency = ", ".join(f"{name} {number(value)} ms" for name, value in performance["latency_ms"].items())
    held = table(("Metric", "Value", share, "Meaning"), rows, right=(1, 2))
    said = f"One row at a time: {latency}. {compared[champion['status']]}"
    return f"On {performance['rows']:,} held-out rows:\n\n{held}\n{said}"


def _gate(checks: list[Document]) -> str:
    return table(("Check", "Seen", "Wanted"), ((check["name"], check["seen"], check["wanted"]) for check in checks))


def _groups(slices: list[Document]) -> list[str]:
    if not slices:
        return []
    names = list(slices[0]["metrics"])[:3]
    rows = (
        [group["column"], "missing" if group["value"] is None else group["value"], f"{group['rows']:,}"]
        + [number(group["metrics"].get(name, {}).get("value")) for name in names]
        for group in slices
    )
    return ["### Groups", table(("Column", "Value", "Rows", *names), rows, right=range(2, 3 + len(names)))]


def _limits(document: Document) -> str:
    performance, git = document["performance"], document["lineage"]["git"]
    unknown = {name: found["reason"] for name, found in performance["metrics"].items() if found.get("reason")}
    unseen = [group for group in performance["slices"] if not group["rows"]]
    limits = [
        "Associations in past data, not causes; what changes the population changes the answers.",
        f"Judged on {performance['rows']:,} rows of the same source: other sources were not tried.",
        *(f"{name} is uncertain: {reason}." for name, reason in unknown.items()),
        *(f"No row with {cell(group['column'])} = {cell(group['value'])} was seen." for group in unseen),
        *(["Trained from files that differ from the commit."] if git["dirty"] else []),
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _provenance(document: Document) -> str:
    identity, lineage, environment = document["identity"], document["lineage"], document["environment"]
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    steps = document["governance"]["history"]
    rows = [
        ("Model", f"{size(identity['bytes'])}, sha256 {identity['sha256']}"),
        ("Run", identity["run_id"]),
        ("Commit", lineage["git"]["commit"] or "none"),
        ("Data", f"sha256 {lineage['data']['sha256']}"),
        ("Contract", f"{lineage['contract']['version']}, sha256 {lineage['contract']['digest']}"),
        ("Configuration", f"sha256 {document['training']['config_sha256']}, seed {document['training']['seed']}"),
        ("Environment", f"Python {environment['python']}, {packages}"),
        *([("Served as", _serving(document["serving"]))] if "serving" in document else []),
        *((f"{step['before']} → {step['after']}", f"{step['at']} by {step['by']}: {step['why']}") for step in steps),
    ]
    return table(("What", "Value"), rows)


def _serving(serving: Document) -> str:
    return f"{serving['runtime']}: {serving['reason']}"
