"""Exported models for the tests of the service, made by the code that `make export` runs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from <<cookiecutter.package_name>> import files
from <<cookiecutter.package_name>>.exporting import serving_folder
from <<cookiecutter.package_name>>.exporting.choice import proven
from <<cookiecutter.package_name>>.exporting.golden import golden
from <<cookiecutter.package_name>>.exporting.interface import describe
from <<cookiecutter.package_name>>.exporting.serving_folder import ServedModel
from <<cookiecutter.package_name>>.learning import models, outcomes
from <<cookiecutter.package_name>>.learning.profile import profile
from <<cookiecutter.package_name>>.store import metadata
from <<cookiecutter.package_name>>.store.registry import Version

from tests.documents import gate_document, metrics_document, run_document
from tests.example import ROOT, TRAIN_ROWS, fitted, make_contract, make_frame

SCHEMA = ROOT / "contract" / metadata.SCHEMA
NAME, VERSION = "example", "1.2.0"


def export(root: Path, kind: str, runtime: str) -> Path:
    """Return the folder below `root` that serves the example's model of `kind` by `runtime`."""
    contract, trained = make_contract(kind), root / kind / "model"
    if not trained.exists():
        _train(trained, kind)
    model = _converted(kind) if runtime == "onnx" else _itself(trained, kind)
    about = metadata.served(_metadata(kind), model.summary, schema=SCHEMA)
    answers = golden(fitted(kind).pipeline, contract, make_frame(kind)[TRAIN_ROWS:])
    folder = root / kind / runtime
    serving_folder.write(folder, trained, model, contract, answers, about)
    return folder


def _train(folder: Path, kind: str) -> None:
    contract, rows = make_contract(kind), make_frame(kind)[:TRAIN_ROWS]
    described = folder.parent / "contract"
    described.mkdir(parents=True)
    (described / "data.schema.json").write_text(json.dumps(contract.schema), encoding="utf-8")
    (described / "dataset.toml").write_text("", encoding="utf-8")
    models.save(fitted(kind).pipeline, contract, folder, rows[:3], contract_folder=described)
    predicted = outcomes.predict(fitted(kind).pipeline, rows, contract)
    files.write_json(folder / "reference-profile.json", profile(rows, contract, predicted))


@cache
def _converted(kind: str) -> ServedModel:
    found = proven(fitted(kind).pipeline, make_contract(kind), make_frame(kind)[TRAIN_ROWS:])
    made = found.converted
    return ServedModel("onnx", str(found.parity), made.content, made.columns, made.output, found.parity)


def _itself(trained: Path, kind: str) -> ServedModel:
    content = (trained / models.FILE).read_bytes()
    return ServedModel(
        "skops", "asked for", content, describe(make_contract(kind)), {"labels": None, "scores": None}, None
    )


def _metadata(kind: str) -> dict[str, Any]:
    version = Version(NAME, 3, VERSION, "r1", ("challenger",), {})
    documents = (run_document(kind), metrics_document(kind), gate_document())
    return metadata.build(*documents, version, make_contract(kind), schema=SCHEMA)
