"""`config/delivery.toml`, checked against the schema beside it with the standard library alone.

Of JSON Schema the checks know what the schema uses: properties, additionalProperties, required, type, enum, pattern,
minimum, exclusiveMinimum, maximum and default. A test of this repository holds them against a full validator.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import MisuseError, did_you_mean

PATH = Path("config/delivery.toml")
TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
# key of the schema: words of the message, whether the limit is kept
LIMITS: Mapping[str, str] = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}

Settings = Mapping[str, Any]


def load(path: Path = PATH) -> Settings:
    """Return the settings in `path` with the defaults of the schema. Raises MisuseError naming each fault."""
    schema = _json(path.with_name("delivery.schema.json"))
    try:
        seen = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise MisuseError(f"{path}: not found; run from the root of the repository, or name another file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MisuseError(f"{path}: not valid TOML: {error}") from error
    if found := list(faults(seen, schema)):
        raise MisuseError(f"{path}: {'; '.join(found)}")
    return dict(with_defaults(seen, schema))


def environment(settings: Settings, name: str) -> Mapping[str, Any]:
    """Return the section of one environment. Raises MisuseError naming those that there are."""
    known = settings["environments"]
    if name not in known:
        raise MisuseError(f"environment {name!r} is not in {PATH}{did_you_mean(name, known)}")
    return dict(known[name])


def faults(value: object, schema: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Yield in words what is wrong with `value`."""
    if not _is(value, schema.get("type")):
        yield f"{place or 'the file'} is {value!r}, wanted {_article(schema['type'])}{_about(schema)}"
    elif isinstance(value, dict):
        yield from _faults_of_table(value, schema, place)
    else:
        yield from _faults_of_value(value, schema, place)


def _faults_of_table(table: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for key in schema.get("required", ()):
        if key not in table:
            yield f"{_join(place, key)} is missing{_about(known.get(key, {}))}"
    for key, item in table.items():
        if key in known:
            yield from faults(item, known[key], _join(place, key))
        elif others is False:
            yield f"unknown key {_join(place, key)}{did_you_mean(key, known)}"
        elif isinstance(others, dict):
            yield from faults(item, others, _join(place, key))


def _faults_of_value(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is {value!r}, wanted one of {', '.join(map(str, schema['enum']))}"
    if "pattern" in schema and not re.search(schema["pattern"], str(value)):
        yield f"{place} is {value!r}, wanted {schema.get('description', schema['pattern'])}"
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{place} is {value}, wanted a finite number"
        return
    for key, words in LIMITS.items():
        if key in schema and not _keeps(value, key, schema[key]):
            yield f"{place} is {value!r}, wanted {words} {schema[key]}{_about(schema)}"


def _keeps(value: float, key: str, limit: float) -> bool:
    return {"minimum": value >= limit, "exclusiveMinimum": value > limit, "maximum": value <= limit}[key]


def with_defaults(value: object, schema: Mapping[str, Any]) -> Any:
    """Return `value` with each missing key that the schema gives a default."""
    if not isinstance(value, dict):
        return value
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    defaults = {key: rule["default"] for key, rule in properties.items() if "default" in rule}
    rest = others if isinstance(others, dict) else {}
    return {key: with_defaults(item, properties.get(key, rest)) for key, item in (defaults | value).items()}


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise MisuseError(f"{path}: not found; the settings are checked against it, restore it from Git") from error
    except ValueError as error:
        raise MisuseError(f"{path}: not valid JSON ({error}); restore it from Git") from error


def _is(value: object, kind: str | None) -> bool:
    if isinstance(value, bool):  # Python counts it among the integers
        return kind in (None, "boolean")
    return kind is None or isinstance(value, TYPES[kind])


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aio' else 'a'} {kind}"


def _about(schema: Mapping[str, Any]) -> str:
    return f" ({schema['description']})" if "description" in schema else ""


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
