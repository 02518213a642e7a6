"""What etcd keeps: objects with versions, and the changes that watches follow."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from . import errors
from .resources import Obj, Resource

_WITHOUT_GENERATION = {"Namespace", "Service"}  # of the kinds with a spec: nobody counts its changes

Key = tuple[str, str, str]  # qualified resource, namespace ("" for none), name


class Change(NamedTuple):
    """One step of an object's history."""

    version: int
    kind: str  # ADDED, MODIFIED or DELETED, as watches name it
    resource: Resource
    before: Obj | None
    after: Obj


def timestamp() -> str:
    """Return the present second as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_of(resource: Resource, obj: Obj) -> Key:
    """Return where the store keeps an object."""
    metadata = obj["metadata"]
    return (resource.qualified, metadata.get("namespace") or "", metadata["name"])


class Store:
    """Every object of a cluster; stored objects are never changed, only replaced."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._objects: dict[Key, tuple[Resource, Obj]] = {}
        self._history: list[Change] = []
        self._listeners: list[Callable[[Change], None]] = []
        self.version = 1
        self.closed = False

    def subscribe(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` after every change, within the lock: it must only take note."""
        self._listeners.append(listener)

    def get(self, resource: Resource, namespace: str | None, name: str) -> Obj | None:
        """Return an object, not to be changed by the caller."""
        with self.lock:
            found = self._objects.get((resource.qualified, namespace or "", name))
            return found[1] if found else None

    def read(self, resource: Resource, namespace: str | None, name: str) -> Obj:
        """Return an object, or refuse with 404."""
        found = self.get(resource, namespace, name)
        if found is None:
            raise errors.not_found(resource, name)
        return found

    def all(self, resource: Resource, namespace: str | None = None) -> list[Obj]:
        """Return the objects of one kind by namespace and name, none of them to be changed by the caller."""
        with self.lock:
            found = [(key, obj) for key, (kind, obj) in self._objects.items() if kind is resource]
        return [obj for key, obj in sorted(found, key=lambda item: item[0]) if not namespace or key[1] == namespace]

    def create(self, resource: Resource, obj: Obj) -> Obj:
        """Keep a new object, with the metadata that the server gives it."""
        with self.lock:
            key = key_of(resource, obj)
            if key in self._objects:
                raise errors.exists(resource, key[2])
            new = copy.deepcopy(obj)
            new["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp()}
            if "spec" in new and resource.kind not in _WITHOUT_GENERATION:
                new["metadata"]["generation"] = 1
            return self._keep("ADDED", resource, None, new)

    def replace(self, resource: Resource, obj: Obj) -> Obj:
        """Keep a new state of an object; a state that says nothing new leaves the version alone."""
        with self.lock:
            before = self.read(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
            if obj["metadata"].get("resourceVersion") not in (None, "", before["metadata"]["resourceVersion"]):
                raise errors.stale(resource, obj["metadata"]["name"])
            new = copy.deepcopy(obj)
            kept = ("uid", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp")
            new["metadata"] |= {name: before["metadata"][name] for name in kept if name in before["metadata"]}
            if new == before:
                return before
            if "generation" in before["metadata"] and new.get("spec") != before.get("spec"):
                new["metadata"]["generation"] += 1
            return self._keep("MODIFIED", resource, before, new)

    def change(self, resource: Resource, namespace: str | None, name: str, edit: Callable[[Obj], None]) -> Obj | None:
        """Change an object as a controller does, on its latest state; nothing happens to one that is gone."""
        with self.lock:
            before = self.get(resource, namespace, name)
            if before is None:
                return None
            new = copy.deepcopy(before)
            edit(new)
            if new == before:
                return before
            if new.get("spec") != before.get("spec") and "generation" in new["metadata"]:
                new["metadata"]["generation"] += 1
            return self._keep("MODIFIED", resource, before, new)

    def remove(self, resource: Resource, namespace: str | None, name: str) -> Obj | None:
        """Drop an object; one that is gone already is no matter."""
        with self.lock:
            before = self.get(resource, namespace, name)
            if before is None:
                return None
            del self._objects[key_of(resource, before)]
            last = copy.deepcopy(before)
            return self._note("DELETED", resource, before, last)

    def _keep(self, kind: str, resource: Resource, before: Obj | None, after: Obj) -> Obj:
        self._objects[key_of(resource, after)] = (resource, after)
        return self._note(kind, resource, before, after)

    def _note(self, kind: str, resource: Resource, before: Obj | None, after: Obj) -> Obj:
        self.version += 1
        after["metadata"]["resourceVersion"] = str(self.version)
        change = Change(self.version, kind, resource, before, after)
        self._history.append(change)
        for listener in self._listeners:
            listener(change)
        self._changed.notify_all()
        return after

    def position(self, version: int) -> int:
        """Return where in the history the changes after `version` begin."""
        with self.lock:
            return next((at for at, item in enumerate(self._history) if item.version > version), len(self._history))

    def follow(self, position: int, timeout: float) -> list[Change]:
        """Wait for changes from `position` on; none came when the list is empty."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or len(self._history) > position, timeout)
            return self._history[position:]

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until `condition` holds; it is asked again after every change."""
        with self._changed:
            return self._changed.wait_for(lambda: self.closed or condition(), timeout) and not self.closed

    def close(self) -> None:
        """Wake everybody who waits: the cluster stops."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
