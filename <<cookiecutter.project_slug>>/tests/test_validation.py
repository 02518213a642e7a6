"""Tables against their contract: every broken rule with its rows, whatever the file looks like."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from <<cookiecutter.package_name>>.contracts.contract import Contract, from_schema
from <<cookiecutter.package_name>>.contracts.expectations import Expectations
from <<cookiecutter.package_name>>.dataset import csv_blocks, keys
from <<cookiecutter.package_name>>.dataset.cells import CodedCells, TextCells
from <<cookiecutter.package_name>>.dataset.data_report import markdown
from <<cookiecutter.package_name>>.dataset.validation import validate
from <<cookiecutter.package_name>>.errors import DataError

from tests.contracts import HEADER, ROWS, make_contract, make_schema, write_lines

NOW = datetime(2024, 1, 11, tzinfo=UTC)
TEXT = {"type": "string", "x-role": "ignored"}


def broken(paths: Path | Sequence[Path], contract: Contract | None = None) -> list[tuple[str, str, int, list[Any]]]:
    """Return column, rule, count and examples of what the table breaks."""
    there = [paths] if isinstance(paths, Path) else paths
    report = validate(there, contract or make_contract(), now=NOW)
    document = report.document()
    assert document["valid"] is report.valid is (not document["violations"])
    return [
        (each["column"], each["rule"], each["count"], [(one["row"], one["value"]) for one in each["examples"]])
        for each in document["violations"]
    ]


WAYS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "no last line break": lambda text: text.rstrip().encode(),
    "quoted": lambda text: text.replace("basic", '"basic"').encode(),
    "quoted header": lambda text: text.replace("plan", '"plan"').encode(),
    "blank lines": lambda text: ("\n" + text.replace("\na2", "\n\na2") + "\n").encode(),
    "true integers as decimals": lambda text: text.replace(",3,", ",3.0,").encode(),
    "blanks around numbers": lambda text: text.replace(",3,", ", 3 ,").encode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_csv_file_may_be_written_in_many_ways(way: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(WAYS[way]("\n".join([HEADER, *ROWS]) + "\n"))
    assert broken(path) == []
    assert validate([path], make_contract()).rows == 3


def test_a_compressed_csv_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *ROWS, "a4,never,basic,1,1,1", ""]).encode()))
    assert broken(path) == [("day", "format", 1, [(4, "never")])]


def test_every_broken_rule_is_told_with_count_rows_and_original_text(tmp_path: Path) -> None:
    bad = (
        "b1,2024-13-01,pro,abc,3.5,2",
        'b2,2024-01-02,plus,inf,"4,000",yes',
        "b3,,,-5,,",
        "b4,2024-01-02,basic,11,1e2,1",
    )
    path = write_lines(tmp_path / "table.csv", HEADER, ROWS[0], *bad)
    assert broken(path) == [
        ("day", "type", 1, [(4, None)]),
        ("day", "format", 1, [(2, "2024-13-01")]),
        ("plan", "type", 1, [(4, None)]),
        ("plan", "enum", 2, [(2, "pro"), (4, None)]),
        ("fee", "type", 2, [(2, "abc"), (3, "inf")]),
        ("fee", "minimum", 1, [(4, -5)]),
        ("fee", "maximum", 1, [(5, 11)]),
        ("visits", "type", 3, [(2, 3.5), (3, "4,000"), (4, None)]),
        ("won", "type", 2, [(3, "yes"), (4, None)]),
        ("won", "enum", 3, [(2, 2), (3, "yes"), (4, None)]),
    ]


def test_rows_are_numbered_through_all_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 256)
    rows = [f"a{number},2024-01-01,basic,{11 if number % 50 == 0 else 1},1,{number % 2}" for number in range(1, 201)]
    plain = write_lines(tmp_path / "plain.csv", HEADER, *rows)
    quoted = write_lines(tmp_path / "quoted.csv", HEADER, *rows[:99], f'"{rows[99][:4]}"{rows[99][4:]}', *rows[100:])
    expected = [("fee", "maximum", 4, [(50, 11), (100, 11), (150, 11), (200, 11)])]
    assert broken(plain) == broken(quoted) == expected


def test_quoted_line_breaks_may_lie_anywhere_in_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 256)
    rows = [f'"a\n\n{number}",2024-01-01,basic,1,1,{number % 2}' for number in range(200)]
    path = write_lines(tmp_path / "table.csv", HEADER, *rows, "a,2024-01-01,pro,1,1,1")
    assert broken(path) == [("plan", "enum", 1, [(201, "pro")])]


def test_a_line_break_in_a_column_name_is_part_of_it(tmp_path: Path) -> None:
    contract = make_contract({"a\nb": {"type": "integer", "x-role": "ignored"}})
    path = write_lines(tmp_path / "table.csv", f'{HEADER},"a\nb"', *[row + ",1" for row in ROWS])
    assert broken(path, contract) == []


def test_integers_are_exact_beyond_the_reach_of_doubles(tmp_path: Path) -> None:
    contract = make_contract({"visits": {"type": "integer", "multipleOf": 2, "x-role": "feature"}})
    visits = [2**53, 2**53 + 1, 2**60 + 1]
    rows = [ROWS[0].replace(",3,", f",{number},") for number in visits]
    table = {"id": ["a"] * 3, "day": ["2024-01-01"] * 3, "plan": ["basic"] * 3, "fee": [1.0] * 3, "visits": visits}
    pq.write_table(pa.table({**table, "won": [1] * 3}), tmp_path / "table.parquet")
    expected = [("visits", "multipleOf", 2, [(2, 2**53 + 1), (3, 2**60 + 1)])]
    assert broken(write_lines(tmp_path / "table.csv", HEADER, *rows), contract) == expected
    assert broken(tmp_path / "table.parquet", contract) == expected


def test_quoted_line_breaks_do_not_count_as_rows(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "table.csv", HEADER, '"a\n1",2024-01-01,basic,1,1,0', "a2,2024-01-01,pro,1,1,1")
    assert broken(path) == [("plan", "enum", 1, [(2, "pro")])]


def test_a_marker_is_null_unless_the_enum_lists_it(tmp_path: Path) -> None:
    contract = make_contract(
        {
            "plan": {"type": ["string", "null"], "enum": ["NA", "basic", None], "minLength": 1, "x-role": "feature"},
            "fee": {"type": ["number", "null"], "x-nulls": ["-"], "x-role": "feature"},
            "note": {**TEXT, "type": ["string", "null"], "pattern": "^x"},
        }
    )
    path = write_lines(
        tmp_path / "table.csv", f"{HEADER},note", "a1,2024-01-01,NA,-,1,0,NA", "a2,2024-01-01,?, NA ,1,1,xy"
    )
    report = validate([path], contract)
    assert report.valid
    strict = make_contract({"plan": {"type": "string", "enum": ["NA", "basic"], "x-role": "feature"}, "note": TEXT})
    assert broken(path, strict)[-1] == ("note", "type", 1, [(1, None)])


def test_booleans_are_words_and_not_numbers(tmp_path: Path) -> None:
    contract = make_contract({"plan": {"type": "boolean", "x-role": "feature"}})
    rows = [
        row.replace("basic", word)
        for row, word in zip(ROWS * 2, ["true", "True", "FALSE", "1", "yes", "false"], strict=True)
    ]
    path = write_lines(tmp_path / "table.csv", HEADER, *[row.replace("plus", "true") for row in rows])
    assert [row for _, rule, _, examples in broken(path, contract) if rule == "type" for row in examples] == [(4, "1")]


def test_columns_that_are_missing_misspelt_or_unknown_are_told(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "table.csv", HEADER.replace("fee", "fees") + ",more", *[row + ",1" for row in ROWS])
    report = validate([path], make_contract(), now=NOW).document()["violations"]
    assert [(each["column"], each["rule"], each["count"], each["hint"]) for each in report] == [
        ("fee", "required", 3, "did you mean 'fees'?"),
        ("fees", "additionalProperties", 3, "did you mean 'fee'?"),
        ("more", "additionalProperties", 3, ""),
    ]


def test_several_files_are_one_table_and_rows_are_told_by_file(tmp_path: Path) -> None:
    one = write_lines(tmp_path / "1.csv", HEADER, *ROWS)
    two = write_lines(tmp_path / "2.csv", HEADER, ROWS[0], "a9,2024-01-01,pro,1,1,1")
    contract = make_contract(demands={"unique": (("id",),)})
    document = validate([one, two], contract, now=NOW).document()
    assert document["rows"] == 5
    assert [(each["rule"], each["examples"]) for each in document["violations"]] == [
        ("enum", [{"path": str(two), "row": 2, "value": "pro"}]),
        ("unique", [{"path": str(two), "row": 1, "value": ["a1"]}]),
    ]


FOREIGN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty, wanted a header and rows"),
    "blank": (b"\n\n", "the file is empty"),
    "semicolons": (HEADER.replace(",", ";").encode(), "looks separated by semicolons, wanted commas"),
    "latin-1 header": ("id,d\u00e4y\n".encode("latin-1"), "not UTF-8 .line 1 holds byte 0xe4"),
    "latin-1": (
        f"{HEADER}\n{ROWS[0]}\né,,,,,\n".encode("latin-1"),
        "not UTF-8 .line 3 holds byte 0xe9.; save it as UTF-8",
    ),
    "utf-16": (
        HEADER.encode("utf-16"),
        "UTF-16; save it so, for example: cat .* . iconv -f utf-16 -t utf-8 > .*table.utf-8.csv",
    ),
    "comment": (
        f"# lab\n{HEADER}\n".encode(),
        "row 1 has 6 cells .*, the first line 1; delete what is above the header",
    ),
    "separator": (
        f"sep=,\n{HEADER}\n".encode(),
        "row 1 has 6 cells .*, the first line 2; delete what is above the header",
    ),
    "spreadsheet": (b"PK\x03\x04", "not text; save spreadsheets as CSV"),
    "duplicate column": (f"{HEADER},fee\n".encode(), "in the header, columns 4, 7 have the same name 'fee': rename"),
    "duplicate and unnamed columns": (
        f"{HEADER},fee,,\n".encode(),
        "columns 4, 7 have the same name 'fee'; columns 8, 9 have no name: rename them, or drop them from every row",
    ),
    "short row": (f"{HEADER}\n{ROWS[0]}\na,b\n".encode(), "row 2 has 2 cells, wanted 6 as in the header .a,b."),
    "long row behind a quote": (f'{HEADER}\n"a1"{ROWS[0][2:]}\n{ROWS[1]},9\n'.encode(), "row 2 has 7 cells, wanted 6"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_table_is_refused_with_what_to_do(name: str, tmp_path: Path) -> None:
    content, message = FOREIGN[name]
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"table.csv: .*{message}"):
        validate([path], make_contract())


@pytest.mark.parametrize("name", ["table.parquet", "table.csv.gz"])
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no such thing")
    with pytest.raises(DataError, match=f"{name}: cannot be read"):
        validate([tmp_path / name], make_contract())


def test_a_file_truncated_in_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    rows = [f"{HEADER}\n", *(f"a{number},2024-01-01,basic,1,1,1\n" for number in range(9_000))]
    path.write_bytes(gzip.compress("".join(rows).encode())[:-2000])
    with pytest.raises(DataError, match="cannot be read"):
        validate([path], make_contract())


def test_an_endless_quote_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 1 << 20)
    path = write_lines(tmp_path / "table.csv", HEADER, '"' + "x" * (3 << 20))
    with pytest.raises(DataError, match="a row is longer than 1 MiB; is a quote opened and never closed"):
        validate([path], make_contract())


def test_parquet_columns_keep_their_types(tmp_path: Path) -> None:
    table = {
        "id": pa.array(["a", "b"], pa.large_string()),
        "day": pa.array([datetime(2024, 1, 1), datetime(2024, 1, 2)], pa.timestamp("ns")),
        "plan": pa.array(["basic", "plus"]).dictionary_encode(),
        "fee": pa.array([Decimal("1.50"), Decimal("10.01")]),
        "visits": pa.array([1, None], pa.int8()),
        "won": pa.array([0.0, 1.0], pa.float32()),
    }
    pq.write_table(pa.table(table), tmp_path / "table.parquet")
    assert broken(tmp_path / "table.parquet") == [
        ("fee", "maximum", 1, [(2, 10.01)]),
        ("visits", "type", 1, [(2, None)]),
    ]


@pytest.mark.parametrize(
    ("kind", "value", "form", "valid"),
    [
        (pa.date32(), date(2024, 1, 1), "date", True),
        (pa.timestamp("us"), datetime(2024, 1, 1, 5), "date", False),
        (pa.timestamp("us"), datetime(2024, 1, 1, 5), "date-time", True),
        (pa.timestamp("us", "Europe/Berlin"), datetime(2024, 1, 1, tzinfo=UTC), "date-time", True),
        (pa.string(), "2024-01-01", "date", True),
        (pa.int64(), 20240101, "date", False),
    ],
    ids=["date", "time of day", "naive time", "zoned time", "text", "number"],
)
def test_parquet_times_become_iso_text(kind: pa.DataType, value: Any, form: str, valid: bool, tmp_path: Path) -> None:
    contract = make_contract({"day": {"type": "string", "format": form, "x-role": "timestamp"}})
    rows = {"id": ["a"], "day": pa.array([value], kind), "plan": ["basic"], "fee": [1.0], "visits": [1], "won": [1]}
    pq.write_table(pa.table(rows), tmp_path / "table.parquet")
    assert (broken(tmp_path / "table.parquet", contract) == []) is valid


@pytest.mark.parametrize("seconds", [400_000_000_000, -70_000_000_000], ids=["after", "before"])
def test_a_parquet_time_outside_of_the_calendar_is_refused(seconds: int, tmp_path: Path) -> None:
    pq.write_table(pa.table({"day": pa.array([0, seconds], pa.timestamp("s"))}), tmp_path / "table.parquet")
    with pytest.raises(DataError, match=r"column 'day' holds timestamp.* outside of the years 1 to 9999 .*; mend or"):
        validate([tmp_path / "table.parquet"], make_contract())


def test_a_nested_parquet_column_is_refused(tmp_path: Path) -> None:
    rows = {"id": [["a"]], "day": ["2024-01-01"], "plan": ["basic"], "fee": [1.0], "visits": [1], "won": [1]}
    pq.write_table(pa.table(rows), tmp_path / "table.parquet")
    with pytest.raises(DataError, match="column 'id' holds list<.*>, wanted text, numbers"):
        validate([tmp_path / "table.parquet"], make_contract())


def many(fee: Callable[[int], object] = lambda number: 1, count: int = 100) -> list[str]:
    """Return rows with alternating classes and the fees that `fee` gives."""
    return [f"a{number},2024-01-01,basic,{fee(number)},1,{number % 2}" for number in range(count)]


DEMANDS: dict[str, tuple[Mapping[str, Any], list[str], tuple[str, str, int]]] = {
    "rows": ({"min_rows": 101}, many(), ("", "rows.min", 100)),
    "no rows": ({}, [], ("", "rows.min", 0)),
    "nulls": ({"nulls": {"fee": 0.1}}, many(lambda number: "" if number < 11 else 1), ("fee", "nulls", 11)),
    "unique": ({"unique": (("id",),)}, [*many(), many()[3]], ("id", "unique", 1)),
    "unique pair": ({"unique": (("plan", "won"),)}, many(count=3), ("plan, won", "unique", 1)),
    "class share": ({"min_class_share": 0.6}, [*many(), *many(count=1)], ("won", "min_class_share", 51)),
    "freshness": ({"max_age_days": 9}, many(), ("day", "freshness.max_age_days", 100)),
    "copied target": ({}, many(lambda number: number % 2), ("fee", "leakage.identical", 100)),
    "relabelled target": ({}, many(lambda number: 7.5 - number % 2), ("fee", "leakage.identical", 100)),
    "only the future": ({"max_age_days": 9}, ["a1,2206-01-01,basic,1,1,1"], ("day", "freshness.max_age_days", 1)),
    "null where lost": ({}, many(lambda number: 1 if number % 2 else ""), ("fee", "leakage.identical", 100)),
}


@pytest.mark.parametrize("name", DEMANDS)
def test_a_table_must_meet_its_expectations(name: str, tmp_path: Path) -> None:
    demands, rows, expected = DEMANDS[name]
    path = write_lines(tmp_path / "table.csv", HEADER, *rows)
    assert expected in [found[:3] for found in broken(path, make_contract(demands=demands))]


@pytest.mark.parametrize(
    ("demands", "expected"),
    [
        ({"nulls": {"fee": 0.05}}, ("fee", "nulls", 103)),
        ({"unique": (("fee",),)}, ("fee", "unique", 103)),
        ({"unique": (("id", "fee"),)}, ("id, fee", "unique", 103)),
    ],
    ids=["nulls", "key", "part of a key"],
)
def test_a_column_that_need_not_be_there_must_still_meet_its_expectations(
    demands: Mapping[str, Any], expected: tuple[str, str, int], tmp_path: Path
) -> None:
    schema = make_schema(required=["id", "day", "plan", "visits", "won"])
    contract = from_schema(schema, "data.schema.json", Expectations(**demands))
    whole = write_lines(tmp_path / "whole.csv", HEADER, *many(lambda number: number / 100))
    lacking = [f"b{number},2024-01-01,basic,1,{number % 2}" for number in range(103)]
    paths = [whole, write_lines(tmp_path / "lacking.csv", "id,day,plan,visits,won", *lacking)]
    assert broken(paths[:1], contract) == []
    assert [found[:3] for found in broken(paths, contract)] == [expected]


def test_one_date_in_the_future_does_not_make_an_old_table_fresh(tmp_path: Path) -> None:
    rows = [row.replace("2024", "2019") for row in many(count=49)]
    path = write_lines(tmp_path / "table.csv", HEADER, *rows, "b,2206-01-01,basic,1,1,1")
    report = validate([path], make_contract(demands={"max_age_days": 7}), now=NOW)
    assert [violation.hint for violation in report.violations] == ["newest 2019-01-01T00:00:00+00:00, 1836.0 days old"]


@pytest.mark.parametrize(
    ("demands", "rows"),
    [
        ({"min_rows": 100}, many()),
        ({"nulls": {"fee": 0.1}}, many(lambda number: "" if number < 10 else 1)),
        ({"unique": (("id",),)}, many()),
        ({"unique": (("fee",),)}, many(lambda number: "" if number < 50 else number / 10)),
        ({"min_class_share": 0.5}, many()),
        ({"max_age_days": 10}, many()),
        ({"max_age_days": 10}, [row.replace("2024-01-01", "2024-01-12") for row in many()]),
        ({"refuse_leaks": False}, many(lambda number: number % 2)),
        ({}, many(lambda number: 2 if number == 99 else number % 2)),
        ({}, many(lambda number: number % 2, count=19)),
    ],
    ids=[
        "rows",
        "nulls",
        "unique",
        "nulls are not compared",
        "shares",
        "fresh",
        "a day ahead",
        "leak allowed",
        "one row differs",
        "few rows",
    ],
)
def test_a_table_on_the_edge_of_its_expectations_is_valid(
    demands: Mapping[str, Any], rows: list[str], tmp_path: Path
) -> None:
    assert (
        broken(
            write_lines(tmp_path / "table.csv", HEADER, *rows),
            make_contract({"fee": {"type": ["number", "null"], "x-role": "feature"}}, demands),
        )
        == []
    )


def test_a_copied_number_leaks_a_regression_target(tmp_path: Path) -> None:
    contract = make_contract({"won": {"type": "number", "x-role": "target"}})
    rows = [f"a{number},2024-01-01,basic,{number / 10},{number},{number / 10}" for number in range(50)]
    assert [found[:2] for found in broken(write_lines(tmp_path / "table.csv", HEADER, *rows), contract)] == [
        ("fee", "leakage.identical")
    ]


def test_a_timestamp_that_cannot_be_read_is_not_fresh(tmp_path: Path) -> None:
    contract = make_contract({"day": {"type": "string", "x-role": "timestamp"}}, {"max_age_days": 9})
    path = write_lines(tmp_path / "table.csv", HEADER, "a1,soon,basic,1,1,1")
    assert ("day", "freshness.max_age_days", 1, []) in broken(path, contract)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(["", "a", "ab", "abcdefgh", "abcdefghi", "é", "x" * 40]), st.integers(-2, 2)),
        max_size=60,
    ),
    limit=st.sampled_from([5, 1000]),
)
def test_repeated_keys_are_found_in_memory_and_on_disk(pairs: list[tuple[str, int]], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "IN_MEMORY", limit)
        seen = keys.Keys()
        for start in range(0, len(pairs), 7):
            part = pairs[start : start + 7]
            texts, numbers = TextCells(pa.array([text for text, _ in part])), np.array([float(n) for _, n in part])
            digests, whole = keys.digests([texts, CodedCells(numbers, None)])
            assert whole.all()
            seen.add(digests, np.arange(start, start + len(part), dtype=np.uint64))
        expected = [number for number, pair in enumerate(pairs) if pair in pairs[:number]]
        assert seen.repeated(3) == (len(expected), expected[:3])


def test_equal_numbers_have_equal_digests_however_they_are_held() -> None:
    plain, _ = keys.digests([CodedCells(np.array([5.0, -0.0]), None)])
    coded, _ = keys.digests([CodedCells(None, np.array([0, 1], np.int32), (5, 0))])
    assert plain.tolist() == coded.tolist()


def test_the_report_is_strict_json_and_a_markdown_table(tmp_path: Path) -> None:
    contract = make_contract({"fee": {"type": "number", "x-role": "feature"}})
    table = {
        "id": ["|x|" + "y" * 200],
        "day": ["x"],
        "plan": ["basic"],
        "fee": [float("inf")],
        "visits": [1],
        "won": [1],
    }
    pq.write_table(pa.table(table), tmp_path / "table.parquet")
    document = validate([tmp_path / "table.parquet"], contract).document()
    json.dumps(document, allow_nan=False)
    text = markdown(document)
    assert text.startswith("**Data invalid**: 1 rows, 2 of")
    assert '| fee | type | "number" | 1 | row 1: "inf" |' in text
    assert document["format"] == "data-report/1" and len(document["data"]["sha256"]) == 64


def test_markdown_escapes_what_data_holds(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "table.csv", HEADER, "a1,2024-01-01,<b>|`x`,1,1,1")
    assert r'row 1: "\<b\>\|\`x\`"' in markdown(validate([path], make_contract(), now=NOW).document())


@pytest.mark.slow
def test_validation_needs_neither_pandas_nor_the_libraries_of_training(tmp_path: Path) -> None:
    (tmp_path / "data.schema.json").write_text(json.dumps(make_schema()), encoding="utf-8")
    (tmp_path / "dataset.toml").write_text("", encoding="utf-8")
    write_lines(tmp_path / "table.csv", HEADER, *ROWS, "a4,2024-01-01,,abc,NA,1")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from <<cookiecutter.package_name>>.contracts.contract import load_contract\n"
        "from <<cookiecutter.package_name>>.dataset.validation import validate\n"
        "report = validate([Path('table.csv')], load_contract(Path()))\n"
        "print(len(report.violations), {'pandas', 'mlflow', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules))"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
    assert done.stdout == "4 set()\n"
