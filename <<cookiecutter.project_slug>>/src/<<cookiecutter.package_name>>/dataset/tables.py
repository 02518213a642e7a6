"""Tables on disk: find the files, read their headers, stream their rows as typed columns in bounded memory."""

from __future__ import annotations

import glob
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from ..contracts.contract import Column, Contract
from ..contracts.csv_cells import NULL_MARKERS, markers
from ..contracts.semantics import Json
from ..errors import DataError, did_you_mean
from .cell_reading import NotPlainError, from_arrow, from_csv
from .cells import Cells
from .csv_blocks import CsvFile
from .rules import column_rules

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

T = TypeVar("T")
PARQUET_ROWS = 1 << 16
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})
SUFFIXES = PARQUET_SUFFIXES | {".csv", ".gz"}
THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Chunk:
    """Some rows of one file."""

    path: Path
    rows: int
    cells: Mapping[str, Cells]


def resolve(spec: str | Path) -> tuple[Path, ...]:
    """Return the files that `spec` names: one file, a glob, or a folder of CSV and Parquet files, sorted.

    Raises DataError when there is none, saying what to do.
    """
    path = Path(spec)
    if path.is_dir():
        found = sorted(child for child in path.iterdir() if _is_table(child))
    elif path.exists():
        found = [path]
    else:
        found = [Path(name) for name in sorted(glob.glob(str(spec), recursive=True)) if Path(name).is_file()]
    if not found:
        raise DataError(f"{spec}: {_absence(path)}")
    return tuple(found)


def _is_table(path: Path) -> bool:
    """Tell by the name whether `path` is a table; programs hide what they have not finished behind a dot."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _absence(path: Path) -> str:
    pointer = path.with_name(path.name + ".dvc")
    if pointer.exists():
        return f"not here, but tracked by DVC; run `dvc pull {pointer}`"
    if path.is_dir():
        return "the folder holds no CSV or Parquet file"
    neighbours = [child.name for child in path.parent.iterdir()] if path.parent.is_dir() else []
    return f"no such file{did_you_mean(path.name, neighbours)}"


def header(path: Path, delimiter: str = ",") -> list[str]:
    """Return the column names of the file at `path`; DataError when they cannot be told, or tell no columns apart."""
    names = list(open_parquet(path).schema_arrow.names) if is_parquet(path) else CsvFile(path, delimiter).header()
    if len(set(names)) < len(names):
        raise DataError(f"{path}: in the header, {'; '.join(_alike(names))}: rename them, or drop them from every row")
    return names


def _alike(names: Sequence[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        places = [str(place) for place, other in enumerate(names, 1) if other == name]
        if len(places) > 1:
            yield f"columns {', '.join(places)} have {f'the same name {name!r}' if name else 'no name'}"


def stream(paths: Sequence[Path], contract: Contract, names: Sequence[str] | None = None) -> Iterator[Chunk]:
    """Yield the rows of `paths` in order, as cells of the contract's columns (or those in `names`) that a file has."""
    return stream_map(_itself, paths, contract, names)


def stream_map(
    work: Callable[[Chunk], T], paths: Sequence[Path], contract: Contract, names: Sequence[str] | None = None
) -> Iterator[T]:
    """Yield `work` of each chunk of `stream`, in order, computed side by side in threads.

    Memory stays bounded by a few blocks whatever the size of the files.
    """
    wanted = [column for column in contract.columns if names is None or column.name in names]
    plain = {name: all(rule.text for rule in rules) for name, rules in column_rules(contract).items()}
    delimiter = contract.expectations.delimiter
    for path in paths:
        present = header(path, delimiter)
        columns = [column for column in wanted if column.name in present]
        yield from _File(path, present, columns, plain, delimiter).map(work)


def _itself(chunk: Chunk) -> Chunk:
    return chunk


@dataclass(frozen=True)
class _File:
    path: Path
    header: Sequence[str]
    columns: Sequence[Column]
    plain_text: Mapping[str, bool]
    delimiter: str

    def map(self, work: Callable[[Chunk], T]) -> Iterator[T]:
        """Yield `work` of each chunk in the order of the rows."""
        pending: deque[Future[T]] = deque()
        with ThreadPoolExecutor(THREADS) as pool:
            for piece in self._pieces():
                pending.append(pool.submit(lambda piece: work(self._chunk(piece)), piece))
                if len(pending) > THREADS:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _pieces(self) -> Iterator[bytes | pa.RecordBatch]:
        if is_parquet(self.path):
            names = [column.name for column in self.columns]
            return iter(open_parquet(self.path).iter_batches(PARQUET_ROWS, columns=names))
        return self._csv.pieces(self._types(pa.string()))

    def _chunk(self, piece: bytes | pa.RecordBatch) -> Chunk:
        if not isinstance(piece, bytes):
            return self._decoded(piece)
        try:
            return self._decoded(self._csv.parse(piece, self.header, self._types(pa.float64())))
        except (pa.ArrowInvalid, NotPlainError):
            return self._decoded(self._csv.parse_text(piece, self.header, self._types(pa.string())))

    def _decoded(self, rows: pa.RecordBatch) -> Chunk:
        cells = {column.name: self._cells(rows.column(column.name), column) for column in self.columns}
        return Chunk(self.path, rows.num_rows, cells)

    def _cells(self, array: pa.Array, column: Column) -> Cells:
        plain_text = self.plain_text[column.name]
        if is_parquet(self.path):
            return from_arrow(array, column, plain_text=plain_text)
        return from_csv(array, column, nulled=self._csv.nulls, plain_text=plain_text)

    @cached_property
    def _csv(self) -> CsvFile:
        """The file, with the markers that mean null in every column."""
        shared = frozenset(NULL_MARKERS).intersection(*(markers(column) for column in self.columns))
        return CsvFile(self.path, self.delimiter, shared)

    def _types(self, number: pa.DataType) -> dict[str, pa.DataType]:
        """Return the columns to read; a file without any known column still has rows to count."""
        types = {column.name: number if column.numbers_only else pa.string() for column in self.columns}
        return types or {self.header[0]: pa.string()}


def is_parquet(path: Path) -> bool:
    """Tell by the name whether `path` is a Parquet file; everything else is read as CSV."""
    return path.suffix.lower() in PARQUET_SUFFIXES


def open_parquet(path: Path) -> ParquetFile:
    """Return the Parquet file at `path`, opened; DataError when it is none."""
    from pyarrow import parquet  # noqa: PLC0415  # costs start-up, and most tables are CSV

    try:
        return parquet.ParquetFile(path)
    except pa.ArrowException as error:
        reason = str(error).split("\n")[0]
        raise DataError(f"{path}: cannot be read as Parquet ({reason})") from error


def moment(text: Json) -> datetime | None:
    """Return the time that the ISO 8601 `text` names, in UTC unless it says otherwise; None when it names none."""
    try:
        read = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
