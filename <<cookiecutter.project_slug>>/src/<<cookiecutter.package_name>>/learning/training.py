"""Fit the one pipeline that also serves: cross-validated, optionally searched, the same bits on every run."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from ..config import Config
from ..contracts.contract import Contract
from ..contracts.keywords import LARGEST_SQUARED
from ..errors import DataError
from . import metrics, outcomes
from .recipe import Recipe
from .search import draw

MIN_ROWS = 20
Parameters = Mapping[str, Any]
Scores = Mapping[str, float]
T = TypeVar("T")


class Progress(Protocol):
    """What wraps a loop to show how far it is; tqdm's constructor is one."""

    def __call__(self, items: Iterable[T], /, *, total: int, desc: str) -> Iterable[T]:
        """Return `items`, of which there are `total`, showing `desc`."""
        ...


@dataclass(frozen=True)
class Trial:
    """One combination of the search, with the mean and spread of `skill` over the folds."""

    parameters: Parameters
    mean: float
    std: float


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline and how it came about.

    `parameters` are all of the estimator's, `cv` maps each metric to its mean and std over the folds (empty when
    cross-validation is off), and `notices` tell what the reader of a run should know, such as missed convergence.
    """

    pipeline: Pipeline
    parameters: Parameters
    cv: Mapping[str, Mapping[str, float]]
    trials: tuple[Trial, ...]
    notices: tuple[str, ...]


def quiet(items: Iterable[T], /, *, total: int, desc: str) -> Iterable[T]:
    """Show no progress."""
    return items


def fit(frame: pd.DataFrame, contract: Contract, config: Config, *, progress: Progress = quiet) -> Fitted:
    """Fit the configured estimator to the training rows in `frame`.

    Linear algebra runs on one thread, because sums over several round differently from machine to machine.
    Raises ConfigError for parameters that the estimator refuses, DataError for rows that cannot carry the training.
    """
    recipe = Recipe(contract, config)
    drawn = draw(config.training.search, config.seed)
    candidates = [{**config.training.parameters, **parameters} for parameters in drawn or [{}]]
    for parameters in candidates:
        recipe.estimator(parameters)  # an unknown name is refused before the first fit
    check_rows(frame, contract, config.training.folds)
    with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = _cross_validate(recipe, frame, candidates, progress)
        trials = tuple(_trial(*pair) for pair in zip(drawn, scores, strict=False))
        best = max(range(len(trials)), key=lambda number: trials[number].mean, default=0)
        pipeline = _pipeline(recipe, frame, candidates[best])
    return Fitted(pipeline, _parameters(pipeline), _summary(scores[best]), trials, _notices(caught))


def check_rows(frame: pd.DataFrame, contract: Contract, folds: int) -> None:
    """Raise DataError unless `frame` has the rows, answers and classes that training with `folds` folds takes."""
    if not contract.features:
        raise DataError("the contract has no column with role feature, so that there is nothing to learn from")
    if len(frame) < (least := max(MIN_ROWS, 2 * folds)):
        fewer_folds = " or training.folds" if least > MIN_ROWS else ""
        raise DataError(
            f"the training part has {len(frame)} rows, wanted at least {least}; "
            f"add rows, or lower split.holdout{fewer_folds}"
        )
    if frame[list(contract.features)].isna().all(axis=None):
        raise DataError("every feature of every training row is missing, so that there is nothing to learn from")
    for name in contract.numeric_features:
        if infinite := int(np.isinf(frame[name]).sum()):
            raise DataError(f"column {name!r}: {infinite} rows are infinite; run scripts/validate_data.py")
        if large := int((frame[name].abs() > LARGEST_SQUARED).sum()):
            raise DataError(
                f"column {name!r}: {large} rows are farther than {LARGEST_SQUARED:g} from zero, and models square "
                "them; mend these cells or take a larger unit"
            )
    if contract.problem == "regression":
        outcomes.numbers(frame, contract)
    else:
        _check_classes(frame, contract, max(folds, 2))


def _check_classes(frame: pd.DataFrame, contract: Contract, needed: int) -> None:
    counts = np.bincount(outcomes.codes(frame, contract), minlength=len(contract.classes))
    labels = outcomes.labels(contract)
    scarce = [f"class {label!r} has {count}" for label, count in zip(labels, counts, strict=True) if count < needed]
    if scarce:
        raise DataError(
            f"target {contract.target.name!r}: {', '.join(scarce)} of the {len(frame)} training rows, wanted at least "
            f"{needed} (one per fold, never less than 2); add rows, lower training.folds or drop the class"
        )


def _cross_validate(
    recipe: Recipe, frame: pd.DataFrame, candidates: Sequence[Parameters], progress: Progress
) -> list[list[Scores]]:
    """Return the metrics of each candidate in each fold."""
    scores: list[list[Scores]] = [[] for _ in candidates]
    total = recipe.config.training.folds * len(candidates)
    if total:
        for number, fold in progress(_fits(recipe, frame, candidates), total=total, desc="cross-validation"):
            scores[number].append(fold)
    return scores


def _fits(recipe: Recipe, frame: pd.DataFrame, candidates: Sequence[Parameters]) -> Iterator[tuple[int, Scores]]:
    """Yield the number and metrics of every candidate in every fold; each fold is encoded once for all of them."""
    for known, asked in recipe.folds(frame):
        seen, unseen = frame.iloc[known], frame.iloc[asked]
        encoder = recipe.encoder(seen)
        encoded = encoder.fit_transform(recipe.inputs(seen))
        questions = encoder.transform(recipe.inputs(unseen))
        expected = outcomes.naive(seen, recipe.contract)
        answers, truth = outcomes.truth(seen, recipe.contract), outcomes.truth(unseen, recipe.contract)
        for number, parameters in enumerate(candidates):
            model = recipe.fit(encoded, answers, parameters)
            predicted = model.predict(questions) if recipe.regression else model.predict_proba(questions)
            yield number, metrics.values(outcomes.outcome(truth, predicted, expected))


def _pipeline(recipe: Recipe, frame: pd.DataFrame, parameters: Parameters) -> Pipeline:
    encoder = recipe.encoder(frame)
    encoded = encoder.fit_transform(recipe.inputs(frame))
    model = recipe.fit(encoded, recipe.answers(frame), parameters)
    return Pipeline([("features", encoder), ("model", model)])


def _trial(parameters: Parameters, folds: Sequence[Scores]) -> Trial:
    skills = [fold["skill"] for fold in folds]
    return Trial(parameters, float(np.mean(skills)), float(np.std(skills)))


def _summary(folds: Sequence[Scores]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation of each metric that every fold defines."""
    columns = {name: np.array([fold[name] for fold in folds]) for name in (folds[0] if folds else ())}
    return {
        name: {"mean": float(column.mean()), "std": float(column.std())}
        for name, column in columns.items()
        if np.isfinite(column).all()
    }


def _parameters(pipeline: Pipeline) -> dict[str, Any]:
    """Return the parameters of the estimator as JSON values; what is none of them as its text."""
    found = pipeline[-1].get_params(deep=False)
    plain = (str, int, float, bool, type(None), list)
    return {name: value if isinstance(value, plain) else repr(value) for name, value in sorted(found.items())}


def _notices(caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """Say each warning of the fits once, in words that lead somewhere."""
    said = (
        "the estimator stopped before it converged; raise max_iter in [training.parameters]"
        if issubclass(warning.category, ConvergenceWarning)
        else f"{warning.category.__name__}: {str(warning.message).splitlines()[0]}"
        for warning in caught
    )
    return tuple(dict.fromkeys(said))
