"""Server-side apply: who owns which field, conflicts, and the merge."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from . import fields, merge_keys
from .errors import ApiError
from .fields import Path
from .merge_keys import Names
from .resources import Obj, Resource
from .store import timestamp


@dataclass(frozen=True)
class Manager:
    """Who writes: a name, the way of writing, and the subresource it goes through."""

    name: str
    operation: str  # Apply or Update
    subresource: str = ""

    def described(self, version: str) -> str:
        """Return the manager as a conflict names it: with the version only when it did not apply."""
        through = f' with subresource "{self.subresource}"' if self.subresource else ""
        using = f" using {version}" if self.operation == "Update" else ""
        return f'"{self.name}"{through}{using}'


Owners = dict[Manager, set[Path]]


def owners_of(obj: Obj) -> Owners:
    """Return who owns what, by the object's managedFields."""
    entries = obj["metadata"].get("managedFields") or []
    return {
        Manager(entry["manager"], entry["operation"], entry.get("subresource", "")): fields.decode(entry["fieldsV1"])
        for entry in entries
        if entry.get("manager")
    }


def write_owners(obj: Obj, owners: Owners, before: Obj | None) -> None:
    """Write managedFields; an entry that says what it said keeps its time."""
    old = {}
    for entry in (before or {}).get("metadata", {}).get("managedFields") or []:
        old[(entry.get("manager"), entry.get("operation"), entry.get("subresource", ""))] = entry
    entries = []
    for manager, paths in owners.items():
        if not paths:
            continue
        body: Obj = {"manager": manager.name, "operation": manager.operation, "apiVersion": obj["apiVersion"]}
        body |= {"time": timestamp(), "fieldsType": "FieldsV1", "fieldsV1": fields.encode(paths)}
        body |= {"subresource": manager.subresource} if manager.subresource else {}
        same = old.get((manager.name, manager.operation, manager.subresource))
        unchanged = same and same["fieldsV1"] == body["fieldsV1"]
        entries.append(same if unchanged else body)
    obj["metadata"].pop("managedFields", None)
    if entries:
        obj["metadata"]["managedFields"] = entries


def apply(resource: Resource, live: Obj, config: Obj, manager: Manager, *, force: bool) -> Obj:
    """Return `live` with what `manager` applies; fields that others set differently are refused unless forced."""
    owners = owners_of(live)
    wanted = fields.paths_of(config, resource.kind)
    contested = {
        other: {path for path in paths & wanted if not fields.same(path, live, config)}
        for other, paths in owners.items()
        if other != manager
    }
    contested = {other: paths for other, paths in contested.items() if paths}
    if contested and not force:
        raise _conflict(resource, contested)
    for other, paths in contested.items():
        owners[other] -= paths
    new: Obj = merge(copy.deepcopy(live), config, resource.kind, ())
    others = set().union(*(paths for other, paths in owners.items() if other != manager))
    for path in sorted(owners.get(manager, set()) - wanted - others, key=len, reverse=True):
        fields.remove(path, new)
    write_owners(new, owners | {manager: wanted}, live)
    return new


def _conflict(resource: Resource, contested: Owners) -> ApiError:
    named = {
        other.described(resource.group_version): [fields.written(path) for path in fields.in_order(paths)]
        for other, paths in sorted(contested.items(), key=lambda item: item[0].name)
    }
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {other}", "field": field}
        for other, found in named.items()
        for field in found
    ]
    if len(causes) == 1:
        told = f"1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:  # one line for each manager, and below it one for each field
        listed = ("\n- ".join([f"conflicts with {other}:", *found]) for other, found in named.items())
        told = f"{len(causes)} conflicts: " + "\n".join(listed)
    return ApiError(409, "Conflict", f"Apply failed with {told}", causes=causes)


def merge(live: Any, config: Any, kind: str, names: Names) -> Any:
    """Return `live` overlaid with an applied configuration."""
    if isinstance(config, dict) and isinstance(live, dict) and not merge_keys.is_atomic(kind, names):
        merged = dict(live)
        for name, value in config.items():
            merged[name] = merge(live.get(name), value, kind, (*names, name))
        return merged
    if isinstance(config, list) and isinstance(live, list) and (keys := merge_keys.keys_of(kind, names)):
        return _merge_items(live, config, kind, names, keys)
    if isinstance(config, list) and isinstance(live, list) and merge_keys.is_set(names):
        return live + [item for item in config if item not in live]
    return copy.deepcopy(config)


def _merge_items(live: list[Any], config: list[Any], kind: str, names: Names, keys: Names) -> list[Any]:
    known = {merge_keys.identity(item, keys): item for item in live}
    applied = {merge_keys.identity(item, keys) for item in config}
    merged = [merge(known.get(merge_keys.identity(item, keys)), item, kind, names) for item in config]
    return merged + [item for item in live if merge_keys.identity(item, keys) not in applied]


def disown(obj: Obj, path: Path) -> None:
    """Take a field from all its owners: so the API server leaves the number of pods when it is scaled to 0, which a
    Scale does not write."""
    write_owners(obj, {other: paths - {path} for other, paths in owners_of(obj).items()}, obj)


def note_update(resource: Resource, before: Obj | None, after: Obj, manager: Manager) -> None:
    """Give the fields that a plain write changed to its writer, and take them from everybody else."""
    owners = owners_of(after)
    new = fields.paths_of(after, resource.kind)
    old = fields.paths_of(before, resource.kind) if before else set()
    changed = {path for path in new if path not in old or not fields.same(path, before or {}, after)}
    owners = {other: paths & (new - changed) for other, paths in owners.items()}
    owners[manager] = owners.get(manager, set()) | changed
    write_owners(after, owners, before)
