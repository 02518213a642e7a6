"""What contract and config say about one fit: how rows are encoded, what is learned, and over which folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

from ..config import Config
from ..contracts.contract import Contract
from ..errors import ConfigError, DataError
from . import estimators, features, outcomes
from .metrics import Codes, Floats

Fold = tuple[Codes, Codes]
Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Recipe:
    """The parts of a training that do not depend on the parameters tried."""

    contract: Contract
    config: Config

    @property
    def regression(self) -> bool:
        """Whether numbers are predicted instead of classes."""
        return self.contract.problem == "regression"

    def encoder(self, frame: pd.DataFrame) -> ColumnTransformer:
        """Return the unfitted transformer of the features for the training rows in `frame`."""
        return features.build(self.contract, frame, estimators.NUMBERS[self.config.training.estimator])

    def inputs(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that the model sees."""
        return frame[list(self.contract.features)]

    def answers(self, frame: pd.DataFrame) -> Labels | Floats:
        """Return what the model answers with: numbers, or classes as the contract's labels."""
        if self.regression:
            return outcomes.numbers(frame, self.contract)
        return np.array(outcomes.labels(self.contract))[outcomes.codes(frame, self.contract)]

    def estimator(self, parameters: Mapping[str, Any]) -> BaseEstimator:
        """Return the unfitted estimator; ConfigError for parameters that it does not have."""
        name, seed = self.config.training.estimator, self.config.seed
        return estimators.make(name, regression=self.regression, parameters=parameters, seed=seed)

    def fit(self, encoded: Floats, target: Codes | Floats | Labels, parameters: Mapping[str, Any]) -> BaseEstimator:
        """Return the estimator fitted to encoded rows; ConfigError when it refuses the parameters' values."""
        estimator, name = self.estimator(parameters), self.config.training.estimator
        threads = name in estimators.PARALLEL and estimator.get_params()["n_jobs"] is None
        try:
            # Trees are grown side by side, each from a seed of its own. Their votes are added up on one thread:
            # in the order of a race the sums would differ in the last bit.
            estimator.set_params(**({"n_jobs": -1} if threads else {})).fit(encoded, target)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{name} cannot be fitted: {error}; look at [training.parameters]") from error
        return estimator.set_params(**({"n_jobs": None} if threads else {}))

    def folds(self, frame: pd.DataFrame) -> Iterator[Fold]:
        """Yield positions of the rows to learn from and to ask, once per fold; nothing when folds are off.

        Raises DataError when a fold leaves nothing to learn a class from.
        """
        count, seed = self.config.training.folds, self.config.seed
        if not count:
            return
        if self.config.split.method == "time":
            yield from self._folds_in_time(frame, count)
        elif self.contract.ids and frame.duplicated(list(self.contract.ids)).any():
            yield from self._folds_of_ids(frame, count)
        elif self.regression:
            yield from KFold(count, shuffle=True, random_state=seed).split(frame)
        else:
            classes = outcomes.codes(frame, self.contract)
            yield from StratifiedKFold(count, shuffle=True, random_state=seed).split(frame, classes)

    def _folds_of_ids(self, frame: pd.DataFrame, count: int) -> Iterator[Fold]:
        """Yield folds that keep the rows of one id together, as the split into training and hold-out does."""
        ids, seed = frame.groupby(list(self.contract.ids), sort=False, dropna=False).ngroup(), self.config.seed
        if ids.nunique() < count:
            raise DataError(
                f"the training rows share {ids.nunique()} ids, wanted at least {count} (one per fold); "
                "lower training.folds, 0 turns cross-validation off"
            )
        if self.regression:
            yield from GroupKFold(count, shuffle=True, random_state=seed).split(frame, groups=ids)
            return
        classes = outcomes.codes(frame, self.contract)
        for known, asked in StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(frame, classes, ids):
            self._demand_classes(classes[known], f"the {len(known)} training rows beside the ids of a fold")
            yield known, asked

    def _demand_classes(self, codes: Codes, where: str) -> None:
        if len(np.unique(codes)) < len(self.contract.classes):
            raise DataError(
                f"target {self.contract.target.name!r}: {where} lack a class; "
                "lower training.folds, 0 turns cross-validation off"
            )

    def _folds_in_time(self, frame: pd.DataFrame, count: int) -> Iterator[Fold]:
        """Yield growing pasts with the block of rows that follows each, as the hold-out follows the training rows."""
        if self.contract.timestamp is None:
            raise ConfigError("split.method is 'time', wanted 'random': the contract has no column with role timestamp")
        order = frame[self.contract.timestamp.name].argsort(kind="stable").to_numpy()
        for past, future in TimeSeriesSplit(count).split(order):
            if not self.regression:
                codes = outcomes.codes(frame.iloc[order[past]], self.contract)
                self._demand_classes(codes, f"the oldest {len(past)} training rows")
            yield order[past], order[future]
