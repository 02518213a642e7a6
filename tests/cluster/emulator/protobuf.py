"""The few bodies that kubectl sends as protobuf, read without a schema compiler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ApiError
from .resources import Obj

MAGIC = b"k8s\0"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Field:
    """A field of a message: its name, what it holds, and whether it is a map of that."""

    name: str
    holds: Mapping[int, Field] | str = "text"  # a message, or: text, bytes
    is_map: bool = False


_METADATA = {
    1: Field("name"),
    2: Field("generateName"),
    3: Field("namespace"),
    11: Field("labels", is_map=True),
    12: Field("annotations", is_map=True),
}
_ATTRIBUTES = {
    number: Field(name)
    for number, name in enumerate(("namespace", "verb", "group", "version", "resource", "subresource", "name"), 1)
}
_MESSAGES: dict[str, Mapping[int, Field]] = {
    "Namespace": {1: Field("metadata", _METADATA)},
    "ServiceAccount": {1: Field("metadata", _METADATA)},
    "ConfigMap": {1: Field("metadata", _METADATA), 2: Field("data", is_map=True)},
    "Secret": {1: Field("metadata", _METADATA), 2: Field("data", "bytes", is_map=True), 3: Field("type")},
    "SelfSubjectAccessReview": {
        1: Field("metadata", _METADATA),
        2: Field("spec", {1: Field("resourceAttributes", _ATTRIBUTES)}),
    },
    "SelfSubjectRulesReview": {1: Field("metadata", _METADATA), 2: Field("spec", {1: Field("namespace")})},
    "SelfSubjectReview": {1: Field("metadata", _METADATA)},
    "TokenRequest": {1: Field("metadata", _METADATA)},
    "DeleteOptions": {},
}


def decode(data: bytes) -> Obj:
    """Return the object in a body; raises 415 for kinds whose layout is not known here."""
    unknown = dict(_fields(data.removeprefix(MAGIC)))
    kinds = {number: value.decode() for number, value in _fields(unknown[1])}
    if kinds[2] not in _MESSAGES:
        raise ApiError(415, "UnsupportedMediaType", f"the emulator reads no protobuf of the kind {kinds[2]}")
    return {"apiVersion": kinds[1], "kind": kinds[2], **_message(unknown.get(2, b""), _MESSAGES[kinds[2]])}


def _message(data: bytes, fields: Mapping[int, Field]) -> Obj:
    found: Obj = {}
    for number, value in _fields(data):
        field = fields.get(number)
        if field and field.is_map:
            pair = dict(_fields(value))
            found.setdefault(field.name, {})[pair[1].decode()] = _value(pair.get(2, b""), field)
        elif field and value:
            found[field.name] = _value(value, field)
    return found


def _value(data: bytes, field: Field) -> Any:
    if not isinstance(field.holds, str):
        return _message(data, field.holds)
    return data if field.holds == "bytes" else data.decode()


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each field; numbers come as no content, since none is needed."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == _VARINT:
            _, at = _varint(data, at)
            yield tag >> 3, b""
        elif tag & 7 == _BYTES:
            size, at = _varint(data, at)
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            at += {_FIXED64: 8, _FIXED32: 4}[tag & 7]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
