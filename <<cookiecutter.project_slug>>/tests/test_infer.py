"""Contracts for tables that nobody has described: what is decided, said and kept."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sklearn.datasets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from <<cookiecutter.package_name>>.config import load_gates
from <<cookiecutter.package_name>>.contracts.contract import Contract, from_schema
from <<cookiecutter.package_name>>.contracts.expectations import parse
from <<cookiecutter.package_name>>.dataset.data import read_table
from <<cookiecutter.package_name>>.dataset.data_report import summary
from <<cookiecutter.package_name>>.dataset.validation import validate
from <<cookiecutter.package_name>>.errors import DataError
from <<cookiecutter.package_name>>.inference import tally
from <<cookiecutter.package_name>>.inference.column_profile import LOOSE_TIME, profile
from <<cookiecutter.package_name>>.inference.infer import infer
from <<cookiecutter.package_name>>.inference.infer_columns import limits
from <<cookiecutter.package_name>>.inference.infer_files import Inferred
from <<cookiecutter.package_name>>.inference.infer_target import Wishes
from <<cookiecutter.package_name>>.judging.gates import decide

ROWS = 120
RANDOM = np.random.default_rng(0)
NOISE = RANDOM.normal(size=ROWS).round(3)


def write_table(path: Path, columns: dict[str, Any], *, index: bool = False) -> Path:
    """Write `columns`, a noisy feature and a target `y` as CSV."""
    labels = np.where(np.arange(ROWS) % 3 == 0, "no", "yes")
    pd.DataFrame({"noise": NOISE, "y": labels} | columns).to_csv(path, index=index)
    return path


def contract_of(inferred: Inferred) -> Contract:
    """Return the inferred contract, whose files must be free of faults."""
    demands, faults = parse(inferred.expectations, "dataset.toml")
    assert faults == []
    return from_schema(inferred.schema, "data.schema.json", demands)


def column_of(tmp_path: Path, values: Any, **wishes: Any) -> tuple[dict[str, Any], str]:
    """Return the rules of a column `x` with `values`, and what is said about it."""
    path = write_table(tmp_path / "table.csv", {"x": values})
    inferred = infer([path], Wishes("y", **wishes))
    report = validate([path], contract_of(inferred))
    assert report.valid, summary(report.violations)
    assert len(read_table([path], contract_of(inferred))) == ROWS
    return inferred.schema["properties"]["x"], " ".join(notice for notice in inferred.notices if "'x'" in notice)


def spread(values: Sequence[Any]) -> list[Any]:
    """Return `values` over all rows in an order of their own."""
    return [values[number * 11 % len(values)] for number in range(ROWS)]


COLUMNS: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "numbers": (spread([1.5, 2.5, 4.0]), {"type": "number", "minimum": 0.2, "maximum": 5.3, "x-role": "feature"}, ""),
    "counts": (spread([0, 3, 10]), {"type": "integer", "minimum": 0, "maximum": 15, "x-role": "feature"}, ""),
    "codes": (spread([1, 2, 3, 4]), {"type": "integer", "minimum": 0, "maximum": 6, "x-role": "feature"}, 'if they are codes without an order, put "enum": [1, 2, 3, 4] in the place of minimum and maximum'),
    "codes with gaps": (spread([3, 1, None, 2]), {"type": ["number", "null"], "minimum": 0.0, "maximum": 4.0, "x-role": "feature"}, '"enum": [1, 2, 3, null]'),
    "negative": (spread([-4, -1]), {"type": "integer", "minimum": -6, "maximum": 0, "x-role": "feature"}, ""),
    "gaps": (spread([1, None, 3]), {"type": ["number", "null"], "minimum": 0.0, "maximum": 4.0, "x-role": "feature"}, ""),
    "question marks": (spread([*range(20), "?"]), {"type": ["integer", "null"], "minimum": 0, "maximum": 29, "x-role": "feature"}, ""),
    "own marker": (spread([*range(20), "missing"]), {"type": ["integer", "null"], "x-nulls": ["missing"], "minimum": 0, "maximum": 29, "x-role": "feature"}, "'missing' means null in it"),
    "often a word": ([number * 1.5 if number % 4 else "unknown" for number in range(ROWS)], {"type": "string", "x-role": "ignored"}, """ignored: numbers but for 'unknown' (30 rows); if that means null, give it "type": ["number", "null"], "x-nulls": ["unknown"] and x-role feature"""),
    "few numbers and a word": (spread([*range(23), "none", "none", "none"]), {"type": "string", "x-role": "feature"}, "24 categories, of which more may come; list them as enum to refuse others; numbers but for 'none' ("),
    "codes and a word": ([f"{number:03}" if number % 4 else "unknown" for number in range(ROWS)], {"type": "string", "x-role": "ignored"}, "91 different texts in 120 rows are no categories"),
    "booleans": (spread([True, False]), {"type": "boolean", "x-role": "feature"}, ""),
    "categories": (spread(["b", "a", None]), {"type": ["string", "null"], "enum": ["a", "b", None], "x-role": "feature"}, ""),
    "many categories": (spread([f"c{number}" for number in range(23)]), {"type": "string", "x-role": "feature"}, "23 categories, of which more may come"),
    "zip codes": (spread(["01234", "99999", "00001"]), {"type": "string", "enum": ["00001", "01234", "99999"], "x-role": "feature"}, ""),
    "names": ([f"n{number}" for number in range(ROWS)], {"type": "string", "x-role": "id"}, "id, because it differs in every row"),
    "row numbers": (list(range(5, ROWS + 5)), {"type": "integer", "x-role": "id"}, "id, because it numbers the rows"),
    "prose": ([f"a long sentence, the {number}th, about nothing at all" for number in range(ROWS)], {"type": "string", "x-role": "ignored"}, "120 different texts in 120 rows are no categories"),
    "constant": (["same"] * ROWS, {"type": "string", "x-role": "ignored"}, "ignored: it is 'same' wherever it is filled"),
    "constant number with gaps": (spread([7, None]), {"type": ["number", "null"], "x-role": "ignored"}, "ignored: it is 7"),
    "flag or nothing": (spread(["x", None]), {"type": ["string", "null"], "enum": ["x", None], "x-role": "feature"}, ""),
    "empty": ([None] * ROWS, {"type": ["string", "number", "boolean", "null"], "x-role": "ignored"}, "ignored: it is empty"),
    "dates": (spread(["2024-01-31", "2023-12-01"]), {"type": "string", "format": "date", "x-role": "timestamp"}, "timestamp: the first column of times"),
    "dates with gaps": (spread(["2024-01-31", None, "2024-02-01"]), {"type": ["string", "null"], "format": "date", "x-role": "ignored"}, "ignored: a time"),
    "moments": (spread(["2024-01-31T01:02:03Z", "2023-12-01T00:00:00+02:00"]), {"type": "string", "format": "date-time", "x-role": "timestamp"}, ""),
    "local times": (spread(["2024-01-31 01:02:03", "2023-12-01 00:00"]), {"type": "string", "pattern": LOOSE_TIME, "x-role": "timestamp"}, ""),
    "times of pandas": (spread(["2024-01-03 00:00:00+00:00", "2024-01-03 01:02:03.123456789+01:00"]), {"type": "string", "pattern": LOOSE_TIME, "x-role": "timestamp"}, ""),
    "short offsets": (spread(["2024-01-03 00:00:00+00", "2024-01-03T01:02Z"]), {"type": "string", "pattern": LOOSE_TIME, "x-role": "timestamp"}, ""),
    "nanoseconds": (spread(["2024-01-03T00:00:00.123456789Z", "2024-01-03T00:00:00Z"]), {"type": "string", "format": "date-time", "x-role": "timestamp"}, ""),
    "country codes": (spread(["NA", "DE", "?", None]), {"type": ["string", "null"], "enum": ["DE", None], "x-role": "feature"}, "taken for missing: '?' (30 rows), 'NA' (30 rows); to keep such a word as a value, list it"),
    "other dates": (spread(["31/12/2024", "01/02/2023"]), {"type": "string", "x-role": "ignored"}, "ignored: dates such as '31/12/2024', the day first; to use the column, first run: .venv/bin/python scripts/normalise_table.py "),
    "days and times": (spread(["2024-01-31", "2023-12-01 10:00", "2023-12-02"]), {"type": "string", "x-role": "ignored"}, "ignored: dates in several forms, such as '2024-01-31' and '2023-12-01 10:00'; write all of them alike"),
    "decimal commas": (spread(["12,07", "3,5", "7"]), {"type": "string", "x-role": "ignored"}, "ignored: numbers such as '12,07' with a decimal comma; to use the column, first run: "),
    "thousands": (spread(["1,234", "22,333", "7"]), {"type": "string", "x-role": "ignored"}, "which no cell tells decimals from thousands; to use the column, first run: "),
    "few thousands": (spread([*range(30), "1,200"]), {"type": "string", "x-role": "ignored"}, "numbers such as '1,200', of which no cell tells"),
    "euros": (spread(["1.200,50 €", "7 €"]), {"type": "string", "x-role": "ignored"}, "numbers such as '1.200,50 €' with a decimal comma, all in '€'"),
    "terms": (spread(["36 months", "60 months"]), {"type": "string", "enum": ["36 months", "60 months"], "x-role": "feature"}, "all in 'months'; to use it as a number, first run: "),
    "heights": (spread([f"{number} cm" for number in range(150, 190)]), {"type": "string", "x-role": "ignored"}, "ignored: numbers such as '150 cm', all in 'cm'; to use it as a number, first run: "),
    "two currencies": (spread(["$ 1.5", "€ 2.5"]), {"type": "string", "x-role": "ignored"}, "ignored: numbers of different units ('$', '€'); write them in one"),
    "dates as numbers": (spread([20241231, 20240105, 20231101]), {"type": "integer", "minimum": 20226036, "maximum": 20246296, "x-role": "feature"}, "dates such as '20231101'; to use the column, first run: "),
    "alike": (spread(["Yes", "yes ", "No"]), {"type": "string", "enum": ["No", "Yes", "yes "], "x-role": "feature"}, "'Yes' (40 rows), 'yes ' (40 rows) differ in case or blanks only; to make them one, run: .venv/bin/python scripts/normalise_table.py "),
    "leak": (["A" if number % 3 else "B" for number in range(ROWS)], {"type": "string", "enum": ["A", "B"], "x-role": "ignored"}, "ignored, because it tells 'y' exactly"),
}  # fmt: skip


@pytest.mark.parametrize(
    "few", [pytest.param(tally.FEW, id="one by one"), pytest.param(0, id="as arrays", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_taken_for_what_it_looks_like_however_it_is_counted(
    name: str, few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "FEW", few)
    values, rules, notice = COLUMNS[name]
    found, said = column_of(tmp_path, values)
    assert found == rules
    assert notice in said


SPELLINGS: dict[str, tuple[list[Any], str, dict[Any, int]]] = {
    "decimals": (["1.5", " 2 ", "NA", "", "-.5", "1e3", "5.", "-0", "0.0"], "number", {-0.5: 1, 0.0: 2, 1.5: 1}),
    "integers": (["+3", "3", "-7", None, "?"], "integer", {-7: 1, 3: 2}),
    "long integers": (["9007199254740993", "1", "2.5"], "number", {1: 1, 2.5: 1, 2**53 + 1: 1}),
    "leading zeros": (["01", "2", "3"], "text", {"01": 1, "2": 1, "3": 1}),
    "too large": (["1e400", "2", "3"], "text", {"1e400": 1, "2": 1, "3": 1}),
}


@pytest.mark.parametrize("few", [tally.FEW, 0], ids=["one by one", "as arrays"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_numbers_are_read_alike_however_they_are_counted(name: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "FEW", few)
    cells, kind, counts = SPELLINGS[name]
    found = profile("x", pa.chunked_array([cells[:2], cells[2:]], pa.string()), is_text_file=True)
    assert (found.kind, dict(found.counts) | counts) == (kind, dict(found.counts))
    assert found.nulls == sum(cell in {"NA", "", None, "?"} for cell in cells)


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.string()], ids=str)
def test_many_numbers_need_no_object_each(kind: pa.DataType) -> None:
    column = pa.chunked_array([pa.array([*range(1000), 7, None]).cast(kind)])
    found = profile("x", column, is_text_file=pa.types.is_string(kind))
    assert isinstance(found.counts, tally.Tally)
    assert (found.distinct, found.nulls, min(found.counts), max(found.counts), found.counts[7]) == (1000, 1, 0, 999, 2)


def test_a_word_listed_as_the_notice_says_is_kept(tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.csv", {"x": spread(["NA", "DE", None])})
    schema = infer([path], Wishes("y")).schema
    schema["properties"]["x"]["enum"].append("NA")
    contract = from_schema(schema, "data.schema.json")
    assert validate([path], contract).valid
    assert set(read_table([path], contract)["x"].dropna()) == {"NA", "DE"}


@pytest.mark.parametrize(
    "values", [[0, 1], [1.5, 2, 3], [*range(11)], [*range(100)]], ids=["two", "halves", "many", "counted"]
)
def test_numbers_that_can_be_no_codes_are_not_asked_about(values: Sequence[float], tmp_path: Path) -> None:
    assert "codes" not in column_of(tmp_path, spread(values))[1]


def test_codes_declared_as_the_notice_says_become_a_category(tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.csv", {"x": spread([3, 1, None, 2])})
    schema = infer([path], Wishes("y")).schema
    rules = {key: rule for key, rule in schema["properties"]["x"].items() if key not in {"minimum", "maximum"}}
    schema["properties"]["x"] = rules | {"enum": [1, 2, 3, None]}
    contract = from_schema(schema, "data.schema.json")
    assert validate([path], contract).valid
    assert set(read_table([path], contract)["x"].dropna()) == {"1", "2", "3"}


def test_a_word_declared_null_as_the_notice_says_leaves_numbers(tmp_path: Path) -> None:
    values = [number * 1.5 if number % 4 else "unknown" for number in range(ROWS)]
    path = write_table(tmp_path / "table.csv", {"x": values})
    schema = infer([path], Wishes("y")).schema
    schema["properties"]["x"] = {"type": ["number", "null"], "x-nulls": ["unknown"], "x-role": "feature"}
    contract = from_schema(schema, "data.schema.json")
    assert validate([path], contract).valid
    assert read_table([path], contract)["x"].isna().sum() == ROWS / 4


@pytest.mark.parametrize("name", ["patient_id", "Kunden-ID"])
def test_texts_named_as_ids_that_repeat_are_ids_and_no_categories(name: str, tmp_path: Path) -> None:
    table = {name: spread([f"p{number}" for number in range(24)]), "load": spread([1.5, 2.0, 4.0])}
    inferred = infer([write_table(tmp_path / "table.csv", table)], Wishes("y"))
    assert contract_of(inferred).ids == (name,)
    assert any("stay on one side of the split" in notice for notice in inferred.notices)
    assert name not in inferred.expectations, "rows may share it"


def test_an_id_may_be_named(tmp_path: Path) -> None:
    assert column_of(tmp_path, spread([3, 4]), ids=("x",))[0] == {"type": "integer", "x-role": "id"}


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("customer_id", [number // 2 * 3 for number in range(ROWS)], "id"),
        ("customer_id", [number // 2 * 3.0 if number else None for number in range(ROWS)], "id"),
        ("row", [float(number) for number in range(ROWS)], "id"),
        ("regionId", spread([1, 2, 3]), "feature"),
        ("regionId", spread([1.0, 2.0, None]), "feature"),
        ("sample_id", spread([1.5, *range(60)]), "feature"),
        ("paid", [number // 2 * 3 for number in range(ROWS)], "feature"),
        ("", range(ROWS), "id"),
        ("Unnamed: 0", [number * number for number in range(ROWS)], "id"),
    ],
    ids=[
        "repeated id",
        "id with a point",
        "numbers with a point",
        "few ids",
        "few ids with a point",
        "measure",
        "no id",
        "no name",
        "name given by pandas",
    ],
)
def test_numbers_that_name_something_are_no_quantities(name: str, values: Any, role: str, tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.csv", {name: list(values)})
    found = infer([path], Wishes("y")).schema["properties"][name]
    assert found["x-role"] == role
    assert ("enum" in found) is (name == "regionId")
    assert "integer" in found["type"] or name in {"paid", "sample_id"}


@pytest.mark.parametrize(("step", "role"), [(1, "ignored"), (2**60, "feature")], ids=["blurred", "apart"])
def test_integers_that_no_model_tells_apart_are_not_used(step: int, role: str, tmp_path: Path) -> None:
    rules, said = column_of(tmp_path, [str(10**25 + step * (number // 2)) for number in range(ROWS)])
    assert rules["x-role"] == role
    assert ("its 60 integers are 1 different ones to a model, beyond 2^53; write names as text" in said) is (step == 1)


def test_numbers_whose_squares_overflow_are_not_used(tmp_path: Path) -> None:
    rules, said = column_of(tmp_path, NOISE * 1e200)
    assert rules["x-role"] == "ignored"
    assert "e+200, and models square them; take a larger unit" in said


def test_what_training_will_lack_is_said_at_once(tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.csv", {"y": ["rare", "rare", *spread(["a", "b"])[2:]]})
    notices = " ".join(infer([path], Wishes("y")).notices)
    assert "few rows of 'rare' (2 rows), of which training wants one for each fold" in notices
    pd.read_csv(path)[2:32].to_csv(path, index=False)
    notices = " ".join(infer([path], Wishes("y")).notices)
    assert "the table has 30 rows, of which training wants 20 and the hold-out 10: add rows, or see split" in notices
    pd.read_csv(path)[:29].to_csv(path, index=False)
    assert infer([path], Wishes("y")).notices[-1].endswith("the hold-out 10: add rows")


@pytest.mark.parametrize(("lacking", "told"), [(("day", "kind"), True), (("kind",), False)], ids=["totals", "a gap"])
def test_a_last_row_of_totals_is_told(lacking: tuple[str, ...], told: bool, tmp_path: Path) -> None:
    columns: dict[str, Any] = {"day": spread(["2024-01-31", "2023-12-01"]), "kind": spread(["a", "b"])}
    for name in lacking:
        columns[name][-1] = None
    notices = infer([write_table(tmp_path / "table.csv", columns)], Wishes("y")).notices
    assert any("row 120, the last, is the only one that lacks 'day', 'kind'; if" in each for each in notices) is told


def test_names_with_blanks_are_told(tmp_path: Path) -> None:
    inferred = infer([write_table(tmp_path / "table.csv", {" x": NOISE + 1, "a\nb": spread([1, 2])})], Wishes("y"))
    assert any("columns ' x', 'a\\nb' have blanks around their name" in notice for notice in inferred.notices)


def test_the_second_column_of_times_is_ignored_and_another_can_be_chosen(tmp_path: Path) -> None:
    days = {"one": spread(["2024-01-01", "2024-01-02"]), "two": spread(["2024-01-01", "2024-01-03"])}
    path = write_table(tmp_path / "table.csv", days)
    roles = [
        {name: infer([path], Wishes("y", timestamp=wish)).schema["properties"][name]["x-role"] for name in days}
        for wish in (None, "two")
    ]
    assert roles == [{"one": "timestamp", "two": "ignored"}, {"one": "ignored", "two": "timestamp"}]


TARGETS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "text": (["ja", "nein", "ja"], {"type": "string", "enum": ["ja", "nein"], "x-positive": "ja"}),
    "rarer text": (["red", "blue", "red"], {"type": "string", "enum": ["blue", "red"], "x-positive": "blue"}),
    "terms": (
        ["36 months", "60 months", "12 months"],
        {"type": "string", "enum": ["12 months", "36 months", "60 months"]},
    ),
    "boolean": ([True, False], {"type": "boolean", "enum": [False, True], "x-positive": True}),
    "signs": ([-1, 1], {"type": "integer", "enum": [-1, 1], "x-positive": 1}),
    "whole decimals": ([0.0, 1.0, 2.0], {"type": "integer", "enum": [0, 1, 2]}),
    "word None": (["None", "Apnea", "Insomnia"], {"type": "string", "enum": ["Apnea", "Insomnia", "None"]}),
    "half steps": ([0.5, 1.0, 1.5], {"type": "number", "minimum": 0.0, "maximum": 2.0}),
    "many integers": (list(range(40)), {"type": "integer", "minimum": 0, "maximum": 59}),
}


@pytest.mark.parametrize("name", TARGETS)
def test_the_target_is_classes_or_a_number(name: str, tmp_path: Path) -> None:
    values, rules = TARGETS[name]
    path = write_table(tmp_path / "table.csv", {"y": spread(values)})
    inferred = infer([path], Wishes("y"))
    assert inferred.schema["properties"]["y"] == {**rules, "x-role": "target"}
    assert validate([path], contract_of(inferred)).valid
    assert any(notice.startswith("target 'y'") for notice in inferred.notices)


def test_classes_may_differ_in_case(tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.csv", {"y": spread(["AA", "Aa", "aa"])})
    assert infer([path], Wishes("y", keep_spellings=True)).schema["properties"]["y"]["enum"] == ["AA", "Aa", "aa"]


def test_problem_and_positive_class_can_be_told(tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.csv", {"y": spread([1, 2])})
    assert "enum" not in infer([path], Wishes("y", problem="regression")).schema["properties"]["y"]
    assert infer([path], Wishes("y", positive="1")).schema["properties"]["y"]["x-positive"] == 1


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown target": ({}, {"target": "yy"}, "--target 'yy': the table has no such column; did you mean 'y'"),
    "unknown id": ({}, {"ids": ("z",)}, "--id 'z': the table has no such column"),
    "target as id": ({}, {"ids": ("y",)}, "column 'y' is named by --target and by --id, wanted one use of it"),
    "constant target": ({"y": [1] * ROWS}, {}, "target 'y' is 1 in every row, so that there is nothing to predict"),
    "gaps in target": (
        {"y": spread(["a", "b", None])},
        {},
        r"target 'y' is empty in 40 of 120 rows \(row 2, 5, 8, 11, 14 …\)",
    ),
    "lone class": (
        {"y": ["solo", *spread(["a", "b"])[1:]]},
        {},
        r"classes of one row \('solo'\), wanted 2 rows of each",
    ),
    "spellings of a class": (
        {"y": spread(["Yes", "yes ", "No"])},
        {},
        r"target 'y': 'Yes' \(40 rows\), 'yes ' \(40 rows\) differ in .*table.normal.csv --merge y; .* pass --keep-spellings",
    ),
    "heights": (
        {"y": spread([f"{n} cm" for n in range(150, 190)])},
        {},
        "'y' holds numbers such as '150 cm', all in 'cm'",
    ),
    "dates": ({"y": spread(["31/12/2024", "1/2/2024"])}, {}, "'y' holds dates such as '31/12/2024', the day first"),
    "text target": (
        {"y": [f"t{n}" for n in range(ROWS)]},
        {},
        "'y' holds 120 different values in 120 rows, wanted at most 100",
    ),
    "thousands": (
        {"y": [f"{n + 1},000" for n in range(ROWS)]},
        {},
        r"'y' holds numbers such as '1,000', of which no cell tells .* --decimal comma \(or --decimal point\)",
    ),
    "text regression": ({}, {"problem": "regression"}, "'y' holds text such as .*, wanted numbers for regression"),
    "fractions as classes": (
        {"y": spread([0.5, 1, 1.5])},
        {"problem": "classification"},
        "'y' holds 0.5, wanted text or whole numbers as classes; write the classes as text, or leave --problem",
    ),
    "positive of three": ({"y": spread([1, 2, 3])}, {"positive": "1"}, "has 3 classes, wanted two"),
    "unknown positive": ({}, {"positive": "maybe"}, "--positive 'maybe': wanted one of 'no', 'yes'"),
    "positive number": ({"y": list(range(ROWS))}, {"positive": "1"}, "target 'y' is a number, wanted two classes"),
    "infinite answers": (
        {"y": [np.inf, *NOISE[1:]]},
        {},
        r"does not keep the contract inferred from it \(y: type \(1\); row 1 holds \"inf\" in column 'y'\); mend",
    ),
    "no timestamp": ({}, {"timestamp": "noise"}, "--timestamp 'noise': wanted ISO 8601 dates"),
    "decimal commas alone": (
        {"noise": spread(["1,5", "2,25"])},
        {},
        "no column is left to predict 'y' from: 'noise' is ignored: numbers such as '1,5' with a decimal comma; to use",
    ),
    "prose alone": (
        {"noise": [f"a long sentence, the {n}th, about nothing at all" for n in range(ROWS)]},
        {},
        "no column is left to predict 'y' from: 'noise' is ignored: 120 different texts in 120 rows are no categories$",
    ),
    "nothing to learn from": (
        {"noise": ["same"] * ROWS},
        {},
        "no column is left to predict 'y' from: 'noise' is ignored: it is 'same' wherever it is filled",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_inferred_is_refused_with_what_to_do(name: str, tmp_path: Path) -> None:
    columns, wishes, message = REFUSED[name]
    path = write_table(tmp_path / "table.csv", columns)
    with pytest.raises(DataError, match=message):
        infer([path], Wishes(**{"target": "y", **wishes}))


def test_a_table_without_rows_or_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("a,y\n", encoding="utf-8")
    (tmp_path / "twice.csv").write_text("a,a,y\n1,2,3\n", encoding="utf-8")
    with pytest.raises(DataError, match="the table has no rows"):
        infer([tmp_path / "empty.csv"], Wishes("y"))
    with pytest.raises(DataError, match="columns 1, 2 have the same name 'a'"):
        infer([tmp_path / "twice.csv"], Wishes("y"))


def test_several_files_must_have_the_same_columns(tmp_path: Path) -> None:
    paths = [write_table(tmp_path / "1.csv", {}), write_table(tmp_path / "2.csv", {"more": spread([1, 2])})]
    with pytest.raises(DataError, match=r"2.csv: other columns than in .*1.csv"):
        infer(paths, Wishes("y"))


@pytest.mark.parametrize(("skill", "passed"), [(0.0, False), (0.01, True)], ids=["the average", "better"])
def test_the_inferred_gates_refuse_a_model_as_good_as_the_average(skill: float, passed: bool, tmp_path: Path) -> None:
    (tmp_path / "gates.toml").write_text(infer([write_table(tmp_path / "t.csv", {})], Wishes("y")).gates, "utf-8")
    report = {"format": "metrics/1", "metrics": {"skill": {"value": skill}}}
    checks = decide(report, load_gates(tmp_path / "gates.toml")).checks
    assert next(check.passed for check in checks if "skill" in check.name) is passed


def test_another_delimiter_is_written_into_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    pd.read_csv(write_table(path, {})).to_csv(path, sep=";", index=False)
    inferred = infer([path], Wishes("y", delimiter=";"))
    assert contract_of(inferred).expectations.delimiter == ";"
    assert validate([path], contract_of(inferred)).valid


@pytest.mark.slow
@pytest.mark.parametrize("name", ["breast_cancer", "wine", "iris", "diabetes", "digits"])
def test_tables_of_scikit_learn_keep_the_contract_inferred_from_them(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.csv"
    frame = getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
    frame.to_csv(path, index=False)
    contract = contract_of(infer([path], Wishes("target")))
    problems = {"breast_cancer": "binary", "diabetes": "regression"}
    assert contract.problem == problems.get(name, "multiclass")
    assert validate([path], contract).valid
    typed = read_table([path], contract)
    np.testing.assert_allclose(typed["target"].astype(float), frame["target"])
    assert list(typed[list(contract.features)]) == [column for column in frame if column in contract.features]


def test_parquet_types_are_taken_as_they_are(tmp_path: Path) -> None:
    columns = {
        "when": pd.date_range("2024-01-01", periods=ROWS, freq="h"),
        "day": pd.date_range("2024-01-01", periods=ROWS),
        "flag": spread([True, False]),
        "kind": pd.Categorical(spread(["a", "b"])),
        "count": pd.array(spread([1, None, 3]), dtype="Int64"),
        "digits": spread(["1", "2"]),
        "y": spread([True, False, False]),
    }
    path = tmp_path / "table.parquet"
    pd.DataFrame(columns).to_parquet(path)
    inferred = infer([path], Wishes("y"))
    assert validate([path], contract_of(inferred)).valid
    assert {name: (rules["type"], rules["x-role"]) for name, rules in inferred.schema["properties"].items()} == {
        "when": ("string", "timestamp"),
        "day": ("string", "ignored"),
        "flag": ("boolean", "feature"),
        "kind": ("string", "feature"),
        "count": (["integer", "null"], "feature"),
        "digits": ("string", "feature"),
        "y": ("boolean", "target"),
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([Decimal("1.50"), Decimal("2.25")] * 60), {"type": "number", "minimum": 1.12, "maximum": 2.63}),
        (pa.array(np.array([1.5, 2.5] * 60, np.float16)), {"type": "number", "minimum": 1.0, "maximum": 3.0}),
        (pa.array([1, 2] * 60).dictionary_encode(), {"type": "integer", "minimum": 0, "maximum": 3}),
        (pa.array(["a", "b"] * 60, pa.string_view()), {"type": "string", "enum": ["a", "b"]}),
        (pa.array([1, 86_399_999_999_999] * 60, pa.time64("ns")), {"type": "string"}),
    ],
    ids=["decimals", "half precision", "encoded numbers", "views", "times of day"],
)
def test_any_parquet_type_with_a_json_value_is_described(
    values: pa.Array, expected: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"x": values, "noise": NOISE, "y": spread(["a", "b", "c"])}), path)
    inferred = infer([path], Wishes("y"))
    assert validate([path], contract_of(inferred)).valid
    assert expected.items() <= inferred.schema["properties"]["x"].items()


FOREIGN: dict[str, tuple[pa.Array, str]] = {
    "list": (pa.array([[1]] * ROWS), "list<.*>, wanted text, numbers, .*; store it as one of these, or drop it"),
    "struct": (pa.array([{"a": 1}] * ROWS), "struct<.*>, wanted"),
    "binary": (pa.array([b"a"] * ROWS), "binary, wanted"),
    "duration": (pa.array([1] * ROWS, pa.duration("s")), "duration.*, wanted"),
    "far future": (pa.array([400_000_000_000] * ROWS, pa.timestamp("s")), "timestamp.* outside of the years 1 to 9999"),
    "far past": (pa.array([-70_000_000_000] * ROWS, pa.timestamp("s")), "timestamp.* outside of the years 1 to 9999"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_parquet_type_that_no_contract_describes_is_refused(name: str, tmp_path: Path) -> None:
    values, message = FOREIGN[name]
    pq.write_table(pa.table({"x": values, "y": spread(["a", "b"])}), tmp_path / "table.parquet")
    with pytest.raises(DataError, match=f"column 'x' holds {message}"):
        infer([tmp_path / "table.parquet"], Wishes("y"))


def test_several_parquet_files_must_have_types_with_something_in_common(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"1": [None] * ROWS, "2": [1] * ROWS, "3": [2.5] * ROWS, "4": ["a"] * ROWS}
    for name, values in columns.items():
        table = pa.table({"x": values, "noise": NOISE, "y": spread(["a", "b"])})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    paths = [tmp_path / f"{name}.parquet" for name in columns]
    assert infer(paths[:3], Wishes("y")).schema["properties"]["x"]["type"] == ["number", "null"]
    with pytest.raises(DataError, match=r"4.parquet: column 'x' holds string, but int64 in .*2.parquet; save both"):
        infer(paths, Wishes("y"))


def test_csv_beside_parquet_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path / "1.csv", {})
    pd.read_csv(path).to_parquet(tmp_path / "2.parquet")
    with pytest.raises(DataError, match=r"2.parquet: of another kind than .*1.csv, wanted CSV files or Parquet files"):
        infer([path, tmp_path / "2.parquet"], Wishes("y"))


@given(low=st.floats(-1e12, 1e12), span=st.floats(1e-6, 1e12))
def test_limits_leave_room_on_both_sides_without_a_change_of_sign(low: float, span: float) -> None:
    high = low + span
    found = limits(low, high, whole=False)
    if high > low:
        assert found["minimum"] <= low and found["maximum"] >= high
        assert not (low >= 0 > found["minimum"]) and not (high <= 0 < found["maximum"])
        assert found["maximum"] - found["minimum"] <= 2.5 * (high - low) + 1e-9 * abs(high)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=6) | st.sampled_from(
    ["NA", "None", "true", "1", "2.5", "01", "1,000", "2024-01-01", " 3", "?", "nan", "inf", "1e400", "a", "b"]
)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(TEXTS, min_size=1, max_size=8), name=TEXTS.filter(lambda text: text not in {"y", "noise"}))
def test_any_table_keeps_the_contract_inferred_from_it(tmp_path: Path, values: list[str], name: str) -> None:
    path = write_table(tmp_path / "table.csv", {name: spread(values)})
    contract = contract_of(infer([path], Wishes("y")))
    report = validate([path], contract)
    assert report.valid, summary(report.violations)
    assert len(read_table([path], contract)) == ROWS
