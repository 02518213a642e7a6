"""Rows with the answers of the trained pipeline, which whatever is deployed must give too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ..contracts.contract import Contract
from ..learning import outcomes
from .rows import json_rows
from .scale import scales
from .verdict import TOLERANCE

ROWS = 32


def golden(pipeline: Pipeline, contract: Contract, holdout: pd.DataFrame) -> dict[str, Any]:
    """Return the document `golden/1` of rows spread over `holdout`.

    Probabilities are in the order of `classes`; `tolerance` is an absolute difference of them, or of predicted values.
    """
    asked = holdout.iloc[np.unique(np.linspace(0, len(holdout) - 1, ROWS).astype(int))]
    answered = outcomes.predict(pipeline, asked, contract)
    classes = list(outcomes.labels(contract))
    values = contract.problem == "regression"
    return {
        "format": "golden/1",
        "rows": json_rows(asked, contract),
        "classes": classes,
        "predictions": answered.tolist() if values else [classes[code] for code in answered.argmax(axis=1)],
        "probabilities": None if values else answered.tolist(),
        "tolerance": TOLERANCE * (float(np.max(scales(answered, holdout, contract))) if values else 1.0),
    }
