"""Judge a fitted pipeline on rows it has not seen: values with intervals, groups, latency, the champion beside it."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from ..config import Config
from ..contracts.contract import Contract
from ..errors import DataError
from ..learning import outcomes
from ..learning.metrics import Floats, Outcome
from . import bootstrap, comparison, importance, notices, slices
from .bootstrap import Estimate, Sample
from .comparison import Champion, Comparison
from .slices import Group, Slice

LATENCY_ROWS = 10
LATENCY_CALLS = 3
MIN_ROWS = 10


@dataclass(frozen=True)
class Curves:
    """What the plots draw.

    `y` are values, or positions in `classes` (with two classes, 1 is the positive one). `predicted` and `champion`
    are values (rows) or probabilities (rows by classes). `importances` maps features to the skill lost without them.
    """

    problem: Literal["binary", "multiclass", "regression"]
    classes: tuple[Any, ...]
    y: npt.NDArray[Any]
    predicted: Floats
    champion: Floats | None
    importances: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """All that is known about a model after it met the hold-out rows."""

    contract: Contract
    rows: int
    sha256: str
    confidence: float
    metrics: Mapping[str, Estimate]
    slices: tuple[Slice, ...]
    latency_ms: Mapping[str, float]
    champion: Comparison
    curves: Curves
    notices: tuple[str, ...]

    def document(self, *, run_id: str, model_bytes: int) -> dict[str, Any]:
        """Return the report `metrics/1`."""
        return {
            "format": "metrics/1",
            "run_id": run_id,
            "problem": self.contract.problem,
            "contract": {"version": self.contract.version, "digest": self.contract.digest},
            "holdout": {"rows": self.rows, "sha256": self.sha256},
            "confidence": self.confidence,
            "metrics": bootstrap.documents(self.metrics),
            "slices": [group.document() for group in self.slices],
            "latency_ms": dict(self.latency_ms),
            "model_bytes": model_bytes,
            "champion": self.champion.document(),
            "notices": list(self.notices),
        }


def evaluate(
    pipeline: Pipeline,
    holdout: pd.DataFrame,
    contract: Contract,
    config: Config,
    *,
    naive: Floats | float,
    champion: Champion | None = None,
) -> Evaluation:
    """Return how `pipeline` does on the `holdout` rows, where `naive` is `outcomes.naive` of the training rows.

    Both models, and each group of the slice columns, are scored on the same bootstrap resamples.
    Raises DataError when the rows cannot be scored.
    """
    if len(holdout) < MIN_ROWS:
        raise DataError(
            f"the hold-out part has {len(holdout)} rows, wanted at least {MIN_ROWS}; add rows, or raise split.holdout"
        )
    with threadpool_limits(1):  # sums over several threads round differently from machine to machine
        predicted = outcomes.predict(pipeline, holdout, contract)
        rival, reason = comparison.predictions(champion, holdout, contract)
        importances = importance.importances(pipeline, holdout, contract, naive=naive, seed=config.seed)
        latency = latency_ms(pipeline, holdout)
        truth = outcomes.truth(holdout, contract)
        outcome = outcomes.outcome(truth, predicted, naive)
        theirs = None if rival is None else outcomes.outcome(truth, rival, naive)
        groups = list(slices.groups(holdout, contract))
        scores = bootstrap.draw(_samples(outcome, theirs, groups), len(holdout), config.evaluation, config.seed)
    level = config.evaluation.confidence
    compared = comparison.compare(champion, reason, scores["model"], scores.get("champion"), level)
    return Evaluation(
        contract=contract,
        rows=len(holdout),
        sha256=digest(holdout),
        confidence=level,
        metrics=scores["model"].estimates(level),
        slices=tuple(group.judged(scores.get(group.key), level) for group in groups),
        latency_ms=latency,
        champion=compared,
        curves=Curves(contract.problem, outcomes.labels(contract), truth, predicted, rival, importances),
        notices=(*notices.few_rows(holdout, contract), *([compared.notice] if compared.notice else [])),
    )


def latency_ms(pipeline: Pipeline, frame: pd.DataFrame) -> dict[str, float]:
    """Return the median and the slowest of LATENCY_ROWS rows of what a prediction of one row takes, in ms.

    That is processor time, of each row's quickest call: what else the machine does makes a call wait, and makes it
    slower but never quicker, and a gate must judge the model, not the neighbours of its runner. On an idle machine
    it is the time on the clock, because the model answers on one thread.
    """
    inputs = frame[list(pipeline.feature_names_in_)]
    rows = [inputs.iloc[[number % len(inputs)]] for number in range(LATENCY_ROWS)]
    predict = getattr(pipeline, "predict_proba", pipeline.predict)
    times = np.full((LATENCY_CALLS, LATENCY_ROWS), np.inf)
    # Rows inside, calls outside: a busy moment slows different rows, not all calls of one.
    for call in range(LATENCY_CALLS):
        for number, row in enumerate(rows):
            start = time.process_time()
            predict(row)
            times[call, number] = 1000.0 * (time.process_time() - start)
    quickest = times.min(axis=0)
    return {"median": float(np.median(quickest)), "slowest": float(quickest.max())}


def digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of the cells in `frame`, in order."""
    return sha256(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()).hexdigest()


def _samples(outcome: Outcome, theirs: Outcome | None, groups: Sequence[Group]) -> dict[Hashable, Sample]:
    samples: dict[Hashable, Sample] = {"model": Sample(outcome)}
    if theirs is not None:
        samples["champion"] = Sample(theirs)
    return samples | {group.key: Sample(slices.take(outcome, group.at), group.at) for group in groups if len(group.at)}
