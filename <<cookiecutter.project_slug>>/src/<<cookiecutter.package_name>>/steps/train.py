"""Fit the model that contract and config describe, and record it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .. import provenance
from ..dataset import splitting
from ..judging.notices import few_rows
from ..learning import models, outcomes, training
from ..learning.profile import profile
from ..store import runs
from .workspace import Workspace

EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class Trained:
    """The document of `run.json`, and what its reader should know besides."""

    run: dict[str, Any]
    notices: tuple[str, ...]


def train(work: Workspace, *, progress: training.Progress = training.quiet) -> Trained:
    """Write `model/`, `reference-profile.json` and `run.json`, and log the run to the tracking store."""
    started = time.time()
    store = work.store  # a store that does not answer is found out before time goes into a model
    rows, holdout = work.parts
    work.forget_from("run.json")  # not before there is a table to learn from: a slip must not cost the last model
    fitted = training.fit(rows, work.contract, work.config, progress=progress)
    example = rows.head(EXAMPLE_ROWS)
    saved = models.save(fitted.pipeline, work.contract, work.model, example, contract_folder=work.contract_folder)
    predicted = outcomes.predict(fitted.pipeline, rows, work.contract)
    work.write("reference-profile.json", profile(rows, work.contract, predicted))
    shutil.copyfile(work.artifacts / "reference-profile.json", work.model / "reference-profile.json")
    run = _run(work, fitted, saved)
    run["notices"] += few_rows(holdout, work.contract)
    logged = runs.log_run(store, run, work.model, started=started)
    run |= {"run_id": logged.run_id, "model_id": logged.model_id}
    work.write("run.json", run)
    return Trained(run, tuple(run["notices"]))


def _run(work: Workspace, fitted: training.Fitted, saved: models.ModelFile) -> dict[str, Any]:
    """Return the document `run/1`, still without the ids that the store gives."""
    rows, holdout = work.parts
    return {
        "format": "run/1",
        "experiment": work.config.tracking.experiment,
        "problem": work.contract.problem,
        "estimator": work.config.training.estimator,
        "parameters": dict(fitted.parameters),
        "cv": {name: dict(values) for name, values in fitted.cv.items()},
        "trials": [vars(trial) for trial in fitted.trials],
        "notices": list(fitted.notices),
        "seed": work.config.seed,
        "data": {
            "paths": [str(path) for path in work.paths],
            "sha256": work.digest,
            "rows": len(rows) + len(holdout),
        },
        "split": {
            "train_rows": len(rows),
            "holdout_rows": len(holdout),
            **vars(work.config.split),
            **splitting.limits(rows, holdout, work.contract, work.config.split),
        },
        "contract": {"version": work.contract.version, "digest": work.contract.digest},
        "config": {"sha256": work.config.sha256},
        "git": provenance.git_state(),
        "model": {"path": str(work.model), "sha256": saved.sha256, "bytes": saved.bytes},
        "environment": provenance.environment(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
