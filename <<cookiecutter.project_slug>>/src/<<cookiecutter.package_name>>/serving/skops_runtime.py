"""Answers by the trained scikit-learn pipeline, restored from types of the repository's allow-list alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import skops.io
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UntrustedTypesFoundException
from threadpoolctl import threadpool_limits

from ..errors import EvidenceError
from ..learning.model_types import TRUSTED
from .bundle import Bundle
from .feeds import Feeds

Table = Mapping[str, npt.NDArray[Any]]
Matrix = npt.NDArray[Any]


class SkopsRuntime:
    """A pipeline that is asked by one thread, for many requests at once; nothing is answered in line."""

    inline_rows = 0

    def __init__(self, bundle: Bundle, threads: int) -> None:
        pipeline = _restored(bundle)
        self._table = Feeds(bundle.export["columns"]).table
        encode = _encoder(pipeline)
        self._encode = encode or _framer(bundle)
        self._model = pipeline[-1] if encode else pipeline
        self._order = [_labels(pipeline).index(label) for label in bundle.classes]
        self._threads = threads
        self.prepare()

    def answer(self, rows: Sequence[Any]) -> list[Any]:
        """Return the scores of each row by class, or its value."""
        encoded = self._encode(self._table(rows))
        if not self._order:
            return [float(value) for value in self._model.predict(encoded)]
        return cast(list[Any], self._model.predict_proba(encoded)[:, self._order].tolist())

    def prepare(self) -> None:
        """Bound the threads of what is computed in the calling thread: OpenMP keeps its limit for each.

        The limit stays, because setting it each time takes longer than a prediction.
        """
        threadpool_limits(self._threads)


def _restored(bundle: Bundle) -> Pipeline:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            pipeline = skops.io.load(bundle.model, trusted=TRUSTED)
    except UntrustedTypesFoundException as error:
        raise EvidenceError(f"{bundle.model}: holds types that are not trusted ({error})") from error
    except (BadZipFile, KeyError, ValueError, TypeError, ImportError, AttributeError, OSError) as error:
        raise EvidenceError(f"{bundle.model}: is not a readable model ({error}); run make export") from error
    if not isinstance(pipeline, Pipeline):
        raise EvidenceError(f"{bundle.model}: holds a {type(pipeline).__name__}, wanted a scikit-learn Pipeline")
    return pipeline


def _labels(pipeline: Pipeline) -> list[Any]:
    return list(np.asarray(getattr(pipeline, "classes_", ())).tolist())


def _framer(bundle: Bundle) -> Callable[[Table], Any]:
    """Return what makes the data frame that a pipeline of another shape than the template's wants."""
    try:
        return cast(Callable[[Table], Any], import_module("pandas").DataFrame)
    except ModuleNotFoundError as error:
        raise EvidenceError(
            f"{bundle.model}: its first step is no ColumnTransformer, so that rows have to be data frames, "
            "and pandas is not installed; add pandas to requirements/serve-skops.in and run make lock"
        ) from error


def _encoder(pipeline: Pipeline) -> Callable[[Table], Matrix] | None:
    """Return the pipeline's steps before the last as a function of plain columns, or None for other pipelines.

    A ColumnTransformer spends nine tenths of a small batch on looking at data frames. Its fitted transformers are
    called with the very arrays that it would cut out for them.
    """
    columns, *others = [step for _, step in pipeline.steps[:-1]] or [None]
    if not isinstance(columns, ColumnTransformer) or columns.remainder != "drop":
        return None
    blocks = list(_blocks(columns))
    for step in (*(block for block, _ in blocks), *others, pipeline[-1]):
        _forget_names(step)

    def encode(table: Table) -> Matrix:
        parts = [block.transform(np.stack([table[name] for name in names], axis=1)) for block, names in blocks]
        encoded = np.hstack(parts)
        for step in others:
            encoded = step.transform(encoded)
        return encoded

    return encode


def _blocks(columns: ColumnTransformer) -> Iterator[tuple[BaseEstimator, list[str]]]:
    for name, block, names in columns.transformers_:
        if name != "remainder":
            yield block, list(names)


def _forget_names(step: BaseEstimator) -> None:
    """Let `step` take arrays without a warning for each: the order of the columns is kept here."""
    for part in [part for _, part in step.steps] if isinstance(step, Pipeline) else [step]:
        vars(part).pop("feature_names_in_", None)
