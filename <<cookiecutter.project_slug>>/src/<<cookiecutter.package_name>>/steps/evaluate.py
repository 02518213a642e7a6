"""Judge the trained model on the hold-out rows, beside the champion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..judging import evaluation, notices
from ..judging.comparison import Champion
from ..learning import models, outcomes
from ..reporting import plots
from ..store import registry, runs, versions
from .workspace import Workspace


def evaluate(work: Workspace) -> dict[str, Any]:
    """Write `metrics.json` and `plots/`, add both to the run, and return the document of `metrics.json`."""
    work.forget_from("metrics.json")
    run = work.read("run.json", expect="run/1")
    work = work.of_run(run)
    work.demand_unchanged(run)
    pipeline = models.load(work.model, digest=run["model"]["sha256"])
    rows, holdout = work.parts
    result = evaluation.evaluate(
        pipeline,
        holdout,
        work.contract,
        work.config,
        naive=outcomes.naive(rows, work.contract),
        champion=_champion(work, run, holdout),
    )
    metrics = result.document(run_id=run["run_id"], model_bytes=run["model"]["bytes"])
    plots.draw(result, work.artifacts / "plots")
    work.write("metrics.json", metrics)
    runs.log_evaluation(work.store, run, metrics, [work.artifacts / "metrics.json", work.artifacts / "plots"])
    return metrics


def _champion(work: Workspace, run: Mapping[str, Any], holdout: pd.DataFrame) -> Champion | None:
    """Return the champion, which `run` is compared with; None only when the registry answers that there is none."""
    found = registry.champion(work.store, work.artifacts / "champion")
    if found is None:
        return None
    doubts = (
        notices.seen_rows(found.version.split, versions.split(run, work.contract)),
        notices.strange_values(holdout, found.contract),
    )
    notice = "; ".join(filter(None, doubts))
    return Champion(found.version.version, found.contract.version, found.pipeline, notice=notice)
