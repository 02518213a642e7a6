"""What a change of the contract means for those who already send rows.

A change is *compatible* when every row that was valid stays valid and means the same to the model, and *breaking*
otherwise. So a request to a served model, and a table from an older source, survive compatible changes:

| what | compatible | breaking |
|---|---|---|
| column | added, and not required | added as required; removed |
| required | dropped | added |
| x-role | among id, timestamp and ignored | to or from feature or target |
| type | more types, null among them | fewer types; number to category or back |
| enum | more values; dropped from a category | fewer values; added; any change of the target's classes |
| minimum, maximum, lengths | wider or dropped | narrower or added |
| multipleOf | a divisor of the old one, or dropped | otherwise |
| pattern, format, any other keyword | dropped | added or changed |
| additionalProperties | false to true | true to false |
| x-positive, x-nulls | x-nulls with more markers | otherwise |
| x-slice | always | never |

Titles, descriptions, examples and the version are no changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .contract_faults import ANNOTATIONS, categories_of
from .semantics import Json

if TYPE_CHECKING:
    from .contract import Column, Contract

Kind = Literal["compatible", "breaking"]
LOWER = ("minimum", "exclusiveMinimum", "minLength")
UPPER = ("maximum", "exclusiveMaximum", "maxLength")
MODEL_ROLES = frozenset({"feature", "target"})


@dataclass(frozen=True)
class Change:
    """One difference between two contracts; `column` is empty when it concerns whole rows."""

    kind: Kind
    column: str
    what: str


def compare(old: Contract, new: Contract) -> list[Change]:
    """Return what `new` changes, in the order of its columns; the module's table says which changes break."""
    before, after = {c.name: c for c in old.columns}, {c.name: c for c in new.columns}
    found = [_change(False, name, f"{column.role} removed") for name, column in before.items() if name not in after]
    for name, column in after.items():
        if name in before:
            found += _column_changes(before[name], column, old, new)
        else:
            optional = name not in _required(new)
            found.append(_change(optional, name, f"{column.role} added{', optional' if optional else ', required'}"))
    return found + list(_row_changes(old, new))


def _change(compatible: bool, column: str, what: str) -> Change:  # private, and read as a verdict
    return Change("compatible" if compatible else "breaking", column, what)


def _required(contract: Contract) -> frozenset[str]:
    return frozenset(contract.schema.get("required", []))


def _column_changes(old: Column, new: Column, before: Contract, after: Contract) -> Iterator[Change]:
    name = new.name
    if old.role != new.role:
        yield _change(MODEL_ROLES.isdisjoint({old.role, new.role}), name, f"x-role {old.role} → {new.role}")
    if (required := name in _required(after)) != (name in _required(before)):
        yield _change(not required, name, "now required" if required else "no longer required")
    yield from _type_changes(old, new)
    yield from _category_changes(old, new, before, after)
    for keyword in sorted({*old.schema, *new.schema} - ANNOTATIONS - {"type", "enum", "const"}):
        yield from _keyword_change(name, keyword, old.schema, new.schema)
    yield from _extension_changes(old, new)


def _type_changes(old: Column, new: Column) -> Iterator[Change]:
    before = old.types | ({"null"} if old.nullable else set())
    after = new.types | ({"null"} if new.nullable else set())
    if before != after:
        widened = _accepts(before) <= _accepts(after) and old.numeric == new.numeric
        yield _change(widened, new.name, f"type {_words(before)} → {_words(after)}")


def _accepts(types: frozenset[str]) -> frozenset[str]:
    return types | {"integer"} if "number" in types else types


def _words(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))


def _category_changes(old: Column, new: Column, before: Contract, after: Contract) -> Iterator[Change]:
    was, now = categories_of(old.schema, before.schema), categories_of(new.schema, after.schema)
    if was == now and [type(v) for v in was or ()] == [type(v) for v in now or ()]:
        return
    if was is None or now is None:
        yield _change(
            now is None and new.numeric == old.numeric, new.name, "enum dropped" if now is None else "enum added"
        )
        return
    gone, come = [v for v in was if v not in now], [v for v in now if v not in was]
    what = ", ".join(
        [f"enum loses {v!r}" for v in gone] + [f"enum gains {v!r}" for v in come] or ["enum in another order"]
    )
    yield _change(not gone and new.role != "target", new.name, what)


def _keyword_change(name: str, keyword: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Change]:
    was, now = old.get(keyword), new.get(keyword)
    if was == now:
        return
    yield _change(
        keyword not in new or (keyword in old and _wider(keyword)(was, now)), name, _spelled(keyword, was, now)
    )


def _wider(keyword: str) -> Callable[[Json, Json], bool]:
    """Return what tells whether a keyword's new value allows all that the old one did."""
    if keyword in LOWER:
        return lambda was, now: bool(now <= was)
    if keyword in UPPER:
        return lambda was, now: bool(now >= was)
    if keyword == "multipleOf":
        return lambda was, now: was % now == 0
    return lambda was, now: False


def _spelled(keyword: str, was: Json, now: Json) -> str:
    if was is None:
        return f"{keyword} {now!r} added"
    return f"{keyword} {was!r} dropped" if now is None else f"{keyword} {was!r} → {now!r}"


def _extension_changes(old: Column, new: Column) -> Iterator[Change]:
    if old.slice != new.slice:
        yield _change(True, new.name, "x-slice added" if new.slice else "x-slice dropped")
    for keyword, compatible in (("x-positive", False), ("x-nulls", _keeps_markers(old, new))):
        was, now = old.schema.get(keyword), new.schema.get(keyword)
        if was != now:
            yield _change(compatible, new.name, _spelled(keyword, was, now))


def _keeps_markers(old: Column, new: Column) -> bool:
    return set(old.schema.get("x-nulls", [])) <= set(new.schema.get("x-nulls", []))


def _row_changes(old: Contract, new: Contract) -> Iterator[Change]:
    was, now = (bool(c.schema.get("additionalProperties", True)) for c in (old, new))
    if was != now:
        yield _change(now, "", "unknown columns are now " + ("accepted" if now else "refused"))
    skipped = ANNOTATIONS | {"type", "properties", "required", "additionalProperties"}
    for keyword in sorted({*old.schema, *new.schema} - skipped):
        yield from _keyword_change("", keyword, old.schema, new.schema)
