"""Tables for training: typed, refused with the rows that cannot be used."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from <<cookiecutter.package_name>>.contracts.contract import from_schema
from <<cookiecutter.package_name>>.dataset.data import read_table
from <<cookiecutter.package_name>>.dataset.raw_tables import read_raw
from <<cookiecutter.package_name>>.dataset.tables import resolve
from <<cookiecutter.package_name>>.errors import DataError
from <<cookiecutter.package_name>>.files import sha256

from tests.contracts import HEADER, ROWS, make_contract, make_schema, write_lines


def test_columns_come_typed_for_training(tmp_path: Path) -> None:
    contract = make_contract(
        {
            "plan": {"type": ["string", "null"], "enum": ["basic", "plus", None], "x-role": "feature"},
            "flag": {"type": ["boolean", "null"], "x-role": "feature"},
            "size": {"type": "integer", "enum": [1, 2], "x-role": "feature"},
            "note": {"type": "string", "x-role": "ignored"},
            "group": {"enum": ["x", "y"], "x-role": "ignored", "x-slice": True},
        }
    )
    path = write_lines(
        tmp_path / "t.csv", f"{HEADER},flag,size,note,group", f"{ROWS[0]},True,1,n,x", "a2,2024-01-02,,,4,1,,2.0,n,y"
    )
    frame = read_table([path], contract)
    assert list(frame) == ["id", "day", "plan", "fee", "visits", "won", "flag", "size", "group"]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        **dict.fromkeys(("id", "plan", "flag", "size", "group"), "object"),
        **dict.fromkeys(("fee", "visits"), "float64"),
        "day": "datetime64[us]",
        "won": "int64",
    }
    assert [frame.at[0, name] for name in ("plan", "fee", "flag", "size")] == ["basic", 1.5, "true", "1"]
    assert frame.loc[[1], ["plan", "fee", "flag"]].isna().all(axis=None)
    assert frame.loc[1, "size"] == "2"


@pytest.mark.parametrize(
    ("target", "cells", "expected", "kind"),
    [
        ({"enum": [False, True]}, ["True", "false"], [True, False], "bool"),
        ({"enum": ["no", "None"]}, ["None", "no"], ["None", "no"], "object"),
        ({"enum": [0, 1], "type": "integer"}, ["1.0", "0"], [1, 0], "int64"),
        ({"type": "number"}, ["1", "2.5"], [1.0, 2.5], "float64"),
    ],
    ids=["booleans", "texts", "integers", "regression"],
)
def test_labels_keep_their_json_type(
    target: dict[str, Any], cells: list[str], expected: list[Any], kind: str, tmp_path: Path
) -> None:
    contract = make_contract({"won": {**target, "x-role": "target"}})
    path = write_lines(tmp_path / "t.csv", HEADER, *[f"a,2024-01-01,basic,1,1,{cell}" for cell in cells])
    labels = read_table([path], contract)["won"]
    assert (labels.tolist(), str(labels.dtype)) == (expected, kind)


def test_csv_and_parquet_give_the_same_frame(tmp_path: Path) -> None:
    csv_path = write_lines(tmp_path / "t.csv", HEADER, *ROWS)
    day = pa.array([1_704_067_200, 1_704_153_600, 1_704_240_000], pa.timestamp("s"))
    rows = {"id": ["a1", "a2", "a3"], "day": day, "plan": ["basic", "plus", "basic"], "fee": [1.5, None, 9.5]}
    pq.write_table(pa.table({**rows, "visits": [3, 4, 3], "won": [0, 1, 1]}), tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(
        read_table([csv_path], make_contract()), read_table([tmp_path / "t.parquet"], make_contract())
    )


def test_features_alone_can_be_read_from_a_table_without_target(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "t.csv", "visits,fee,plan", "1,2,basic")
    frame = read_table([path], make_contract(), columns=("plan", "fee", "visits"))
    assert frame.to_dict("records") == [{"plan": "basic", "fee": 2.0, "visits": 1.0}]


def test_an_optional_feature_that_a_file_lacks_is_null(tmp_path: Path) -> None:
    schema = make_schema({"new": {"type": ["number", "null"], "x-role": "feature"}}, required=HEADER.split(","))
    frame = read_table([write_lines(tmp_path / "t.csv", HEADER, *ROWS)], from_schema(schema, "schema"))
    assert frame["new"].isna().all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            ["a,2024-01-01,basic,1,1,", *ROWS, "b,2024-01-01,basic,1,1,NA"],
            r"'won' \(target\) is empty in row 1, 5; drop",
        ),
        ([ROWS[0], "b,2024-01-01,basic,1,1,2"], r"'won' \(target\) holds '2' in row 2, wanted one of \[0, 1\]"),
        (
            [ROWS[0], "b,2024-01-01,basic,abc,1,1"],
            r"'fee' \(feature\) holds 'abc' in row 2, wanted number; .*validate_data",
        ),
        (
            ["b,0001-01-01T00:00:00+01:00,basic,1,1,1"],
            r"'day' \(timestamp\) holds '0001-01-01T00:00:00\+01:00' in row 1",
        ),
        (
            ["b,9999-12-31T23:59:59-05:00,basic,1,1,1"],
            r"'day' \(timestamp\) holds '9999-12-31T23:59:59-05:00' in row 1",
        ),
        (
            [ROWS[0], f"b,2024-01-01,basic,1,1{'0' * 400},1"],
            r"'visits' \(feature\) holds '10+' in row 2, wanted integer",
        ),
        (["b,tomorrow,basic,1,1,1"], r"'day' \(timestamp\) holds 'tomorrow' in row 1, wanted an ISO 8601 date"),
    ],
    ids=[
        "no label",
        "unknown label",
        "no number",
        "before the calendar",
        "after the calendar",
        "beyond doubles",
        "no date",
    ],
)
def test_cells_that_training_cannot_use_are_refused_with_their_rows(
    rows: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read_table([write_lines(tmp_path / "t.csv", HEADER, *rows)], make_contract())


def test_an_integer_of_any_length_is_a_double_to_training(tmp_path: Path) -> None:
    cells = (2**64, -(2**70), 10**299)
    path = write_lines(tmp_path / "t.csv", HEADER, *[f"a,2024-01-01,basic,1,{cell},1" for cell in cells])
    assert read_table([path], make_contract())["visits"].tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize("cell", ["1e200", "-1e151"])
def test_a_target_whose_square_is_no_double_is_refused_with_its_row(cell: str, tmp_path: Path) -> None:
    contract = make_contract({"won": {"type": "number", "x-role": "target"}})
    path = write_lines(tmp_path / "t.csv", HEADER, *ROWS, f"a,2024-01-01,basic,1,1,{cell}")
    message = r"'won' \(target\) holds -?1e\+\d+ in row 4, wanted numbers within 1e\+150 of zero, as errors are squared"
    with pytest.raises(DataError, match=message):
        read_table([path], contract)


def test_a_missing_column_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "t.csv", HEADER.replace("won", "win"), *ROWS)
    with pytest.raises(DataError, match=r"t.csv: no column 'won', which is the contract's target; did you mean 'win'"):
        read_table([path], make_contract())


def test_files_are_found_by_name_glob_and_folder(tmp_path: Path) -> None:
    one, two = (write_lines(tmp_path / name, HEADER, *ROWS) for name in ("1.csv", "2.csv"))
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    assert resolve(str(one)) == (one,)
    assert resolve(f"{tmp_path}/*.csv") == resolve(tmp_path) == (one, two)


def test_a_folder_gives_its_tables_whatever_the_case_of_their_names_and_none_that_is_hidden(tmp_path: Path) -> None:
    names = ("B.CSV", "a.csv", "c.Parquet", ".tmp.csv")
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in resolve(tmp_path)] == ["B.CSV", "a.csv", "c.Parquet"]


def test_a_suffix_in_capitals_says_what_a_file_is(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "T.PARQUET")
    (tmp_path / "T.CSV.GZ").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert sum(read_raw([path]).num_rows for path in resolve(tmp_path)) == 3


def test_a_file_name_with_brackets_is_no_glob(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "t[1].csv", HEADER)
    assert resolve(path) == (path,)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("custmers.csv", "no such file; did you mean 'customers.csv'"),
        ("big.csv", "run `dvc pull .*big.csv.dvc`"),
        ("empty", "holds no CSV or Parquet file"),
        ("none/x.csv", "no such file"),
    ],
    ids=["misspelt", "tracked by dvc", "empty folder", "missing folder"],
)
def test_a_table_that_is_not_there_is_told_with_what_to_do(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "customers.csv").touch()
    (tmp_path / "big.csv.dvc").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        resolve(tmp_path / name)


def test_a_table_is_known_by_the_digest_of_its_files_in_order(tmp_path: Path) -> None:
    one = write_lines(tmp_path / "1.csv", HEADER, *ROWS, '"a\n4",2024-01-01,basic,1,1,1')
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "2.parquet")
    content = one.read_bytes() + (tmp_path / "2.parquet").read_bytes()
    assert sha256([one, tmp_path / "2.parquet"]) == hashlib.sha256(content).hexdigest()
    assert [read_raw([path]).num_rows for path in resolve(tmp_path)] == [4, 2]


@pytest.mark.parametrize("row", ["1,2,3", '"1\n1",2,"3"', '1,"2\n",3'], ids=["plain", "quoted first", "quoted later"])
def test_a_table_is_cut_by_its_delimiter_whatever_its_header_holds(row: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "t.csv", "x,z (kg; net; 2024; approx),y", "1,2,3", "", row)
    assert read_raw([path], ",").num_rows == 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_rows_are_told_apart_whatever_the_line_break(end: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(end.join(["a;b", "1;2", "", "3;4"]).encode())
    assert read_raw([path], ";").num_rows == 2


def test_a_change_in_the_last_row_changes_the_digest(tmp_path: Path) -> None:
    one, two = (
        write_lines(tmp_path / f"{end}.csv", HEADER, *ROWS * 9, f"a,2024-01-01,basic,1,{end},1") for end in (1, 2)
    )
    assert sha256([one]) != sha256([two])
