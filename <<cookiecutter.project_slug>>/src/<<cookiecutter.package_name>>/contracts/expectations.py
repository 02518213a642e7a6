"""What a whole table must satisfy (`contract/dataset.toml`): sizes, shares, keys, freshness, leakage."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .. import settings
from .semantics import Json

_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_NAMES = {"type": "array", "items": {"type": "string"}, "minItems": 1}


def _table(**properties: Mapping[str, Json]) -> dict[str, Json]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


SCHEMA = _table(
    rows=_table(min={"type": "integer", "minimum": 1}),
    nulls={"type": "object", "additionalProperties": _SHARE},
    unique=_table(keys={"type": "array", "items": _NAMES}),
    target=_table(min_class_share=_SHARE),
    leakage=_table(identical={"enum": ["refuse", "allow"]}),
    freshness=_table(max_age_days={"type": "number", "exclusiveMinimum": 0}),
    csv=_table(delimiter={"enum": [",", ";", "\t", "|"]}),
)


@dataclass(frozen=True)
class Expectations:
    """Demands on a table; the defaults demand one row and no leaking column."""

    min_rows: int = 1
    nulls: Mapping[str, float] = field(default_factory=dict)
    unique: tuple[tuple[str, ...], ...] = ()
    min_class_share: float | None = None
    refuse_leaks: bool = True
    max_age_days: float | None = None
    delimiter: str = ","


def load(path: Path) -> tuple[Expectations, list[str]]:
    """Return the expectations in the TOML file at `path` and every fault of it."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return Expectations(), [f"{path}: not found; an empty file demands one row and no leaking column"]
    except (OSError, ValueError) as error:
        return Expectations(), [f"{path}: cannot be read as UTF-8 text ({error})"]


def parse(text: str, name: str) -> tuple[Expectations, list[str]]:
    """Return the expectations in TOML `text` and every fault of the file called `name`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Expectations(), [f"{name}: not TOML ({error})"]
    if faults := [f"{name}: {fault}" for fault in settings.faults(document, SCHEMA)]:
        return Expectations(), faults
    return _build(document), []


def _build(document: Mapping[str, Json]) -> Expectations:
    def get(table: str, key: str, default: Json) -> Json:
        return document.get(table, {}).get(key, default)

    return Expectations(
        min_rows=get("rows", "min", 1),
        nulls=document.get("nulls", {}),
        unique=tuple(tuple(key) for key in get("unique", "keys", [])),
        min_class_share=get("target", "min_class_share", None),
        refuse_leaks=get("leakage", "identical", "refuse") == "refuse",
        max_age_days=get("freshness", "max_age_days", None),
        delimiter=get("csv", "delimiter", ","),
    )
