"""Score a table: held against the model's own contract first, one answer per row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ..contracts.contract import Contract
from ..contracts.expectations import Expectations
from ..dataset import tables
from ..dataset.data import read_table
from ..dataset.data_report import summary
from ..dataset.validation import validate
from ..errors import DataError, RowsRefusedError
from .outcomes import labels, predict


def score(pipeline: Pipeline, contract: Contract, paths: Sequence[Path]) -> pd.DataFrame:
    """Return ids (or row numbers from 1), `prediction` and, for classes, `probability_<class>` of each row.

    `contract` is the one that the model was trained on; the table may lack its target and ids, and may hold more
    columns. Raises RowsRefusedError when a row does not satisfy the rules of the features, and DataError when an id has
    the name of an answer.
    """
    asked = for_questions(contract, paths)
    report = validate(paths, asked)
    if not report.valid:
        named = ", ".join(str(path) for path in paths)
        broken = summary(report.violations)
        raise RowsRefusedError(f"{named}: the rows break the model's contract, nothing was predicted: {broken}")
    frame = read_table(paths, asked, columns=[*asked.ids, *asked.features])
    ids = frame[list(asked.ids)] if asked.ids else pd.DataFrame({"row": np.arange(1, len(frame) + 1)})
    answers = _answers(pipeline, contract, frame)
    _refuse_clash(ids, answers)
    return pd.concat([ids, answers], axis=1)


def _refuse_clash(ids: pd.DataFrame, answers: pd.DataFrame) -> None:
    if both := [name for name in ids if name in answers]:
        raise DataError(
            f"id column {both[0]!r} has the name of a column of the answers ({', '.join(map(str, answers))}); "
            "rename it, or leave it out of the table to have the rows numbered"
        )


def for_questions(contract: Contract, paths: Sequence[Path]) -> Contract:
    """Return the part of `contract` that rows without an answer must satisfy: features, and ids where they are."""
    present = set.intersection(*(set(tables.header(path, contract.expectations.delimiter)) for path in paths))
    columns = tuple(
        column
        for column in contract.columns
        if column.role == "feature" or (column.role == "id" and column.name in present)
    )
    names = [column.name for column in columns]
    schema = {
        **contract.schema,
        "properties": {name: contract.schema["properties"][name] for name in names},
        "required": [name for name in contract.schema.get("required", []) if name in names],
        "additionalProperties": True,
    }
    plain = Expectations(delimiter=contract.expectations.delimiter, refuse_leaks=False)
    return replace(contract, schema=schema, columns=columns, expectations=plain)


def _answers(pipeline: Pipeline, contract: Contract, frame: pd.DataFrame) -> pd.DataFrame:
    predicted = predict(pipeline, frame, contract)
    if contract.problem == "regression":
        return pd.DataFrame({"prediction": predicted})
    names = [label_text(label) for label in labels(contract)]
    answers = {"prediction": np.array(names, dtype=object)[predicted.argmax(axis=1)]}
    return pd.DataFrame(answers | {f"probability_{name}": predicted[:, code] for code, name in enumerate(names)})


def label_text(label: Any) -> str:
    """Return a class as it stands in a CSV file."""
    return label if isinstance(label, str) else json.dumps(label)
