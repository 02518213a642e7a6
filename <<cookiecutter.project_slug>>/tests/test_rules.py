"""Whole columns are judged exactly as jsonschema judges row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from <<cookiecutter.package_name>>.contracts.contract import Contract, from_schema
from <<cookiecutter.package_name>>.contracts.csv_cells import NULL_MARKERS, cell_parser
from <<cookiecutter.package_name>>.contracts.rows import check_row
from <<cookiecutter.package_name>>.dataset import csv_blocks, tables
from <<cookiecutter.package_name>>.dataset.rules import column_rules, row_rules
from <<cookiecutter.package_name>>.dataset.validation import Judge

from tests.contracts import make_schema, write_csv

Broken = set[tuple[str, str, int]]

NUMBERS = ["0", "1", "-1", "2.5", "1.0", "007", "+3", ".5", "5.", "1e3", "-0", "0.1", "0.3", "9007199254740993"]
TRAPS = ["inf", "-inf", "Infinity", "1e400", "0x10", "1_000", "1,000", " 5 ", "\t2", " NA", "5 %", "--1", "1e", "."]
TOO_LONG = "a" * 1025  # no pattern is looked for in it
TEXTS = [
    "a",
    "b",
    "AB",
    "AB\n",
    "abc",
    "é",
    "日本語",
    "1٣",
    "true",
    "True",
    "false",
    "yes",
    "x y",
    'q"q',
    "a\nb",
    "None ",
]
TIMES = [
    "2024-02-29",
    "2023-02-29",
    "2024-1-1",
    "20240101",
    "2024-01-01T00:00:00Z",
    "2024-01-01T25:00:00Z",
    "2024-01-01T00:00:00.123456789Z",
    "2024-01-01T00:00:00.1234567890123+01:00",
    "2024-01-01 00:00:00+00:00",
    "2024-01-01T00:00:00.Z",
]
CELLS = st.sampled_from([*NUMBERS, *TRAPS, *TEXTS, *TIMES, *NULL_MARKERS]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=4
)

BOUNDS = st.integers(-3, 3) | st.sampled_from([0.5, -2.5, 1e300, 2**53 + 1, 10**30])
KEYWORDS = st.fixed_dictionaries(
    {},
    optional={
        "minimum": BOUNDS,
        "maximum": BOUNDS,
        "exclusiveMinimum": BOUNDS,
        "exclusiveMaximum": BOUNDS,
        "multipleOf": st.sampled_from([1, 2, 0.1, 0.5, 3, 1e-300]),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 5),
        "pattern": st.sampled_from(
            ["^[A-Z]{2}$", "a", "^$", r"^\d+$", "b|^a", r"\w", "(?=a)a", "[$]|x$", "^(?:a|b)+$", r"^\S+$", "é"]
        ),
        "format": st.sampled_from(["date", "date-time", "email", "uuid", "ipv4", "hostname", "uri"]),
        "enum": st.lists(
            st.sampled_from([0, 1, 2.5, True, False, "a", "AB", "NA", "", "1", None, 2**53 + 1]), min_size=1, max_size=5
        ),
        "const": st.sampled_from([0, 1, True, "a", 1.0]),
        "not": st.sampled_from([{"const": 1}, {"type": "string"}, {"minimum": 2}, {"pattern": "a$"}]),
        "anyOf": st.just([{"type": "number", "minimum": 1}, {"maxLength": 1}]),
        "oneOf": st.just([{"multipleOf": 2}, {"multipleOf": 3}]),
        "$ref": st.just("#/$defs/small"),
    },
)
TYPES = st.lists(
    st.sampled_from(["integer", "number", "string", "boolean", "null"]), min_size=1, max_size=3, unique=True
).filter(lambda types: types != ["null"])
COLUMN = st.builds(lambda types, keywords: {"type": types, **keywords, "x-role": "ignored"}, TYPES, KEYWORDS)
ROW_KEYWORDS = st.fixed_dictionaries(
    {},
    optional={
        "if": st.just({"properties": {"one": {"type": "number", "minimum": 1}}}),
        "then": st.just({"properties": {"two": {"type": "string"}}}),
        "else": st.just({"not": {"properties": {"two": {"const": "a"}}}}),
        "dependentSchemas": st.just({"one": {"properties": {"two": {"maxLength": 2}}}}),
        "anyOf": st.just([{"properties": {"one": {"type": "string"}}}, {"properties": {"two": {"enum": [1, "a"]}}}]),
        "minProperties": st.sampled_from([3, 9]),
        "not": st.just({"properties": {"one": {"const": True}, "two": {"const": 1}}}),
    },
)


def contract_of(columns: Mapping[str, Any], row: Mapping[str, Any]) -> Contract:
    """Return a contract with `columns` besides a feature and a target."""
    hidden = dict.fromkeys(("id", "day", "fee", "visits"))
    shared = {"$defs": {"small": {"allOf": [{"maximum": 2}, {"maxLength": 2}]}}}
    return from_schema(make_schema({**hidden, **columns}, **shared, **row), "schema")


def judged(contract: Contract, path: Path) -> Broken:
    """Return every (column, rule, row) that column checks find broken."""
    found, before = set(), 0
    for chunk, broken in tables.stream_map(Judge(contract), [path], contract):
        for each in broken:
            found |= {(each.column, each.rule.keyword, before + place) for place in each.places.tolist()}
        before += chunk.rows
    return found


def judged_by_jsonschema(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> Broken:
    """Return every (column, rule, row) that the jsonschema library finds broken, one row after the other."""
    return {(each.column, each.rule, number) for number, row in enumerate(rows) for each in check_row(contract, row)}


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    columns=st.fixed_dictionaries({"one": COLUMN, "two": COLUMN}),
    row=ROW_KEYWORDS,
    cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=30),
    block=st.sampled_from([1 << 9, 1 << 20]),
)
def test_csv_columns_and_jsonschema_agree_on_every_row_and_rule(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    columns: Mapping[str, Any],
    row: Mapping[str, Any],
    cells: Sequence[tuple[str, str]],
    block: int,
) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", block)
    contract = contract_of(columns, row)
    names = ("one", "two", "plan", "won")
    texts = [(*pair, "basic", "1") for pair in cells]
    path = write_csv(tmp_path / "table.csv", names, texts)
    parsers = [cell_parser(contract[name]) for name in names]
    rows = [
        dict(zip(names, [parse(text) for parse, text in zip(parsers, line, strict=True)], strict=True))
        for line in texts
    ]
    assert judged(contract, path) == judged_by_jsonschema(contract, rows)


INTEGERS = st.integers(-4, 4) | st.sampled_from([2**53, 2**53 + 1, -(2**60)])
ARRAYS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "int64": (pa.int64(), INTEGERS),
    "double": (pa.float64(), st.sampled_from([0.0, -0.0, 1.0, 2.5, 0.3, 1e300, 1e17, float("inf"), float("-inf")])),
    "text": (pa.string(), st.sampled_from([*TEXTS, *TIMES, TOO_LONG, "NA", "", "1"])),
    "large text": (pa.large_string(), st.sampled_from([*TEXTS, TOO_LONG])),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(TEXTS)),
    "boolean": (pa.bool_(), st.booleans()),
}


@st.composite
def arrays(draw: st.DrawFn, size: int) -> pa.Array:
    """Draw an Arrow array with nulls."""
    kind, values = draw(st.sampled_from(list(ARRAYS.values())))
    return pa.array(draw(st.lists(st.none() | values, min_size=size, max_size=size)), kind)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), columns=st.fixed_dictionaries({"one": COLUMN, "two": COLUMN}), row=ROW_KEYWORDS)
def test_parquet_columns_and_jsonschema_agree_on_every_row_and_rule(
    tmp_path: Path, data: st.DataObject, columns: Mapping[str, Any], row: Mapping[str, Any]
) -> None:
    contract = contract_of(columns, row)
    drawn = {name: data.draw(arrays(size=12), label=name) for name in ("one", "two")}
    table = pa.table({**drawn, "plan": ["basic"] * 12, "won": [1] * 12})
    pq.write_table(table, tmp_path / "table.parquet")
    assert judged(contract, tmp_path / "table.parquet") == judged_by_jsonschema(contract, table.to_pylist())


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("2024-01-03T00:00:00.1Z", True),
        ("2024-01-03T00:00:00.123456789Z", True),
        ("2024-01-03t00:00:00.123456789012+01:00", True),
        ("2024-01-03T00:00:00.Z", False),
        ("2024-01-03T00:00:00.123456789", False),
        ("2024-01-03 00:00:00+00:00", False),
        (f"2024-01-03T00:00:00.{'1' * 40}Z", False),
    ],
)
def test_a_date_time_has_any_fraction_and_an_offset(text: str, valid: bool, tmp_path: Path) -> None:
    contract = contract_of({"one": {"type": "string", "format": "date-time", "x-role": "ignored"}}, {})
    path = write_csv(tmp_path / "table.csv", ("one", "plan", "won"), [(text, "basic", "1")])
    expected = set() if valid else {("one", "format", 0)}
    assert judged(contract, path) == expected
    assert judged_by_jsonschema(contract, [{"one": text, "plan": "basic", "won": 1}]) == expected


def test_a_row_rule_looks_only_at_the_columns_that_it_names() -> None:
    rule = {"if": {"properties": {"one": {"const": "a"}}}, "then": {"required": ["two"]}}
    text = {"type": "string", "x-role": "ignored"}
    (compiled,) = row_rules(contract_of({"one": text, "two": text}, rule))
    assert compiled.columns == ("one", "two")


@pytest.mark.parametrize(
    "rule",
    [{"minProperties": 3}, {"propertyNames": {"minLength": 1}}, {"not": {"const": {"one": "a"}}}],
    ids=["counts columns", "looks at names", "compares whole rows"],
)
def test_a_row_rule_about_the_whole_row_looks_at_all_columns(rule: Mapping[str, Any]) -> None:
    text = {"type": "string", "x-role": "ignored"}
    (compiled,) = row_rules(contract_of({"one": text}, rule))
    assert set(compiled.columns) == {"one", "plan", "won"}


@pytest.mark.parametrize(
    ("pattern", "portable"),
    [
        ("^C[0-9]{7}$", True),
        (r"^\d+(?:-\w+)?$", True),
        ("(?=a)", False),
        ("(?P<x>a)", False),
        ("é", False),
        ("(?:a{1,999}){999}", False),
        (r"\bx", False),
    ],
)
def test_only_patterns_that_both_engines_read_alike_are_left_to_arrow(pattern: str, portable: bool) -> None:
    column = {"type": "string", "pattern": pattern, "x-role": "ignored"}
    rules = column_rules(contract_of({"one": column}, {}))["one"]
    assert (rules[-1].text is not None) is portable
