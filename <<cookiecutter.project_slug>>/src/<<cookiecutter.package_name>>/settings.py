"""Strict TOML: a file is checked against a JSON Schema, which also fills in the defaults, and every fault is told."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .errors import ConfigError, did_you_mean, each_fault

if TYPE_CHECKING:
    from jsonschema import ValidationError

Settings = Mapping[str, Any]


def load(path: Path, schema_name: str, contradictions: Callable[[Settings], Iterator[str]]) -> Settings:
    """Return the settings in `path` with the defaults of the schema called `schema_name`.

    `contradictions` names what the schema cannot: keys that do not go together. It only sees what the schema accepts.
    Raises ConfigError, with one line per fault, when the file cannot be used.
    """
    schema = _schema(path, schema_name)
    seen = _toml(path)
    found = faults(seen, schema)
    settings = cast(Settings, _with_defaults(seen, schema))
    found = found or list(contradictions(settings))
    if found:
        raise ConfigError(each_fault(str(path), found))
    return settings


def faults(document: object, schema: Mapping[str, Any]) -> list[str]:
    """Return in words every place where the TOML `document` breaks `schema`."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # a tenth of a second that the service starts without

    errors = sorted(Draft202012Validator(schema).iter_errors(document), key=lambda error: list(map(str, error.path)))
    # The library reports a section once per missing key; each fault is said once.
    return list(dict.fromkeys(fault for error in errors for fault in _faults(error))) + list(_not_finite(document))


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: not found; run from the root of the repository, or name another file") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error


def _schema(path: Path, name: str) -> dict[str, Any]:
    """Return the schema beside `path`, or the repository's own for a file that lies elsewhere."""
    candidates = [path.parent / name, Path("config") / name]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise ConfigError(f"{candidates[0]}: not found; run from the root of the repository, or restore it from Git")
    try:
        schema: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{found}: not valid JSON ({error}); restore it from Git") from error
    return schema


def _with_defaults(value: object, schema: Mapping[str, Any]) -> object:
    """Return `value` with each missing key that the schema gives a default."""
    properties = schema.get("properties")
    if not isinstance(value, dict) or not properties:
        return value
    defaults = {key: rule["default"] for key, rule in properties.items() if "default" in rule}
    return {key: _with_defaults(item, properties.get(key, {})) for key, item in (defaults | value).items()}


def _faults(error: ValidationError) -> Iterator[str]:
    """Say in words what one schema error means."""
    place = ".".join(str(key) for key in error.absolute_path)
    schema = error.schema if isinstance(error.schema, dict) else {}
    instance, limit = cast(Any, error.instance), cast(Any, error.validator_value)
    if error.validator == "additionalProperties":
        known = schema.get("properties", {})
        for key in sorted(set(instance) - set(known)):
            yield f"unknown key {_join(place, key)}{did_you_mean(key, known) or _known(known)}"
    elif "propertyNames" in error.absolute_schema_path:
        yield f"unknown key {_join(place, instance)}{did_you_mean(instance, limit) or _known(limit)}"
    elif error.validator == "required":
        yield from (f"{_join(place, key)} is missing" for key in limit if key not in instance)
    else:
        near = did_you_mean(str(instance), limit) if error.validator == "enum" else ""
        wanted = _wanted(str(error.validator), limit, schema.get("description", ""))
        yield f"{place or 'the file'} is {instance!r}, wanted {wanted}{near}"


def _wanted(rule: str, limit: Any, description: str) -> str:
    about = f" ({description})" if description else ""
    comparisons = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than"}
    if rule in comparisons:
        return f"{comparisons[rule]} {limit}{about}"
    if rule == "enum":
        return "one of " + ", ".join(str(value) if str(value).isidentifier() else repr(value) for value in limit)
    if rule == "minItems":
        return f"a list of {limit} or more{about}"
    if rule == "type":
        return f"{'an' if limit[0] in 'aio' else 'a'} {limit}{about}"
    if rule == "anyOf":
        return " or ".join(repr(key) for option in limit for key in option["required"])
    return description or f"{rule} {limit}"


def _not_finite(value: object, place: str = "") -> Iterator[str]:
    """Name each `nan` and `inf`: TOML has them, and JSON Schema's limits let `nan` through."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _not_finite(item, _join(place, key))
    elif isinstance(value, list):
        for item in value:
            yield from _not_finite(item, place)
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{place} is {value}, wanted a finite number"


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _known(keys: Mapping[str, Any] | Sequence[str]) -> str:
    return "; known are " + ", ".join(sorted(keys)) if keys else ""
