"""How the columns of the contract are fed to a model: the part of `export.json` that `serving.feeds` reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder

from ..contracts.contract import Column, Contract
from ..serving.feeds import text

# The text under which the converter files a missing category.
MISSING = "nan"


def describe(
    contract: Contract,
    inputs: Mapping[str, str] | None = None,
    nulls: Mapping[str, str] | None = None,
    *,
    numbers: str = "float64",
) -> list[dict[str, Any]]:
    """Return one entry per feature, in the order of the contract.

    `inputs` names the model's input of each column that it uses, `nulls` the text that a column of text is fed for
    null, `numbers` the type of numeric inputs. The defaults describe a pipeline, which takes a data frame.
    """
    return [
        {
            "name": name,
            "input": (inputs or {}).get(name),
            "kind": _kind(contract[name]),
            "type": numbers if contract[name].numeric else "string",
            "null_text": None if contract[name].numeric else (nulls or {}).get(name),
        }
        for name in contract.features
    ]


def _kind(column: Column) -> str:
    if column.numeric:
        return "number"
    return "boolean" if column.types == {"boolean"} else "text"


def null_texts(encoder: ColumnTransformer) -> dict[str, str]:
    """Return the text that each column of categories is fed for null.

    It is the converter's where missing cells are a category of their own, and a text that is no category elsewhere.
    """
    found = {}
    for _, transformer, names in encoder.transformers_:
        if isinstance(transformer, OneHotEncoder):
            for name, categories in zip(names, transformer.categories_, strict=True):
                found[name] = _null_text([text(category, None) for category in categories])
    return found


def _null_text(categories: list[str | None]) -> str:
    null = MISSING
    while None not in categories and null in categories:
        null += "-"
    return null
