"""Events about objects, counted when they repeat."""

from __future__ import annotations

import itertools
import threading

from .resources import EVENTS, NAMESPACES, Obj
from .store import Store, timestamp


class Recorder:
    """Writes Event objects, as controllers and the kubelet do."""

    def __init__(self, store: Store, component: str = "emulator") -> None:
        self._store, self._component = store, component
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, str], str] = {}
        self._numbers = itertools.count(1)

    def note(self, about: Obj, kind: str, reason: str, message: str) -> None:
        """Record an event of `kind` Normal or Warning about an object."""
        metadata = about["metadata"]
        with self._store.lock:
            if self._store.get(NAMESPACES, None, metadata["namespace"]) is None:
                return  # it is being deleted with all that is in it
            known = (metadata["uid"], reason, message)
            if self._store.change(EVENTS, metadata["namespace"], self._known.get(known, ""), _again):
                return
            name = f"{metadata['name']}.{next(self._numbers):016x}"
            self._known[known] = name
            self._store.create(EVENTS, self._event(about, kind, reason, message) | {"metadata": _at(metadata, name)})

    def _event(self, about: Obj, kind: str, reason: str, message: str) -> Obj:
        metadata = about["metadata"]
        involved = {"apiVersion": about["apiVersion"], "kind": about["kind"], "name": metadata["name"]}
        involved |= {"namespace": metadata["namespace"], "uid": metadata["uid"]}
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "involvedObject": involved,
            "type": kind,
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": timestamp(),
            "lastTimestamp": timestamp(),
            "source": {"component": self._component},
            "reportingComponent": self._component,
        }


def _at(metadata: Obj, name: str) -> Obj:
    return {"name": name, "namespace": metadata["namespace"]}


def _again(event: Obj) -> None:
    event["count"] += 1
    event["lastTimestamp"] = timestamp()
