"""Tables that no contract describes yet, read as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pyarrow as pa

from ..errors import DataError
from .cell_reading import plain_array
from .csv_blocks import CsvFile
from .tables import header, is_parquet, open_parquet


def read_raw(paths: Sequence[Path], delimiter: str = ",") -> pa.Table:
    """Return the whole table without a contract: text for CSV, the types of `plain_array` for Parquet.

    Raises DataError when the files have different columns, or columns whose types have nothing in common.
    """
    for path in paths:
        if is_parquet(path) != is_parquet(paths[0]):
            raise DataError(f"{path}: of another kind than {paths[0]}, wanted CSV files or Parquet files, not both")
    parts = [_read(path, delimiter) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if part.schema.names != parts[0].schema.names:
            raise DataError(f"{path}: other columns than in {paths[0]}, wanted the same in the same order")
    schemas: dict[pa.Schema, Path] = {}
    for path, part in zip(paths, parts, strict=True):
        schemas.setdefault(part.schema, path)
    for (wanted, first), (schema, path) in combinations(schemas.items(), 2):
        _demand_like(path, schema, first, wanted)
    return pa.concat_tables(parts, promote_options="permissive")


def _read(path: Path, delimiter: str) -> pa.Table:
    names = header(path, delimiter)
    if is_parquet(path):
        stored = open_parquet(path).read()
        return pa.table({name: plain_array(stored.column(name), name) for name in names})
    types = dict.fromkeys(names, pa.string())
    file = CsvFile(path, delimiter)
    pieces = (
        file.parse_text(piece, names, types) if isinstance(piece, bytes) else piece for piece in file.pieces(types)
    )
    return pa.Table.from_batches(pieces, pa.schema(list(types.items())))


def _demand_like(path: Path, schema: pa.Schema, first: Path, wanted: pa.Schema) -> None:
    for seen, like in zip(schema, wanted, strict=True):
        try:
            pa.unify_schemas([pa.schema([like]), pa.schema([seen])], promote_options="permissive")
        except pa.ArrowTypeError as error:
            raise DataError(
                f"{path}: column {seen.name!r} holds {seen.type}, but {like.type} in {first}; "
                "save both files with the same types"
            ) from error
