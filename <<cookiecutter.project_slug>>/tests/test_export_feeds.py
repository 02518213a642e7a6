"""Rows of JSON become what training would have read from a table."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from <<cookiecutter.package_name>>.dataset.data import read_table
from <<cookiecutter.package_name>>.exporting.interface import describe
from <<cookiecutter.package_name>>.exporting.rows import frame_of, json_rows
from <<cookiecutter.package_name>>.serving.feeds import LARGEST, Feeds, OutOfRange, text

from tests.contracts import make_contract

COLUMNS = {
    "plan": {"type": ["string", "null"], "enum": ["basic", "plus", None], "x-role": "feature"},
    "grade": {"type": "integer", "enum": [1, 2, 3], "x-role": "feature"},
    "share": {"type": "number", "enum": [0.5, 1.0], "x-role": "feature"},
    "flag": {"type": ["boolean", "null"], "x-role": "feature"},
    "fee": {"type": ["number", "null"], "x-role": "feature"},
    "visits": {"type": "integer", "x-role": "feature"},
    "note": {"type": "string", "x-role": "feature"},
}
CONTRACT = make_contract({"id": None, "day": None, **COLUMNS})
ROWS: list[dict[str, Any]] = [
    {"plan": "basic", "grade": 1, "share": 0.5, "flag": True, "fee": 1.5, "visits": 3, "note": "nan or so"},
    {"plan": None, "grade": 3, "share": 1.0, "flag": None, "fee": None, "visits": -4, "note": '"Größe", 1'},
    {"plan": "plus", "grade": 2, "share": 1.0, "flag": False, "fee": 1e-300, "visits": 2**53, "note": " "},
]


def number(name: str = "fee", kind: str = "float64") -> dict[str, Any]:
    return {"name": name, "input": "x0", "kind": "number", "type": kind, "null_text": None}


def category(null: str = "nan") -> dict[str, Any]:
    return {"name": "plan", "input": "x1", "kind": "text", "type": "string", "null_text": null}


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Return ROWS as training reads them from a CSV file."""
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*CONTRACT.features, "won"])
        writer.writeheader()
        for row in ROWS:
            cells = {
                name: "" if value is None else str(value).lower() if isinstance(value, bool) else value
                for name, value in row.items()
            }
            writer.writerow(cells | {"won": 0})
    return read_table([tmp_path / "rows.csv"], CONTRACT)


def test_json_rows_give_the_frame_that_training_reads(table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(frame_of(ROWS, CONTRACT), table[list(CONTRACT.features)])


def test_a_table_gives_the_json_rows_that_a_client_sends(table: pd.DataFrame) -> None:
    rows = json_rows(table, CONTRACT)
    assert rows == ROWS
    assert [type(rows[0][name]) for name in ("grade", "flag", "fee", "visits")] == [int, bool, float, int]


def test_the_description_names_the_kind_of_every_feature() -> None:
    kinds = {column["name"]: column["kind"] for column in describe(CONTRACT)}
    assert kinds == {
        "plan": "text",
        "grade": "text",
        "share": "text",
        "flag": "boolean",
        "fee": "number",
        "visits": "number",
        "note": "text",
    }


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (3.0, "3"),
        (0.5, "0.5"),
        ("3.0", "3.0"),
        ("", ""),
        (None, "?"),
        (math.nan, "?"),
    ],
)
def test_a_category_is_written_as_in_json(value: object, wanted: str) -> None:
    assert text(value, "?") == wanted


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_an_absent_number_is_as_good_as_null(kind: str) -> None:
    feed = Feeds([number(kind=kind)])([{"fee": 2}, {"fee": None}, {}])["x0"]
    assert (feed.shape, feed.dtype) == ((3, 1), np.dtype(kind))
    np.testing.assert_array_equal(feed[:, 0], [2, np.nan, np.nan])


def test_text_that_looks_like_null_is_not_null() -> None:
    feed = Feeds([category()])([{"plan": None}, {"plan": "nan"}, {}, {"plan": "basic"}])["x1"]
    assert feed[:, 0].tolist() == ["nan", "nan ", "nan", "basic"]


def test_a_column_without_input_is_not_fed() -> None:
    assert Feeds([number(), category() | {"input": None}])([{"fee": 1, "plan": "basic"}]).keys() == {"x0"}


@pytest.mark.parametrize("value", [1e39, -1e39, 10**400, math.inf], ids=["large", "small", "integer", "infinite"])
def test_a_number_that_no_model_can_take_is_named(value: float) -> None:
    with pytest.raises(
        OutOfRange, match="column 'fee' of row 1 is beyond 3.4e\\+38, wanted a smaller number"
    ) as caught:
        Feeds([number()])([{"fee": LARGEST}, {"fee": value}])
    assert (caught.value.row, caught.value.column, caught.value.value) == (1, "fee", value)
