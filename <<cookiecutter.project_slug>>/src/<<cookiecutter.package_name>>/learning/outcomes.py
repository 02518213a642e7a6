"""From the target column and a fitted pipeline to what the metrics compare."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ..contracts.contract import Contract
from ..errors import DataError, PipelineError
from .metrics import Classes, Codes, Floats, Numbers, Outcome


def labels(contract: Contract) -> tuple[Any, ...]:
    """Return the classes in the order of their codes: as in the contract, but a binary target's positive one last."""
    if contract.problem != "binary":
        return contract.classes
    return tuple(sorted(contract.classes, key=lambda label: bool(label == contract.positive)))


def codes(frame: pd.DataFrame, contract: Contract) -> Codes:
    """Return the target of a classification as positions in `labels(contract)`.

    Raises DataError when cells are missing or hold something else than the contract's classes.
    """
    known = {label: code for code, label in enumerate(labels(contract))}
    column = frame[contract.target.name]
    found = column.map(known, na_action="ignore")
    if found.isna().any():
        unknown = column[found.isna()]
        seen = ", ".join(repr(value) for value in unknown.dropna().unique()[:3]) or "missing"
        wanted = ", ".join(repr(label) for label in known)
        raise DataError(
            f"target {contract.target.name!r}: {len(unknown)} rows are {seen}, wanted one of {wanted}; "
            "validate the data first, rows without a known answer cannot be learned from"
        )
    return found.to_numpy(dtype=np.intp)


def numbers(frame: pd.DataFrame, contract: Contract) -> Floats:
    """Return the target of a regression; DataError when cells are missing or infinite."""
    column = pd.to_numeric(frame[contract.target.name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    unusable = int((~np.isfinite(column)).sum())
    if unusable:
        raise DataError(
            f"target {contract.target.name!r}: {unusable} rows hold no finite number; "
            "validate the data first, rows without an answer cannot be learned from"
        )
    return column


def naive(frame: pd.DataFrame, contract: Contract) -> Floats | float:
    """Return what a model without features predicts from the rows of `frame`: the classes' shares, or the mean."""
    if contract.problem == "regression":
        return float(numbers(frame, contract).mean())
    counts = np.bincount(codes(frame, contract), minlength=len(labels(contract)))
    return np.asarray(counts / counts.sum())


def predict(pipeline: Pipeline, frame: pd.DataFrame, contract: Contract) -> Floats:
    """Return predicted values (rows), or probabilities (rows by classes) in the order of `labels(contract)`.

    Raises PipelineError when the model wants other columns or knows other classes than the contract.
    """
    # A champion may have learned from columns that the contract describes otherwise today.
    wanted = list(getattr(pipeline, "feature_names_in_", contract.features))
    if absent := [name for name in wanted if name not in frame]:
        raise PipelineError(f"the model needs columns that the data has not: {', '.join(map(repr, absent))}")
    return predict_encoded(pipeline, frame[wanted], contract)


def predict_encoded(model: BaseEstimator, inputs: pd.DataFrame | Floats, contract: Contract) -> Floats:
    """Return what `predict` does, for whatever the inputs of `model` are."""
    if contract.problem == "regression":
        return np.asarray(model.predict(inputs), dtype=np.float64)
    known = list(model.classes_)
    if set(known) != set(labels(contract)):
        raise PipelineError(f"the model knows the classes {known}, the contract has {list(labels(contract))}")
    order = [known.index(label) for label in labels(contract)]
    return np.asarray(model.predict_proba(inputs)[:, order], dtype=np.float64)


def truth(frame: pd.DataFrame, contract: Contract) -> Codes | Floats:
    """Return the target as the metrics want it: numbers, or classes as codes."""
    return numbers(frame, contract) if contract.problem == "regression" else codes(frame, contract)


def outcome(seen: Codes | Floats, predicted: Floats, expected: Floats | float) -> Outcome:
    """Pair the `truth` that was seen with what a model `predicted` and the naive model `expected`."""
    if isinstance(expected, float):
        return Numbers(seen.astype(np.float64, copy=False), predicted, expected)
    return Classes(seen.astype(np.intp, copy=False), predicted, expected)
