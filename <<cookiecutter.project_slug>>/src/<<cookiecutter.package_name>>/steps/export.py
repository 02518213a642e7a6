"""Make of the registered model what an image is built from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sklearn.pipeline import Pipeline

from .. import files
from ..errors import EvidenceError
from ..exporting import serving_folder
from ..exporting.golden import golden
from ..exporting.interface import describe
from ..exporting.serving_folder import ServedModel
from ..exporting.verdict import NoParityError, Parity
from ..learning import models
from ..store import metadata
from .workspace import Workspace

Wanted = Literal["auto", "onnx", "skops"]


def export(work: Workspace, *, runtime: Wanted = "auto") -> ServedModel:
    """Write `serving/`, note in `metadata.json` and `MODEL_CARD.md` which model it holds, and return that.

    It is an ONNX model when one is proven to answer like the trained pipeline, else the pipeline itself; `runtime`
    settles which. Raises NoParityError when ONNX was asked for and cannot be proven, EvidenceError when the
    artifacts are not of one registered run.
    """
    run = work.read("run.json", expect="run/1")
    about = work.read("metadata.json", expect="metadata/1")
    _demand_registered(work, run, about)
    work = work.of_run(run)
    work.demand_unchanged(run)
    pipeline = models.load(work.model, digest=run["model"]["sha256"])
    model = _pipeline_itself(work, "asked for") if runtime == "skops" else _converted(work, pipeline, runtime)
    about = metadata.served(about, model.summary, schema=work.contract_folder / metadata.SCHEMA)
    answers = golden(pipeline, work.contract, work.parts[1])
    serving_folder.write(work.artifacts / "serving", work.model, model, work.contract, answers, about)
    files.write_text(work.artifacts / "MODEL_CARD.md", metadata.model_card(about))
    work.write("metadata.json", about)
    return model


def _demand_registered(work: Workspace, run: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    described, trained = about["identity"], run["model"]
    if (described["run_id"], described["sha256"]) != (run["run_id"], trained["sha256"]):
        raise EvidenceError(
            f"{work.artifacts / 'metadata.json'}: describes run {described['run_id']}, wanted {run['run_id']} of "
            "run.json; run make pipeline again"
        )


def _converted(work: Workspace, pipeline: Pipeline, runtime: Wanted) -> ServedModel:
    # Imported here: the converters cost more than the rest, and the pipeline itself needs none of them.
    from ..exporting.choice import proven  # noqa: PLC0415

    try:
        found = proven(pipeline, work.contract, work.parts[1])
    except NoParityError as error:
        if runtime == "onnx":
            raise
        return _pipeline_itself(work, f"no conversion to ONNX is proven: {error.reason}", error.parity)
    made = found.converted
    return ServedModel("onnx", str(found.parity), made.content, made.columns, made.output, found.parity)


def _pipeline_itself(work: Workspace, reason: str, parity: Parity | None = None) -> ServedModel:
    content = (work.model / models.FILE).read_bytes()
    return ServedModel("skops", reason, content, describe(work.contract), {"labels": None, "scores": None}, parity)
