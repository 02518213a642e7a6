"""Permutation importance at the cost of one encoding: shuffling a column commutes with encoding it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ..contracts.contract import Contract
from ..learning import features, metrics, outcomes
from ..learning.metrics import Floats

ROWS = 1000
REPEATS = 3
MANY = 30  # features; beyond, one shuffle of each has to do


def importances(
    pipeline: Pipeline, frame: pd.DataFrame, contract: Contract, *, naive: Floats | float, seed: int
) -> dict[str, float]:
    """Return how much `skill` is lost when each feature is shuffled, over at most ROWS rows of `frame`.

    Features that the model does not use are left out, and where skill is undefined the loss is 0. `pipeline` is one
    that `training.fit` made.
    """
    rng = np.random.default_rng(seed)
    frame = frame.iloc[rng.permutation(len(frame))[:ROWS]]
    encoder = pipeline.named_steps["features"]
    encoded = encoder.transform(frame[list(encoder.feature_names_in_)])
    truth = outcomes.truth(frame, contract)
    repeats = REPEATS if len(contract.features) <= MANY else 1

    def skill(rows: Floats) -> float:
        predicted = outcomes.predict_encoded(pipeline[-1], rows, contract)
        return metrics.values(outcomes.outcome(truth, predicted, naive))["skill"]

    whole = skill(encoded)
    lost: dict[str, float] = {}
    for name, columns in features.output_columns(encoder).items():
        left = [skill(_shuffled(encoded, columns, rng)) for _ in range(repeats)]
        lost[name] = float(np.nan_to_num(whole - np.mean(left)))
    return lost


def _shuffled(encoded: Floats, columns: list[int], rng: np.random.Generator) -> Floats:
    copy = encoded.copy()
    copy[:, columns] = encoded[rng.permutation(len(encoded))][:, columns]
    return copy
