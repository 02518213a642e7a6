"""Where the trees of a fitted pipeline split the contract's numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from ..learning import features

Splits = tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]


def thresholds(pipeline: Pipeline) -> dict[str, npt.NDArray[np.float64]]:
    """Return the distinct finite thresholds of each numeric column in ascending order; nothing for other models."""
    trees = list(_splits(pipeline["model"]))
    if not trees:
        return {}
    places, values = (np.concatenate(parts) for parts in zip(*trees, strict=True))
    found = {}
    for name, place in _unscaled(pipeline["features"]).items():
        mine = values[places == place]
        found[name] = np.unique(mine[np.isfinite(mine)])
    return found


def _unscaled(encoder: ColumnTransformer) -> dict[str, int]:
    """Return the matrix column of each number that reaches the estimator as it stands in the table."""
    places = features.output_columns(encoder)
    return {
        name: places[name][0]
        for block, transformer, names in encoder.transformers_
        if block == "numeric" and (isinstance(transformer, SimpleImputer) or not hasattr(transformer, "steps"))
        for name in names
    }


def _splits(estimator: BaseEstimator) -> Iterator[Splits]:
    """Yield matrix columns and thresholds of the inner nodes of each tree."""
    for tree in np.ravel(getattr(estimator, "estimators_", [])):
        inner = tree.tree_.children_left >= 0
        yield tree.tree_.feature[inner].astype(np.intp), tree.tree_.threshold[inner]
    for trees in getattr(estimator, "_predictors", []):
        for tree in trees:
            inner = tree.nodes["is_leaf"] == 0
            yield tree.nodes["feature_idx"][inner].astype(np.intp), tree.nodes["num_threshold"][inner]
