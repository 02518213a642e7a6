"""Decide whether the model may be registered."""

from __future__ import annotations

from typing import Any

from ..errors import PipelineError
from ..judging.gates import decide, refusal
from .workspace import Workspace


def demand_gates(work: Workspace) -> None:
    """Raise what is wrong with the gates before a model is trained for them; `gate.json` says so as well."""
    try:
        _ = work.gates
    except PipelineError as error:
        work.write("gate.json", refusal(str(error)).document(run_id=None))
        raise


def gate(work: Workspace) -> dict[str, Any]:
    """Write `gate.json` in every case and return its document.

    Evidence that is missing or unreadable is written down as a refusal before the error goes on to the caller.
    """
    work.forget_from("gate.json")
    try:
        metrics = work.read("metrics.json", expect="metrics/1")
        decision = decide(metrics, work.gates)
    except PipelineError as error:
        work.write("gate.json", refusal(str(error)).document(run_id=None))
        raise
    document = decision.document(run_id=metrics.get("run_id"))
    work.write("gate.json", document)
    return document
