from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from <<cookiecutter.package_name>>.contracts.contract import from_schema
from <<cookiecutter.package_name>>.errors import DataError, RowsRefusedError
from <<cookiecutter.package_name>>.learning.prediction import score

from tests.example import fitted, make_contract, make_frame


def table(folder: Path, kind: str = "binary", *, drop: tuple[str, ...] = ()) -> tuple[Path]:
    path = folder / "rows.csv"
    make_frame(kind, rows=30).drop(columns=list(drop)).to_csv(path, index=False)
    return (path,)


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("binary", ["probability_no", "probability_yes"]),
        ("boolean", ["probability_false", "probability_true"]),
        ("integer", ["probability_3", "probability_1"]),
        ("multiclass", ["probability_low", "probability_mid", "probability_top"]),
        ("regression", []),
    ],
)
def test_each_row_gets_its_id_an_answer_and_probabilities(kind: str, columns: list[str], tmp_path: Path) -> None:
    answers = score(fitted(kind).pipeline, make_contract(kind), table(tmp_path, kind, drop=("answer", "day")))
    assert list(answers) == ["row", "prediction", *columns]
    assert list(answers["row"]) == list(make_frame(kind, rows=30)["row"])
    expected = fitted(kind).pipeline.predict(make_frame(kind, rows=30)[list(make_contract(kind).features)])
    if kind == "regression":
        np.testing.assert_allclose(answers["prediction"], expected)
    else:
        assert list(answers["prediction"]) == [str(label).lower() for label in expected]
        np.testing.assert_allclose(answers[columns].sum(axis=1), 1)


def test_rows_without_ids_are_numbered(tmp_path: Path) -> None:
    answers = score(fitted().pipeline, make_contract(), table(tmp_path, drop=("row", "answer")))
    assert list(answers["row"]) == list(range(1, 31))


def test_an_id_with_the_name_of_an_answer_is_refused(tmp_path: Path) -> None:
    schema = make_contract().schema
    columns = {{"row": "prediction"}.get(name, name): rules for name, rules in schema["properties"].items()}
    contract = from_schema({**schema, "properties": columns, "required": list(columns)}, "example")
    path = tmp_path / "rows.csv"
    make_frame(rows=30).rename(columns={"row": "prediction"}).to_csv(path, index=False)
    with pytest.raises(
        DataError, match=r"id column 'prediction' has the name of a column of the answers .*; rename it"
    ):
        score(fitted().pipeline, contract, (path,))


def test_a_table_with_its_answers_is_scored_all_the_same(tmp_path: Path) -> None:
    assert len(score(fitted().pipeline, make_contract(), table(tmp_path))) == 30


def test_rows_that_break_the_contract_are_refused(tmp_path: Path) -> None:
    frame = make_frame(rows=30)
    frame.loc[3, "kind"] = "z"
    frame.loc[[5, 6], "load"] = np.nan
    frame.to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(
        RowsRefusedError, match=r"bad\.csv: .*: load: type \(2\); kind: enum \(1\); row 6 holds null in column 'load'$"
    ):
        score(fitted().pipeline, make_contract(), (tmp_path / "bad.csv",))


def test_a_missing_feature_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="load: required"):
        score(fitted().pipeline, make_contract(), table(tmp_path, drop=("load",)))


def test_several_files_are_one_table(tmp_path: Path) -> None:
    (path,) = table(tmp_path)
    pd.read_csv(path).iloc[:5].to_csv(tmp_path / "more.csv", index=False)
    answers = score(fitted().pipeline, make_contract(), (path, tmp_path / "more.csv"))
    assert len(answers) == 35
