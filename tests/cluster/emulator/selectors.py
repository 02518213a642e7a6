"""Label and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .errors import bad_request
from .resources import Obj

_SET = re.compile(r"^(?P<key>[\w./-]+)\s+(?P<word>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[\w./-]+)\s*(?P<sign>=|==|!=)\s*(?P<value>[\w./-]*)$")
_PRESENT = re.compile(r"^(?P<not>!?)\s*(?P<key>[\w./-]+)$")

Match = Callable[[Obj], bool]


def labels_of(obj: Obj) -> dict[str, str]:
    """Return an object's labels, none when it has none."""
    return obj["metadata"].get("labels") or {}


def by_labels(wanted: Mapping[str, str]) -> Match:
    """Return a test for objects that bear every one of these labels."""
    return lambda obj: all(labels_of(obj).get(key) == value for key, value in wanted.items())


def by_text(labels: str, fields: str) -> Match:
    """Return a test for the selectors of a query."""
    wanted = [_requirement(part.strip()) for part in re.split(r",(?![^(]*\))", labels) if part.strip()]
    named = [_field(part) for part in fields.split(",") if part]
    return lambda obj: all(test(labels_of(obj)) for test in wanted) and all(test(obj) for test in named)


def _requirement(part: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.match(part):
        values, listed = {value.strip() for value in found["values"].split(",")}, found["word"] == "in"
        key = found["key"]
        return lambda labels: (labels.get(key) in values) is listed
    if found := _EQUAL.match(part):
        key, value, wanted = found["key"], found["value"], found["sign"] != "!="
        return lambda labels: (labels.get(key) == value) is wanted
    if found := _PRESENT.match(part):
        key, present = found["key"], not found["not"]
        return lambda labels: (key in labels) is present
    raise bad_request(f"unable to parse requirement: {part}")


def _field(part: str) -> Match:
    path, sign, value = re.split(r"(!=|==|=)", part, maxsplit=1)
    return lambda obj: (_at(obj, path) == value) is (sign != "!=")


def _at(obj: Obj, path: str) -> str:
    value: object = obj
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return "" if value is None else str(value)
