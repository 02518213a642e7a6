"""Read CSV files block by block, so that blocks are parsed side by side and memory stays bounded.

A file without quotes is cut at line breaks. From the first quote on, only a reader that goes through the file in order
can tell a line break between rows from one inside a cell, so the rest is left to Arrow's streaming reader.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import shlex
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.csv as pa_csv

from ..errors import DataError

BLOCK_BYTES = 4 << 20  # also the longest row that can be read
HEAD_BYTES = 1 << 10  # enough to tell text from other files
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class CsvFile:
    """A CSV file, what separates its cells and which cells are null in every column."""

    path: Path
    delimiter: str = ","
    nulls: frozenset[str] = frozenset({""})

    def header(self) -> list[str]:
        """Return the names in the first row; DataError when there is none or the delimiter looks wrong."""
        names = self._names()
        if len(names) == 1 and (other := self.likely_delimiter()) != self.delimiter:
            raise DataError(
                f"{self.path}: one column {names[0][:60]!r}, which looks separated by {DELIMITERS[other]}, wanted "
                f"{DELIMITERS[self.delimiter]}; save it so, or set delimiter = {json.dumps(other)} under [csv] in "
                f"contract/dataset.toml (--delimiter {DELIMITERS[other]} of scripts/infer_contract.py)"
            )
        return names

    def likely_delimiter(self) -> str:
        """Return the delimiter that cuts the first row into the most cells."""
        return max(DELIMITERS, key=lambda delimiter: len(replace(self, delimiter=delimiter)._names()))

    def _names(self) -> list[str]:
        with self._open() as stream:
            self._refuse_foreign(stream.read(HEAD_BYTES))
            stream.seek(0)
            lines = TextIOWrapper(stream, "utf-8-sig", newline="")
            try:
                names = next(filter(None, csv.reader(lines, delimiter=self.delimiter)), None)
            except UnicodeDecodeError as error:
                raise DataError(f"{self.path}: {self._not_utf8()}") from error
        if names is None:
            raise DataError(f"{self.path}: the file is empty, wanted a header and rows")
        return names

    def pieces(self, types: Mapping[str, pa.DataType]) -> Iterator[bytes | pa.RecordBatch]:
        """Yield the rows in order: bytes for `parse`, and from the first quote on batches typed by `types`."""
        with self._open() as stream:
            place = self._skip_header(stream)
            while place:
                block = stream.read(BLOCK_BYTES) + stream.readline(BLOCK_BYTES)
                if not block:
                    return
                if block.isspace() and not block.strip(b"\r\n"):  # Arrow takes blank lines for no file at all
                    place += len(block)
                    continue
                if b'"' in block or (len(block) >= BLOCK_BYTES and not block.endswith(b"\n")):
                    break
                yield block
                place += len(block)
        yield from self._in_order(types, place)

    def _skip_header(self, stream: IO[bytes]) -> int:
        """Return where the rows begin, or 0 when the header is not one line."""
        line = stream.readline(BLOCK_BYTES)
        while line in {b"\n", b"\r\n"}:
            line = stream.readline(BLOCK_BYTES)
        whole = line.endswith(b"\n") and b"\r" not in line.rstrip(b"\r\n") and line.count(b'"') % 2 == 0
        return stream.tell() if whole else 0

    def parse(self, block: bytes, header: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.RecordBatch:
        """Return the columns in `types` of a `block` of rows; ArrowInvalid when a cell does not fit its type."""
        table = pa_csv.read_csv(
            pa.BufferReader(block),
            pa_csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=list(header)),
            pa_csv.ParseOptions(delimiter=self.delimiter),
            self._conversion(types),
        )
        return table.to_batches()[0]

    def parse_text(self, block: bytes, header: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.RecordBatch:
        """Return the columns of a `block` of rows as text; DataError says in which row the file is broken."""
        try:
            return self.parse(block, header, types)
        except pa.ArrowInvalid as error:
            self._tell_row(types, start=1)
            raise DataError(f"{self.path}: {self._fault(error)}") from error

    def _conversion(self, types: Mapping[str, pa.DataType]) -> pa_csv.ConvertOptions:
        return pa_csv.ConvertOptions(
            include_columns=list(types),
            column_types=types,
            strings_can_be_null=True,
            null_values=sorted(self.nulls),
        )

    def _in_order(self, types: Mapping[str, pa.DataType], start: int) -> Iterator[pa.RecordBatch]:
        """Yield batches typed by `types` from the byte `start` on, 0 being the header."""
        names = self.header() if start else None
        with self._open() as stream:
            stream.seek(start)
            try:
                yield from pa_csv.open_csv(
                    stream,
                    pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=names),
                    pa_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                    self._conversion(types),
                )
            except pa.ArrowException as error:
                if "cannot infer number of columns" in str(error):  # a header without a line break: no rows
                    return
                self._tell_row(types, start)
                raise DataError(f"{self.path}: {self._fault(error)}") from error

    def _tell_row(self, types: Mapping[str, pa.DataType], start: int) -> None:
        """Raise the DataError of a broken file with the row's number, for which it is read again from its header."""
        if start:
            for _ in self._in_order(types, 0):
                pass

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        opener = gzip.open if self.path.suffix.lower() == ".gz" else open
        try:
            with cast(IO[bytes], opener(self.path, "rb")) as stream:
                yield stream
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self.path}: cannot be read ({error})") from error

    def _fault(self, error: pa.ArrowException) -> str:
        text = str(error).split("\n")[0][:200]
        if ragged := _RAGGED.search(text):
            row, wanted, seen, cells = ragged.groups()
            if wanted == "1" or self._names()[0].startswith("sep="):  # a title, or a line that spreadsheets read
                place = f"row {int(row) - 1} has {seen} cells ({cells}), the first line {wanted}"
                return f"{place}; delete what is above the header"
            return (
                f"row {int(row) - 1} has {seen} cells, wanted {wanted} as in the header ({cells}); "
                "quote cells that hold the delimiter or a line break"
            )
        if "UTF8" in text:
            return self._not_utf8()
        if "straddling" in text:
            return f"a row is longer than {BLOCK_BYTES >> 20} MiB; is a quote opened and never closed?"
        return f"cannot be read as CSV ({text})"

    def _not_utf8(self) -> str:
        return f"not UTF-8 ({self._foreign_line()}); save it as UTF-8, for example: {self._iconv('cp1252')}"

    def _iconv(self, encoding: str) -> str:
        plain = self.path.with_name(f"{self.path.name.split('.')[0]}.utf-8.csv")
        reader = "zcat" if self.path.suffix.lower() == ".gz" else "cat"
        return f"{reader} {shlex.quote(str(self.path))} | iconv -f {encoding} -t utf-8 > {shlex.quote(str(plain))}"

    def _foreign_line(self) -> str:
        with self._open() as stream:
            for number, line in enumerate(stream, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    return f"line {number} holds byte 0x{line[error.start]:02x}"
        return "a line holds a foreign byte"

    def _refuse_foreign(self, head: bytes) -> None:
        if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            raise DataError(f"{self.path}: not UTF-8 but UTF-16; save it so, for example: {self._iconv('utf-16')}")
        if head[:2] == b"PK" or b"\0" in head:
            raise DataError(f"{self.path}: not text; save spreadsheets as CSV, and name Parquet files *.parquet")
