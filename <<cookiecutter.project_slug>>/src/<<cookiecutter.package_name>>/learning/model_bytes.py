"""A fitted model as bytes that depend on nothing but the model.

skops names objects and files by their memory address and stamps the archive with the time, so that the same
model gives other bytes in each process. Only sharing between objects carries meaning: addresses become
numbers in order of appearance, and everything that is compared by value loses its number.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
import skops.io

SCHEMA = "schema.json"
# Nodes whose identity means nothing: whether two of them are one object depends on interning.
VALUES = frozenset({"JsonNode", "TypeNode", "DTypeNode", "TupleNode", "SliceNode"})


def dumps(model: object) -> bytes:
    """Return `model` in the skops format; equal models give equal bytes in every process."""
    with ZipFile(io.BytesIO(skops.io.dumps(model))) as raw:
        schema = json.loads(raw.read(SCHEMA))
        _sort_sets(schema)
        nodes = list(_nodes(schema))
        _number_objects(nodes)
        files = _number_files(nodes)
        contents = {new: _without_padding(old, raw.read(old)) for old, new in files.items()}
    contents[SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    return _archive(contents)


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of the document, parents before children, in written order."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _sort_sets(schema: dict[str, Any]) -> None:
    """Put the members of sets, which follow the hash seed, in the order of their text."""
    for node in _nodes(schema):
        if node.get("__loader__") == "SetNode":
            node["content"].sort(key=lambda member: str(member.get("content")))


def _number_objects(nodes: list[dict[str, Any]]) -> None:
    named = [node for node in nodes if "__id__" in node]
    uses = Counter(node["__id__"] for node in named if node["__loader__"] not in VALUES)
    numbers: dict[int, int] = {}
    for node in named:
        address = node.pop("__id__")
        if node["__loader__"] not in VALUES and uses[address] > 1:
            node["__id__"] = numbers.setdefault(address, len(numbers) + 1)


def _number_files(nodes: list[dict[str, Any]]) -> dict[str, str]:
    """Rename the files that the nodes point at and return new names by old ones, in order of appearance."""
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(old := node.get("file"), str):
            _, dot, suffix = old.rpartition(".")
            node["file"] = names.setdefault(old, f"{len(names) + 1}{dot}{suffix}")
    return names


def _without_padding(name: str, content: bytes) -> bytes:
    """Return an array file whose unused bytes between fields, which hold left-over memory, are zero."""
    if not name.endswith(".npy"):
        return content
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, array.dtype)
    for field in array.dtype.names:
        clean[field] = array[field]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _archive(contents: dict[str, bytes]) -> bytes:
    """Return an uncompressed archive, because the bytes of compressors differ between zlib builds."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as made:
        for name, content in contents.items():
            made.writestr(ZipInfo(name), content)  # ZipInfo's default date is fixed, 1980-01-01
    return buffer.getvalue()
