"""A small contract for tests of contracts and data, and ways to write tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from <<cookiecutter.package_name>>.contracts.contract import Contract, from_schema
from <<cookiecutter.package_name>>.contracts.expectations import Expectations

DIALECT = "https://json-schema.org/draft/2020-12/schema"
HEADER = "id,day,plan,fee,visits,won"
ROWS = ("a1,2024-01-01,basic,1.5,3,0", "a2,2024-01-02,plus,,4,1", "a3,2024-01-03,basic,9.5,3,1")


def make_schema(properties: Mapping[str, Any] | None = None, **root: Any) -> dict[str, Any]:
    """Return a row schema whose `properties` replace or (when None) drop those of the example."""
    columns: dict[str, Any] = {
        "id": {"type": "string", "x-role": "id"},
        "day": {"type": "string", "format": "date", "x-role": "timestamp"},
        "plan": {"type": "string", "enum": ["basic", "plus"], "x-role": "feature"},
        "fee": {"type": ["number", "null"], "minimum": 0, "maximum": 10, "x-role": "feature"},
        "visits": {"type": "integer", "minimum": 0, "x-role": "feature"},
        "won": {"type": "integer", "enum": [0, 1], "x-role": "target"},
    }
    columns = {name: rules for name, rules in {**columns, **(properties or {})}.items() if rules is not None}
    schema = {"$schema": DIALECT, "x-version": "1.0.0", "type": "object", "properties": columns}
    return {**schema, "required": list(columns), "additionalProperties": False, **root}


def make_contract(properties: Mapping[str, Any] | None = None, demands: Mapping[str, Any] | None = None) -> Contract:
    """Return the example contract with `properties` changed and expectations set by `demands`."""
    if not properties and not demands:
        return _unchanged()
    return from_schema(make_schema(properties), "data.schema.json", Expectations(**(demands or {})))


@cache
def _unchanged() -> Contract:
    return from_schema(make_schema(), "data.schema.json", Expectations())


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], **options: Any) -> Path:
    """Write a CSV file that quotes what needs it."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n", **options)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_lines(path: Path, *lines: str) -> Path:
    """Write `lines` as they are."""
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path
