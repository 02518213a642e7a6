"""Unique keys over any number of rows: 64-bit digests, spilled to disk by range when they outgrow memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..contracts.arrow import Mask
from ..contracts.semantics import Json
from .cells import Cells, TextCells

Digests = NDArray[np.uint64]
Pairs = tuple[Digests, Digests]
IN_MEMORY = 1 << 20  # rows, of 16 bytes
BUCKETS = 64
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Keys:
    """Remember one digest per row and find the rows whose key was seen before.

    Two different keys share a digest once in 2^64 pairs: about one chance in 10^5 for a table of 20 million rows.
    """

    def __init__(self) -> None:
        self._held: list[Pairs] = []
        self._rows = 0
        self._folder: TemporaryDirectory[str] | None = None

    def add(self, digests: Digests, rows: Digests) -> None:
        """Remember `digests` of the rows with the numbers `rows`."""
        self._held.append((digests, rows))
        self._rows += len(rows)
        if self._rows > IN_MEMORY:
            self._spill()

    def repeated(self, most: int) -> tuple[int, list[int]]:
        """Return how many rows have a key that stands in an earlier row, and the first `most` of them; forget all."""
        count, first = 0, np.empty(0, np.uint64)
        for digests, rows in self._buckets():
            found = _repeated(digests, rows)
            count += len(found)
            first = np.sort(np.concatenate([first, found]))[:most]
        return count, first.tolist()

    def _buckets(self) -> Iterator[Pairs]:
        """Yield all pairs, those with equal digests together."""
        if self._folder is None:
            yield _join(self._held)
            return
        self._spill()
        with self._folder as folder:
            for path in Path(folder).iterdir():
                digests, rows = np.fromfile(path, np.uint64).reshape(-1, 2).T
                yield digests, rows
        self._folder = None

    def _spill(self) -> None:
        self._folder = self._folder or TemporaryDirectory(prefix="unique-keys-")
        digests, rows = _join(self._held)
        buckets = (digests % np.uint64(BUCKETS)).astype(np.uint8)
        order = np.argsort(buckets, kind="stable")
        pairs = np.column_stack([digests, rows])[order]
        edges = np.searchsorted(buckets[order], np.arange(BUCKETS + 1))
        for bucket, (start, end) in enumerate(pairwise(edges.tolist())):
            with (Path(self._folder.name) / str(bucket)).open("ab") as stream:
                pairs[start:end].tofile(stream)
        self._held, self._rows = [], 0


def _join(pairs: Sequence[Pairs]) -> Pairs:
    empty = np.empty(0, np.uint64)
    return np.concatenate([empty, *(one for one, _ in pairs)]), np.concatenate([empty, *(two for _, two in pairs)])


def _repeated(digests: Digests, rows: Digests) -> Digests:
    ordered = np.sort(digests)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return np.empty(0, np.uint64)
    suspects = np.isin(digests, twice)
    digests, rows = digests[suspects], rows[suspects]
    order = np.lexsort((rows, digests))
    digests, rows = digests[order], rows[order]
    return np.asarray(rows[1:][digests[1:] == digests[:-1]])


def digests(columns: Sequence[Cells]) -> tuple[Digests, Mask]:
    """Return one digest per row over `columns`, and which rows hold no null in them."""
    parts = [_digests(cells) for cells in columns]
    whole = parts[0]
    for part in parts[1:]:
        whole = _mix(whole * _ODD + part)
    return whole, ~np.any([cells.nulls() for cells in columns], axis=0)


def _digests(cells: Cells) -> Digests:
    if isinstance(cells, TextCells):
        return _text_digests(cells.texts)
    coded = cells.coded()
    values = np.array([_value_digest(value) for value in coded.values], np.uint64)
    if coded.numbers is None:
        return np.asarray(values[coded.codes])
    plain = _mix((coded.numbers + 0.0).view(np.uint64))  # adding 0.0 makes -0.0 and 0.0 one
    return plain if coded.codes is None else np.where(coded.codes < 0, plain, values[coded.codes])


def _value_digest(value: Json) -> np.uint64:
    if isinstance(value, int | float) and not isinstance(value, bool) and float(value) == value:
        return np.uint64(_mix(np.array([float(value) + 0.0]).view(np.uint64))[0])
    return np.uint64(hash((type(value).__name__, str(value))) & (2**64 - 1))


def _text_digests(texts: pa.StringArray) -> Digests:
    """Return digests of `texts`, eight bytes of all rows at a time."""
    _, offset_bytes, data = texts.buffers()
    offsets = np.frombuffer(offset_bytes, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    starts, sizes = offsets[:-1], np.diff(offsets)
    padded = np.frombuffer((data.to_pybytes() if data else b"") + bytes(8), np.uint8)
    words = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))
    whole = _mix(sizes.astype(np.uint64))
    for position in range(0, int(sizes.max(initial=0)), 8):
        rows = np.flatnonzero(sizes > position)
        spare = np.clip(8 - (sizes[rows] - position), 0, 7).astype(np.uint64) * np.uint64(8)
        word = words[starts[rows] + position] << spare  # drops the bytes of the next text
        whole[rows] = _mix((whole[rows] ^ word) * _ODD)
    return whole


def _mix(bits: Digests) -> Digests:
    """Return `bits` spread over all 64 (splitmix64's finaliser, Steele, Lea and Flood 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
