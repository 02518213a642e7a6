"""Every fault of a contract at once, each with file, JSON pointer, what was seen and what is wanted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import did_you_mean
from .expectations import Expectations
from .semantics import FORMATS, Json, ecma
from .vocabulary import ANNOTATIONS, CELL_TYPES, JSON_TYPES, ROLES, categories_of, same, types_of

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def read_schema(path: Path) -> tuple[Json, list[str]]:
    """Return the JSON document at `path` and what keeps it from being read."""
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=_no_duplicates), []
    except FileNotFoundError:
        return None, [f"{path}: not found; write it by hand or with scripts/infer_contract.py DATA --target COLUMN"]
    except (OSError, ValueError) as error:
        return None, [f"{path}: cannot be read as JSON ({error})"]


def pointer(path: Iterable[Json]) -> str:
    """Return the JSON pointer of `path` as a URI fragment (`#/properties/age`)."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    seen = dict(pairs)
    if len(seen) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return seen


def schema_faults(schema: Json, name: str) -> list[str]:
    """Return every fault of the row schema in the file called `name`."""
    if found := _dialect_faults(schema):
        return [f"{name}{pointer(where)}: {what}" for where, what in found]
    if not isinstance(schema, dict) or not schema.get("properties"):
        return [f"{name}#/properties: nothing there, wanted one property per column"]
    found = [*_root_faults(schema), *_role_faults(schema)]
    for column, rules in schema["properties"].items():
        path = ("properties", column)
        found += [((*path, *where), what) for where, what in _column_faults(rules, schema)]
    return [f"{name}{pointer(where)}: {what}" for where, what in found]


Fault = tuple[tuple[str | int, ...], str]


def _dialect_faults(schema: Json) -> list[Fault]:
    """Return what the meta-schema of the dialect says against `schema`, column by column."""
    columns = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(columns, dict):
        return [*_meta_faults(json.dumps(schema))]
    found = [*_meta_faults(json.dumps(schema | {"properties": {}}))]
    for column, rules in columns.items():
        found += [(("properties", column, *where), what) for where, what in _meta_faults(json.dumps(rules))]
    return found


@lru_cache(maxsize=4096)
def _meta_faults(schema: str) -> tuple[Fault, ...]:
    """Return the faults of one schema; kept, because this walk is slow and contracts share most of their columns."""
    dialect = _dialect()
    errors = dialect(dialect.META_SCHEMA).iter_errors(json.loads(schema))
    return tuple((tuple(error.absolute_path), _said(error)) for error in errors)


def _said(error: ValidationError) -> str:
    """Return what the meta-schema says, but for a type, of which it says only that no alternative fits."""
    if error.validator != "anyOf" or list(error.absolute_path)[-1:] != ["type"]:
        return str(error.message)
    near = did_you_mean(str(error.instance), CELL_TYPES)
    return f"seen {error.instance!r}, wanted some of {', '.join(CELL_TYPES)}{near}"


def _root_faults(schema: Mapping[str, Json]) -> Iterator[Fault]:
    yield from _unknown_keywords(schema)
    if schema.get("type") != "object":
        yield ("type",), f"seen {schema.get('type')!r}, wanted 'object'"
    version = schema.get("x-version")
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        yield ("x-version",), f"seen {version!r}, wanted a version such as '1.0.0'"
    if not isinstance(schema.get("additionalProperties", True), bool):
        yield ("additionalProperties",), "seen a schema, wanted true or false"
    if "unevaluatedProperties" in schema:
        yield ("unevaluatedProperties",), "cannot be told from one table's header, wanted additionalProperties"
    for name in schema.get("required", []):
        if name not in schema["properties"]:
            near = did_you_mean(name, schema["properties"])
            yield ("required",), f"seen {name!r}, which is no property{near}"


def _role_faults(schema: Mapping[str, Json]) -> Iterator[Fault]:
    properties = {name: rules for name, rules in schema["properties"].items() if isinstance(rules, dict)}
    by_role = {role: [name for name, rules in properties.items() if rules.get("x-role") == role] for role in ROLES}
    if len(by_role["target"]) != 1:
        yield ("properties",), f"{_listed(by_role['target'])} with x-role 'target', wanted exactly one"
    if len(by_role["timestamp"]) > 1:
        yield ("properties",), f"{_listed(by_role['timestamp'])} with x-role 'timestamp', wanted at most one"
    if not by_role["feature"]:
        yield ("properties",), "no column with x-role 'feature', wanted at least one"
    for name in {*by_role["feature"], *by_role["target"], *by_role["timestamp"]} - set(schema.get("required", [])):
        rules = properties[name]
        if rules["x-role"] != "feature" or "null" not in types_of(rules, schema):
            wanted = "it listed, or a feature that may be null" if rules["x-role"] == "feature" else "it listed"
            yield ("required",), f"{rules['x-role']} {name!r} is missing, wanted {wanted}"


def _column_faults(rules: Json, root: Mapping[str, Json]) -> Iterator[Fault]:
    if not isinstance(rules, dict):
        yield (), f"seen {rules!r}, wanted an object with type and x-role"
        return
    yield from _unknown_keywords(rules)
    role = rules.get("x-role")
    if role not in ROLES:
        near = did_you_mean(str(role), ROLES)
        yield ("x-role",), f"seen {role!r}, wanted one of {', '.join(ROLES)}{near}"
    types = types_of(rules, root)
    if not types - {"null"} or types - set(CELL_TYPES):
        seen = ", ".join(sorted(types)) or "nothing"
        yield ("type",), f"seen {seen}, wanted some of {', '.join(CELL_TYPES)}: a cell is one value"
    yield from _format_faults(rules)
    yield from _extension_faults(rules, root)
    if role == "target":
        yield from _target_faults(rules, root)
    if role == "timestamp" and types != {"string"}:
        yield ("type",), f"seen {', '.join(sorted(types))}, wanted string: a timestamp is ISO 8601 text in every row"


def _format_faults(rules: Mapping[str, Json]) -> Iterator[Fault]:
    if (name := rules.get("format")) is not None and name not in FORMATS:
        near = did_you_mean(str(name), FORMATS)
        yield ("format",), f"seen {name!r}, wanted one of {', '.join(FORMATS)}, or a pattern{near}"
    try:
        ecma(rules.get("pattern", ""))
    except re.error as error:
        yield ("pattern",), f"seen {rules['pattern']!r}, which is no regular expression ({error})"
    for value in [*rules.get("enum", []), rules.get("const")]:
        if type(value) not in JSON_TYPES:
            yield ("enum",), f"seen {value!r}, wanted text, numbers, booleans or null"


def _extension_faults(rules: Mapping[str, Json], root: Mapping[str, Json]) -> Iterator[Fault]:
    categories = categories_of(rules, root)
    if not isinstance(rules.get("x-slice", False), bool):
        yield ("x-slice",), f"seen {rules['x-slice']!r}, wanted true or false"
    elif rules.get("x-slice") and categories is None:
        yield ("x-slice",), "seen true on a column without enum, wanted one whose groups are listed"
    if "x-positive" in rules:
        if rules.get("x-role") != "target" or len(categories or ()) != 2:
            yield ("x-positive",), "stands on a column that is no target of two classes"
        elif not any(same(rules["x-positive"], category) for category in categories or ()):
            yield ("x-positive",), f"seen {rules['x-positive']!r}, wanted one of {list(categories or ())}"
    markers = rules.get("x-nulls", [])
    if not isinstance(markers, list) or not all(isinstance(marker, str) for marker in markers):
        yield ("x-nulls",), f"seen {markers!r}, wanted a list of texts that mean null in a CSV file"


def _target_faults(rules: Mapping[str, Json], root: Mapping[str, Json]) -> Iterator[Fault]:
    types, categories = types_of(rules, root), categories_of(rules, root)
    if "null" in types:
        yield ("type",), "a target that may be null, wanted a label in every row"
    if categories is None and not types <= {"integer", "number"}:
        yield ("enum",), "nothing there, wanted the classes of the target, or type number for regression"
    if categories is not None and len(categories) < 2:
        yield ("enum",), f"seen {list(categories)}, wanted at least two classes"
    for value in categories or ():
        if isinstance(value, float) and not value.is_integer():
            yield ("enum",), f"seen {value!r}, wanted text or whole numbers: no estimator takes a fraction for a class"


def expectation_faults(schema: Json, demands: Expectations, name: str) -> list[str]:
    """Return what `demands` ask of columns that the row schema does not have, in the file called `name`."""
    columns = schema.get("properties")
    if not isinstance(columns, dict) or not all(isinstance(rules, dict) for rules in columns.values()):
        return []
    asked = [("nulls", column) for column in demands.nulls]
    asked += [("unique.keys", column) for key in demands.unique for column in key]
    faults = [
        f"{name}: {where} names {column!r}, which is no column of the row schema{did_you_mean(column, columns)}"
        for where, column in asked
        if column not in columns
    ]
    target: Mapping[str, Json] = next((rules for rules in columns.values() if rules.get("x-role") == "target"), {})
    if demands.min_class_share is not None and categories_of(target, schema) is None:
        faults.append(f"{name}: target.min_class_share is set, but the target is a number, wanted classes")
    if demands.max_age_days is not None and all(rules.get("x-role") != "timestamp" for rules in columns.values()):
        faults.append(f"{name}: freshness is set, but no column has x-role 'timestamp', wanted one to tell the age by")
    return faults


def _unknown_keywords(rules: Mapping[str, Json]) -> Iterator[Fault]:
    known = ANNOTATIONS | set(_dialect().VALIDATORS)
    for keyword in rules:
        if keyword not in known:
            yield (keyword,), f"no keyword of JSON Schema 2020-12 or of this contract{did_you_mean(keyword, known)}"


def _dialect() -> type[Validator]:
    """Return jsonschema's validator of the dialect that contracts are written in."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # a tenth of a second that the service starts without

    return Draft202012Validator


def _listed(names: Iterable[str]) -> str:
    return f"columns {', '.join(map(repr, names))}" if names else "no column"
