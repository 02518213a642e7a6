"""Small values for Arrow and back: its own conversions import pandas, which costs more than checking a small table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def text_array(texts: Sequence[str]) -> pa.StringArray:
    """Return `texts` as an Arrow array."""
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def from_mask(mask: Mask) -> pa.BooleanArray:
    """Return `mask` as an Arrow array."""
    bits = np.packbits(mask, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, pa.py_buffer(bits)])


def as_integers(array: pa.Int32Array) -> NDArray[np.int32]:
    """Return `array` as an array of numpy; what stands at nulls means nothing."""
    return np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array)]


def as_doubles(array: pa.DoubleArray) -> NDArray[np.float64]:
    """Return `array` as an array of numpy, nulls as NaN."""
    values = np.frombuffer(array.buffers()[1], np.float64)[array.offset : array.offset + len(array)]
    return np.where(as_mask(array.is_null()), np.nan, values) if array.null_count else values


def as_mask(held: pa.BooleanArray) -> Mask:
    """Return `held` as an array of numpy; what it says at nulls means nothing."""
    bits = np.unpackbits(np.frombuffer(held.buffers()[1], np.uint8), bitorder="little")
    return bits[held.offset : held.offset + len(held)].astype(bool)
