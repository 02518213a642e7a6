"""Tables as people write them: what becomes of dates, numbers and labels, and what is asked first."""

from __future__ import annotations

import shlex
from datetime import date, datetime
from pathlib import Path
from typing import Any

import normalise_table
import pytest
from hypothesis import given
from hypothesis import strategies as st

from <<cookiecutter.package_name>>.inference.normalising import command
from <<cookiecutter.package_name>>.inference.spellings import Choices, spelling

Capture = pytest.CaptureFixture[str]


def read(cells: list[str], **choices: Any) -> list[str]:
    """Return the cells as a contract reads them; they must be of a known spelling."""
    found = spelling(dict.fromkeys(cells, 1), Choices(**choices))
    assert found is not None and found.read is not None
    return [found.read(cell) for cell in cells]


READ: dict[str, tuple[list[str], dict[str, Any], list[str]]] = {
    "day first": (["31/12/2024", "1/2/2024"], {}, ["2024-12-31", "2024-02-01"]),
    "month first": (["12/31/2024", "01/02/2024"], {}, ["2024-12-31", "2024-01-02"]),
    "chosen day": (["01/02/2024"], {"day_first": True}, ["2024-02-01"]),
    "chosen month": (["01-02-2024"], {"day_first": False}, ["2024-01-02"]),
    "same either way": (["01/01/2024", "02/02/2024"], {}, ["2024-01-01", "2024-02-02"]),
    "points": (["31.12.2024", "01.02.2024"], {}, ["2024-12-31", "2024-02-01"]),
    "year first": (["2024/12/31", "2024/1/5"], {}, ["2024-12-31", "2024-01-05"]),
    "unpadded": (["2024-1-5", "2024-12-31"], {}, ["2024-01-05", "2024-12-31"]),
    "compact": (["20241231", "20240105"], {}, ["2024-12-31", "2024-01-05"]),
    "short month": (["5 May 2024", "31 Dec 2024"], {}, ["2024-05-05", "2024-12-31"]),
    "only May": (["5 May 2024", "6 May 2024"], {}, ["2024-05-05", "2024-05-06"]),
    "long month": (["December 31, 2024"], {}, ["2024-12-31"]),
    "clock": (["31/12/2024 23:59", "1/2/2024 0:00"], {}, ["2024-12-31T23:59:00", "2024-02-01T00:00:00"]),
    "afternoon": (["12/31/2024 11:59:01 PM"], {}, ["2024-12-31T23:59:01"]),
    "decimal comma": (["1.234,56", "-7", "0,5"], {}, ["1234.56", "-7", "0.5"]),
    "thousands": (["1,234.5", "1,234,567"], {}, ["1234.5", "1234567"]),
    "chosen comma": (["1,234"], {"decimal": ","}, ["1.234"]),
    "chosen point": (["1,234"], {"decimal": "."}, ["1234"]),
    "dollars": (["$1,200.50", "-$5", "$ 0"], {}, ["1200.50", "-5", "0"]),
    "euros": (["1 200,50 EUR", "7 EUR"], {}, ["1200.50", "7"]),
    "no-break blanks": (["1\u202f200,5\u00a0€", "3,25 €"], {}, ["1200.5", "3.25"]),
    "Swiss": (["1'200.50", "3.5"], {}, ["1200.50", "3.5"]),
    "percent": (["12 %", "7.5%"], {}, ["12", "7.5"]),
    "true minus": (["\u22121,5", "2,25"], {}, ["-1.5", "2.25"]),
    "parentheses": (["(1,200.50)", "7"], {}, ["-1200.50", "7"]),
    "measures": (["150 cm", "99,5 cm"], {}, ["150", "99.5"]),
    "exponent": (["1,5E+03", "2,25"], {}, ["1.5E+03", "2.25"]),
}


@pytest.mark.parametrize("name", READ)
def test_a_spelling_is_read(name: str) -> None:
    cells, choices, expected = READ[name]
    assert read(cells, **choices) == expected


@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (["01/02/2024", "03/04/2024"], ("--day-first", "--month-first")),
        (["01-02-2024 10:00"], ("--day-first", "--month-first")),
        (["1,234", "12,345"], ("--decimal comma", "--decimal point")),
        (["$1.234"], ("--decimal comma", "--decimal point")),
    ],
    ids=["dates", "times", "commas", "points with a unit"],
)
def test_what_can_be_read_in_two_ways_is_asked_about(cells: list[str], options: tuple[str, ...]) -> None:
    found = spelling(dict.fromkeys(cells, 1))
    assert found is not None and found.read is None and found.options == options


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["31/12/24", "1/2/24"], "dates such as '31/12/24' with two digits of the year; write four of them"),
        (["31.12.2024", "2024-12-30"], "dates in several forms, such as '31.12.2024' and '2024-12-30'; write all"),
        (["31/12/2024", "12/31/2024"], "dates in several forms, such as '31/12/2024' and '12/31/2024'; write all"),
        (["$ 1", "€ 1"], "numbers of different units ('$', '€'); write them in one"),
    ],
    ids=["short years", "two forms", "two orders", "two units"],
)
def test_what_cannot_be_read_is_told(cells: list[str], told: str) -> None:
    found = spelling(dict.fromkeys(cells, 1))
    assert found is not None and found.what.startswith(told)
    assert found.read is None and not found.options


@pytest.mark.parametrize(
    "cells",
    [
        ["1.5", "-2e3"],
        ["2024-12-31", "2024-01-01"],
        ["2024-12-31 10:00", "2024-01-01 11:00"],
        ["01234", "99999"],
        ["192.168.1.1", "10.0.0.1"],
        ["555 123 456", "555 987 654"],
        ["INV-2024-001", "INV-2024-002"],
        ["12/31", "1/2"],
        ["LHR 123", "LHR 456"],
        ["99/99/2024", "31/12/2024"],
        ["1,2,3", "4,5,6"],
        ["20240101", "20249999"],
        ["5 min", "1 hour"],
        ["101A", "102B"],
        ["12:30 of 2024", "12:31 of 2024"],
        ["31/12/2024 25:00"],
        ["red", "blue"],
        [],
    ],
    ids=str,
)
def test_other_texts_stay_as_they_are(cells: list[str]) -> None:
    assert spelling(dict.fromkeys(cells, 1)) is None


@pytest.mark.parametrize(
    ("group", "mark"), [(",", "."), (".", ","), (" ", ","), ("\u202f", ","), ("'", ".")], ids=ascii
)
@given(numbers=st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=5))
def test_a_number_is_read_back_whatever_country_wrote_it(group: str, mark: str, numbers: list[Any]) -> None:
    cells = [f"{number:,.2f}".translate({ord(","): group, ord("."): mark}) for number in numbers]
    found = spelling(dict.fromkeys(cells, 1))
    made = cells if found is None else [found.read(cell) for cell in cells]  # type: ignore[misc]  # two digits leave nothing open
    assert list(map(float, made)) == list(map(float, numbers))


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d", "%b %d, %Y"])
@given(days=st.lists(st.dates(date(1900, 1, 1), date(2099, 12, 31)), min_size=2, max_size=5, unique=True))
def test_a_date_is_read_back_or_asked_about(form: str, days: list[date]) -> None:
    cells = [day.strftime(form) for day in days]
    found = spelling(dict.fromkeys(cells, 1))
    assert found is not None
    if found.read is None:
        assert found.options and max(day.day for day in days) <= 12
    else:
        assert [found.read(cell) for cell in cells] == [day.isoformat() for day in days]


GERMAN = """\
Datum;Umsatz;Menge;Anteil;Kommentar;Ja
31.12.2024;1.234,56;1.250;12 %;"zwei
Zeilen";Yes
01.02.2024; 0,5 ;7;-;"ein ""Wort"" hier";yes\x20
02.02.2024;;999;7 %;;NO
03.02.2024;2,5;2.000;3 %;NA;no
04.02.2024;2,5;2.000;3 %;NA;no
"""
STANDARD = """\
Datum,Umsatz,Menge,Anteil,Kommentar,Ja
2024-12-31,1234.56,1250,12,"zwei
Zeilen",yes
2024-02-01,0.5,7,-,"ein ""Wort"" hier",yes
2024-02-02,,999,7,,no
2024-02-03,2.5,2000,3,NA,no
2024-02-04,2.5,2000,3,NA,no
"""


def convert(folder: Path, text: str, *options: str) -> int:
    """Write `text` into `folder`, normalise it into out.csv there, and return the exit code."""
    (folder / "in.csv").write_text(text, encoding="utf-8")
    return normalise_table.main([str(folder / "in.csv"), str(folder / "out.csv"), *options])


def test_a_table_of_german_excel_becomes_one_that_a_contract_reads(tmp_path: Path, capsys: Capture) -> None:
    longer = GERMAN + GERMAN.splitlines(keepends=True)[-1] * 6
    assert convert(tmp_path, longer, "--delimiter", "semicolons", "--merge", "Ja") == 0
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").startswith(STANDARD)
    out = capsys.readouterr().out
    assert "notice: column 'Datum': dates such as '31.12.2024'\n" in out
    assert "notice: column 'Menge': thousands such as '1.250', as other columns have decimal commas" in out
    assert "notice: column 'Anteil': numbers such as '12 %', all in '%'" in out
    assert "notice: column 'Ja': 4 labels became 2" in out
    assert f"infer_contract.py {tmp_path / 'out.csv'} --target COLUMN" in out


def test_labels_become_the_same_whatever_rows_a_batch_has(tmp_path: Path) -> None:
    head = GERMAN.splitlines(keepends=True)[0]
    for rows in (["a;1;1;1;;Yes\n", "a;1;1;1;;yes\n"], ["a;1;1;1;;YES\n"]):
        assert convert(tmp_path, head + "".join(rows), "--delimiter", "semicolons", "--merge", "Ja") == 0
        lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1:]
        assert {line.rpartition(",")[2] for line in lines} == {"yes"}


def test_the_command_for_a_table_that_was_normalised_names_another_file(tmp_path: Path) -> None:
    for name in ("table.csv", "table.normal.csv", "table.csv.gz"):
        path = tmp_path / name
        path.write_text("x\n", encoding="utf-8")
        source, out = shlex.split(command(path, ","))[2:]
        assert (source, Path(out).suffix) == (str(path), ".csv")
        assert source != out


def test_normalising_again_changes_nothing(tmp_path: Path, capsys: Capture) -> None:
    convert(tmp_path, GERMAN, "--delimiter", "semicolons", "--merge", "Ja")
    first = (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert convert(tmp_path, first, "--day-first", "--decimal", "comma", "--merge", "Ja") == 0
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == first
    assert "2 labels became 2" in capsys.readouterr().out


REFUSED: dict[str, tuple[str, list[str], str]] = {
    "open date": ("when,y\n01/02/2024,1\n", [], "column 'when' holds dates such as '01/02/2024', of which no cell tells the day from the month; run again with --day-first or --month-first"),
    "open number": ('x,y\n"1,234",1\n', [], "run again with --decimal comma or --decimal point"),
    "no column": ("x,y\n1,1\n", ["--merge", "yy"], "--merge 'yy': the table has no such column; did you mean 'y'?"),
    "names": ("x, x,y\\n1,1,1\\n", [], "columns 'x' and ' x' differ in blanks only; rename or drop one"),
    "delimiter": ("x;y\n1;1\n", [], "which looks separated by semicolons, wanted commas"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_written_is_refused_and_nothing_written(name: str, tmp_path: Path, capsys: Capture) -> None:
    text, options, message = REFUSED[name]
    assert convert(tmp_path, text, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("out", "message"), [("in.csv", "would overwrite the table"), ("out.parquet", "wanted a name that ends in .csv")]
)
def test_the_table_itself_is_never_overwritten(out: str, message: str, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "in.csv"
    path.write_text("x,y\n1,1\n", encoding="utf-8")
    assert normalise_table.main([str(path), str(tmp_path / out)]) == 2
    assert message in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "x,y\n1,1\n"


def test_names_lose_the_blanks_around_them(tmp_path: Path, capsys: Capture) -> None:
    assert convert(tmp_path, ' x,"a\nb",y\n1,2,3\n') == 0
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "x,a b,y\n1,2,3\n"
    assert "notice: column 'a\\nb' is called 'a b' now" in capsys.readouterr().out


def test_what_is_right_already_is_kept_and_said(tmp_path: Path, capsys: Capture) -> None:
    text = f"when,x,y\n{datetime(2024, 1, 2, 3, 4).isoformat()},1.234,NA\n"
    assert convert(tmp_path, text, "--decimal", "comma") == 0
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == text
    assert "notice: nothing to convert, the table is as it was" in capsys.readouterr().out
