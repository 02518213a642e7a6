"""A small table with its contract, made here so that the tests do not depend on the project's own data."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from <<cookiecutter.package_name>> import config
from <<cookiecutter.package_name>>.contracts import contract
from <<cookiecutter.package_name>>.judging import evaluation
from <<cookiecutter.package_name>>.learning import outcomes, training

ROOT = Path(__file__).parents[1]
ROWS, TRAIN_ROWS = 400, 300
TARGETS: dict[str, dict[str, Any]] = {
    "binary": {"type": "string", "enum": ["yes", "no"], "x-positive": "yes"},
    "boolean": {"type": "boolean", "enum": [False, True]},
    "integer": {"type": "integer", "enum": [3, 1]},
    "multiclass": {"type": "string", "enum": ["low", "mid", "top"]},
    "regression": {"type": "number"},
}
FEATURES: dict[str, dict[str, Any]] = {
    "Größe in m": {"type": ["number", "null"]},
    "load": {"type": "number"},
    "noise": {"type": "number"},
    "kind": {"type": ["string", "null"], "enum": ["a", "b", "unseen", None], "x-slice": True},
    "flag": {"type": "boolean"},
    "constant": {"type": "integer"},
    "empty": {"type": ["number", "null"]},
}


@cache
def make_contract(kind: str = "binary") -> contract.Contract:
    """Return a contract whose target is one of TARGETS."""
    columns = {
        "row": {"type": "string", "x-role": "id"},
        "day": {"type": "string", "format": "date", "x-role": "timestamp"},
        **{name: rules | {"x-role": "feature"} for name, rules in FEATURES.items()},
        "answer": TARGETS[kind] | {"x-role": "target"},
    }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Example",
        "description": "Made for tests.",
        "x-version": "1.2.0",
        "type": "object",
        "properties": columns,
        "required": list(columns),
        "additionalProperties": False,
    }
    return contract.from_schema(schema, "example")


def make_frame(kind: str = "binary", rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Return rows as `data.read_table` does: floats, text with NaN, labels with their JSON type."""
    rng = np.random.default_rng(seed)
    size, load, noise = rng.normal(size=(3, rows))
    kinds = rng.choice(["a", "b"], rows).astype(object)
    signal = 1.5 * size - load + (kinds == "a") + rng.normal(size=rows)
    kinds[rng.random(rows) < 0.1] = np.nan
    frame = pd.DataFrame(
        {
            "row": [f"r{number}" for number in range(rows)],
            "day": [f"2025-01-{1 + number % 28:02d}" for number in range(rows)],
            "Größe in m": np.where(rng.random(rows) < 0.2, np.nan, size),
            "load": load,
            "noise": noise,
            "kind": kinds,
            "flag": np.where(rng.random(rows) < 0.5, "true", "false"),
            "constant": 1.0,
            "empty": np.nan,
        }
    )
    return frame.assign(answer=_answers(kind, signal))


def _answers(kind: str, signal: np.ndarray) -> np.ndarray | list[Any]:
    if kind == "regression":
        return signal
    labels = {"binary": ["no", "yes"]}.get(kind, TARGETS[kind]["enum"])
    ranks = signal.argsort().argsort() * len(labels) // len(signal)
    return [labels[rank] for rank in ranks]


def make_config(estimator: config.Estimator = "linear", **training_settings: Any) -> config.Config:
    """Return quick settings: no cross-validation and few resamples, unless the keywords say otherwise."""
    settings: dict[str, Any] = {"folds": 0, "parameters": {}, "search": config.Search(0, {})} | training_settings
    return config.Config(
        seed=7,
        data=config.Data("unused.csv"),
        split=config.Split(0.25, "random"),
        training=config.Training(estimator, **settings),
        evaluation=config.Evaluation(100, 0.95),
        tracking=config.Tracking("example", "example", 1, 0),
        sha256="0" * 64,
    )


def in_time(settings: config.Config) -> config.Config:
    """Return the settings with a split by time."""
    return replace(settings, split=config.Split(0.25, "time"))


@cache
def fitted(kind: str = "binary") -> training.Fitted:
    """Return a linear model of the first rows of the example; shared, so leave it as it is."""
    return training.fit(make_frame(kind)[:TRAIN_ROWS], make_contract(kind), make_config())


@cache
def evaluated(kind: str = "binary") -> evaluation.Evaluation:
    """Return how `fitted(kind)` does on the other rows."""
    frame, described = make_frame(kind), make_contract(kind)
    naive = outcomes.naive(frame[:TRAIN_ROWS], described)
    with patch.multiple(evaluation, LATENCY_ROWS=1, LATENCY_CALLS=1):
        return evaluation.evaluate(fitted(kind).pipeline, frame[TRAIN_ROWS:], described, make_config(), naive=naive)
