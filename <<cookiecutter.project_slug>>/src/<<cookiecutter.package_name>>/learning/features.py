"""Turn the contract's columns into numbers, by scikit-learn transformers alone.

Only transformers that skops stores without custom types and that skl2onnx converts are used: no missing-value
indicator, no infrequent categories, no functions. In a converted model a missing category is fed as the text `nan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Binarizer, OneHotEncoder, StandardScaler

from ..contracts.contract import Contract

# What an estimator wants of numbers. Trees do not gain from scaling, and on the 32-bit floats of a converted model
# the thresholds of a scaled column would move rows to other leaves.
Numbers = Literal["scaled", "imputed", "as_is"]
MAX_CATEGORIES = 50  # per column; rarer ones are encoded like values that were never seen
ABSENT = -1e30  # below any real value, and finite in the 32-bit floats of a converted model


def build(contract: Contract, frame: pd.DataFrame, numbers: Numbers) -> ColumnTransformer:
    """Return the unfitted transformer for the features of `contract`, sized by the training rows in `frame`.

    Numbers are imputed by the median and scaled, unless `numbers` says that less is wanted; a column with missing
    cells also gets one that says whether the cell was there. Columns without any value are left out.
    """
    numeric, categorical = (
        [name for name in names if frame[name].notna().any()]
        for names in (contract.numeric_features, contract.categorical_features)
    )
    with_gaps = [name for name in numeric if numbers != "as_is" and frame[name].isna().any()]
    treatments = {"scaled": _scaled(), "imputed": _imputed(), "as_is": "passthrough"}
    blocks = [
        ("numeric", treatments[numbers], numeric),
        ("present", _present(), with_gaps),
        ("categorical", _one_hot(frame, categorical), categorical),
    ]
    return ColumnTransformer([block for block in blocks if block[2]])


def output_columns(fitted: ColumnTransformer) -> dict[str, list[int]]:
    """Return, for each feature that is used, the columns of the transformed matrix that hold it."""
    columns: dict[str, list[int]] = {}
    end = 0
    for name, transformer, names in fitted.transformers_:
        if name == "remainder":
            continue
        widths = [len(known) for known in transformer.categories_] if name == "categorical" else [1] * len(names)
        for column, width in zip(names, widths, strict=True):
            columns.setdefault(column, []).extend(range(end, end + width))
            end += width
    return columns


def _imputed() -> SimpleImputer:
    return SimpleImputer(strategy="median")


def _scaled() -> Pipeline:
    return Pipeline([("impute", _imputed()), ("scale", StandardScaler())])


def _present() -> Pipeline:
    mark = SimpleImputer(strategy="constant", fill_value=ABSENT)
    return Pipeline([("mark", mark), ("present", Binarizer(threshold=ABSENT / 2))])


def _one_hot(frame: pd.DataFrame, names: Sequence[str]) -> OneHotEncoder:
    categories = [_categories(frame[name]) for name in names]
    return OneHotEncoder(categories=categories, handle_unknown="ignore", sparse_output=False)


def _categories(column: pd.Series) -> list[object]:
    """Return the most frequent values in alphabetical order, then NaN when cells are missing."""
    counts = column.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    missing = [np.nan] if column.isna().any() else []
    return [*sorted(str(value) for value in counts.index[:MAX_CATEGORIES]), *missing]
