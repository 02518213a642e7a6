"""Write a table again in the spellings that a contract reads: ISO dates, decimal points, one spelling of a label.

This happens before the contract, in a file, so that training, validation and the served model meet the same form.
"""

from __future__ import annotations

import csv
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from .. import files
from ..contracts.csv_cells import BLANKS, NULL_MARKERS
from ..dataset import raw_tables, tables
from ..dataset.csv_blocks import DELIMITERS
from ..errors import DataError, did_you_mean
from .alike import merged
from .amounts import grouped_by_points, read_number
from .spellings import Choices, Spelling, spelling

ROWS = 1 << 14  # turned into Python's texts at once


@dataclass(frozen=True)
class Order:
    """How to read what the cells leave open, and the columns whose labels that are alike become one."""

    choices: Choices = field(default_factory=Choices)
    merge: tuple[str, ...] = ()


def command(source: str | Path, delimiter: str) -> str:
    """Return the command line that normalises the CSV file (or glob) `source`."""
    path = Path(source)
    globbed = not path.is_file()
    out = Path("table.normal.csv") if globbed else path.with_name(f"{_bare(path)}.normal.csv")
    option = "" if delimiter == "," else f" --delimiter {DELIMITERS[delimiter]}"
    names = f"{shlex.quote(str(source))} {shlex.quote(str(out))}"
    return f".venv/bin/python scripts/normalise_table.py {names}{option}"


def _bare(path: Path) -> str:
    """Return the name of a CSV file without its ending; one that was normalised before gets another name again."""
    return Path(path.name.removesuffix(".gz")).stem


def blanks_in_names(columns: Sequence[str], mend: str) -> tuple[str, ...]:
    """Return a notice about names that every later batch and client would have to write with the same blanks."""
    odd = [name for name in columns if name != " ".join(name.split())]
    if not odd:
        return ()
    shown, way = ", ".join(map(repr, odd[:5])), f"first run: {mend}" if mend else "rename them"
    return (f"columns {shown} have blanks around their name, or line breaks in it; to do without, {way}",)


def normalise(paths: Sequence[Path], out: Path, delimiter: str, order: Order) -> list[str]:
    """Write the table in `paths` to `out`, separated by commas, and return what was changed in which column.

    The table is read into memory as a whole. Raises DataError, and writes nothing, when a column can be read in two
    ways and `order` does not choose.
    """
    _demand_files(paths, out)
    table = raw_tables.read_raw(paths, delimiter)
    _demand_columns(order.merge, table.column_names)
    names = _names(table.column_names)
    texts = {name: _texts(table.column(name)) for name in table.column_names}
    spelled = {name: found for name in texts if (found := spelling(texts[name], order.choices))}
    _refuse_open(spelled)
    comma = any(found.comma for found in spelled.values())
    columns, notices = [], [f"column {old!r} is called {new!r} now" for old, new in names.items() if new != old]
    for name in table.column_names:
        read, notice = _reader(name, texts[name], spelled.get(name), order, comma=comma)
        columns.append(_changed(table.column(name), read) if read else table.column(name))
        notices += [f"column {name!r}: {notice}"] if notice else []
    _write(out, pa.table(columns, names=list(names.values())))
    return notices


def _demand_files(paths: Sequence[Path], out: Path) -> None:
    if out.suffix.lower() != ".csv":
        raise DataError(f"{out}: wanted a name that ends in .csv for what is written")
    for path in paths:
        if tables.is_parquet(path):
            raise DataError(f"{path}: Parquet has types; store its dates and numbers as such, wanted a CSV file")
        if out.exists() and out.samefile(path):
            raise DataError(f"{out}: would overwrite the table that is read, wanted another name")


def _demand_columns(merge: Sequence[str], names: Sequence[str]) -> None:
    for name in merge:
        if name not in names:
            near = did_you_mean(name, names) or f"; columns are {', '.join(names[:20])}"
            raise DataError(f"--merge {name!r}: the table has no such column{near}")


def _names(columns: Sequence[str]) -> dict[str, str]:
    """Return the names of `columns` without blanks around them and line breaks inside; DataError when two are alike."""
    names = {name: " ".join(name.split()) for name in columns}
    for old, new in names.items():
        if twice := next((other for other in names if other != old and names[other] == new), None):
            raise DataError(f"columns {old!r} and {twice!r} differ in blanks only; rename or drop one")
    return names


def _texts(column: pa.ChunkedArray) -> dict[str, int]:
    """Return the rows of each text of `column` that is not null, without the blanks around it."""
    counted = pc.value_counts(column.combine_chunks())
    counts: dict[str, int] = {}
    for text, rows in zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True):
        if text is not None and (bare := text.strip(BLANKS)) not in NULL_MARKERS:
            counts[bare] = counts.get(bare, 0) + rows
    return counts


def _refuse_open(spelled: Mapping[str, Spelling]) -> None:
    for name, found in spelled.items():
        if found.options:
            raise DataError(f"column {name!r} holds {found.what}; run again with {' or '.join(found.options)}")


def _reader(
    name: str, texts: Mapping[str, int], found: Spelling | None, order: Order, *, comma: bool
) -> tuple[Callable[[str], str] | None, str]:
    """Return what reads the cells of a column, or None when they stay as they are, and what to tell about it."""
    if name in order.merge:
        labels = merged(texts)
        return labels.__getitem__, f"{len(labels)} labels became {len(set(labels.values()))}"
    if found is not None:
        return found.read, f"{found.what}{'' if found.read else ' (left as it is)'}"
    if comma and grouped_by_points(list(texts)):
        first = next(text for text in texts if "." in text)
        return partial(read_number, mark=","), f"thousands such as {first!r}, as other columns have decimal commas"
    return None, ""


def _changed(column: pa.ChunkedArray, read: Callable[[str], str]) -> pa.Array:
    encoded = column.combine_chunks().dictionary_encode()
    texts = [text.strip(BLANKS) for text in encoded.dictionary.to_pylist()]
    made = pa.array([text if text in NULL_MARKERS else read(text) for text in texts], pa.string())
    return made.take(encoded.indices)


def _write(out: Path, table: pa.Table) -> None:
    with files.draft_text(out) as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(table.column_names)
        for batch in table.to_batches(ROWS):
            rows.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))
