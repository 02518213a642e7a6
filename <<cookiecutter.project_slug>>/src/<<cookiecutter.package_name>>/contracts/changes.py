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
| if, then and else, as one | dropped | added or changed |
| x-nulls | markers added that were no values, to a column that may be null | otherwise |
| x-positive | never | always |
| x-slice | always | never |
| what none of these explains | never | always |

Titles, descriptions, examples and the version are no changes, nor is a rule that moves to `$defs` and is referred to:
references are followed before anything is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .contract_faults import pointer
from .references import Rules, bare, differing, followed, goes_elsewhere, inlined
from .semantics import Json
from .vocabulary import same, types_of

if TYPE_CHECKING:
    from .contract import Column, Contract

Kind = Literal["compatible", "breaking"]
LOWER = ("minimum", "exclusiveMinimum", "minLength")
UPPER = ("maximum", "exclusiveMaximum", "maxLength")
MODEL_ROLES = frozenset({"feature", "target"})
# Compared as columns, or one by one.
ROW_KEYWORDS = frozenset({"type", "properties", "required", "additionalProperties", "$id"})
# What a reference may go by, other than a path from the root.
ANCHORS = frozenset({"$defs", "$id", "$anchor", "$dynamicAnchor"})


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
    found += _row_changes(old, new)
    return found + list(_unexplained(old, new, silent=not found))


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
    was, now = _column_rules(name, before), _column_rules(name, after)
    yield from _type_changes(old, new, was, now)
    yield from _enum_changes(old, new, was, now)
    for keyword in sorted({*was, *now} - {"type", "enum"}):
        yield from _keyword_change(name, keyword, was, now)
    yield from _extension_changes(old, new)


def _type_changes(old: Column, new: Column, was: Rules, now: Rules) -> Iterator[Change]:
    before, after = frozenset(types_of(was, {})), frozenset(types_of(now, {}))
    if before != after:
        widened = _accepts(before) <= _accepts(after) and old.numeric == new.numeric
        yield _change(widened, new.name, f"type {_words(before)} → {_words(after)}")


def _accepts(types: frozenset[str]) -> frozenset[str]:
    return types | {"integer"} if "number" in types else types


def _words(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))


def _enum_changes(old: Column, new: Column, was: Rules, now: Rules) -> Iterator[Change]:
    before, after = _listed(was), _listed(now)
    if before is None or after is None:
        if before is not None or after is not None:
            dropped = after is None
            yield _change(dropped and new.numeric == old.numeric, new.name, "enum dropped" if dropped else "enum added")
        return
    if ("null" in types_of(was, {})) != ("null" in types_of(now, {})):  # which the type tells
        before, after = _without(before, [None]), _without(after, [None])
    if not same(before, after) or list(map(type, before)) != list(map(type, after)):
        gone, come = _without(before, after), _without(after, before)
        parts = [f"enum loses {v!r}" for v in gone] + [f"enum gains {v!r}" for v in come]
        reordered = "enum spelled otherwise" if same(before, after) else "enum in another order"
        yield _change(not gone and new.role != "target", new.name, ", ".join(parts) or reordered)


def _listed(rules: Rules) -> list[Json] | None:
    """Return the values that `rules` enumerate, null among them, or None when they enumerate none."""
    types = types_of(rules, {})
    if "enum" not in rules and types - {"null"} == {"boolean"}:
        return [False, True, None] if "null" in types else [False, True]
    return rules.get("enum")


def _without(values: list[Json], others: list[Json]) -> list[Json]:
    return [value for value in values if not any(same(value, other) for other in others)]


def _keyword_change(name: str, keyword: str, old: Rules, new: Rules) -> Iterator[Change]:
    was, now = old.get(keyword), new.get(keyword)
    if same(was, now):
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
    for keyword, compatible in (("x-positive", False), ("x-nulls", _keeps_values(old, new))):
        was, now = old.schema.get(keyword), new.schema.get(keyword)
        if not same(was, now):
            yield _change(compatible, new.name, _spelled(keyword, was, now))


def _keeps_values(old: Column, new: Column) -> bool:
    """Tell whether the markers of `new` are those of `old` and texts that no valid cell held."""
    was, now = set(old.schema.get("x-nulls", [])), set(new.schema.get("x-nulls", []))
    return was <= now and (was == now or new.nullable) and not any(_is_value(text, old) for text in now - was)


def _is_value(text: str, column: Column) -> bool:
    if "string" in column.types:
        return True
    if text.strip().lower() in {"true", "false"}:
        return "boolean" in column.types
    try:
        float(text)
    except ValueError:
        return False
    return not column.types.isdisjoint({"integer", "number"})


def _row_changes(old: Contract, new: Contract) -> Iterator[Change]:
    lax_before, lax = (bool(c.schema.get("additionalProperties", True)) for c in (old, new))
    if lax != lax_before:
        yield _change(lax, "", "unknown columns are now " + ("accepted" if lax else "refused"))
    was, now = _row_rules(old), _row_rules(new)
    for keyword in sorted({*was, *now}):
        yield from _keyword_change("", keyword, was, now)


def _unexplained(old: Contract, new: Contract, *, silent: bool) -> Iterator[Change]:
    """Yield one breaking change when something differs of which nothing else could tell what it means."""
    was, now = _all_rules(old), _all_rules(new)
    if goes_elsewhere(was) or goes_elsewhere(now):
        places = differing(bare(old.schema), bare(new.schema))
        unclear = [place for place in places if silent or not ANCHORS.isdisjoint(place)]
    else:
        unclear = list(differing(was, now)) if silent else []
    if unclear:
        yield _change(False, "", f"cannot be classified, so taken as breaking: {', '.join(map(pointer, unclear))}")


def _all_rules(contract: Contract) -> dict[str, Json]:
    return {
        **_row_rules(contract),
        "properties": {column.name: _column_rules(column.name, contract) for column in contract.columns},
    }


def _row_rules(contract: Contract) -> dict[str, Json]:
    rules = followed(contract.schema, contract.schema)
    return {keyword: rules[keyword] for keyword in rules if keyword not in ROW_KEYWORDS}


def _column_rules(name: str, contract: Contract) -> dict[str, Json]:
    return inlined(followed(contract.schema["properties"][name], contract.schema))
