"""The estimators that the config can name, with defaults that suit a table of any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge

from ..errors import ConfigError, did_you_mean, each_fault
from .features import Numbers

# Leaves of five rows keep a forest's probabilities off 0 and 1, and its file within the size gate.
FOREST = {"min_samples_leaf": 5}
CLASSIFIERS: Mapping[str, tuple[type[BaseEstimator], Mapping[str, Any]]] = {
    "linear": (LogisticRegression, {"max_iter": 1000}),
    "random_forest": (RandomForestClassifier, FOREST),
    "gradient_boosting": (GradientBoostingClassifier, {}),
    "hist_gradient_boosting": (HistGradientBoostingClassifier, {}),
    "baseline": (DummyClassifier, {"strategy": "prior"}),
}
REGRESSORS: Mapping[str, tuple[type[BaseEstimator], Mapping[str, Any]]] = {
    "linear": (Ridge, {}),
    "random_forest": (RandomForestRegressor, FOREST),
    "gradient_boosting": (GradientBoostingRegressor, {}),
    "hist_gradient_boosting": (HistGradientBoostingRegressor, {}),
    "baseline": (DummyRegressor, {"strategy": "mean"}),
}
NUMBERS: Mapping[str, Numbers] = {
    "linear": "scaled",
    "random_forest": "imputed",
    "gradient_boosting": "imputed",
    "hist_gradient_boosting": "as_is",
    "baseline": "imputed",
}
PARALLEL = frozenset({"random_forest"})


def make(name: str, *, regression: bool, parameters: Mapping[str, Any], seed: int) -> BaseEstimator:
    """Return the unfitted estimator called `name`.

    Raises ConfigError naming every parameter that it does not have.
    """
    kind, defaults = (REGRESSORS if regression else CLASSIFIERS)[name]
    known = kind().get_params()
    unknown = [key for key in parameters if key not in known]
    if unknown:
        faults = [f"{key!r} is not a parameter of {kind.__name__}{did_you_mean(key, known)}" for key in unknown]
        raise ConfigError(each_fault("training.parameters", faults))
    seeded = {"random_state": seed} if "random_state" in known else {}
    return kind(**{**defaults, **seeded, **parameters})
