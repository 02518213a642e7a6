"""Watches: the changes that a client follows."""

from __future__ import annotations

import time
from collections.abc import Iterator

from . import selectors
from .requests import Request
from .resources import Obj, Resource
from .selectors import Match
from .store import Change, Store

_LONGEST = 3600.0


def follow(store: Store, request: Request) -> Iterator[Obj]:
    """Yield watch events until the time that the client gave is over or the cluster stops."""
    resource = request.resource
    if resource is None:
        raise ValueError("only resources can be watched")
    match = selectors.by_text(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
    end = time.monotonic() + float(request.query.get("timeoutSeconds") or _LONGEST)
    since = request.query.get("resourceVersion") or "0"
    with store.lock:
        initial = _initial(store, request, resource, match) if since == "0" else []
        position = store.position(store.version if since == "0" else int(since))
    yield from initial
    while not store.closed and (rest := end - time.monotonic()) > 0:
        changes = store.follow(position, rest)
        position += len(changes)
        for change in changes:
            if change.resource is resource and request.namespace in ("", change.after["metadata"].get("namespace")):
                yield from _event(change, match)


def _initial(store: Store, request: Request, resource: Resource, match: Match) -> list[Obj]:
    """Return what is there already, and the bookmark that a client asks for who lists by watching."""
    items = [obj for obj in store.all(resource, request.namespace) if match(obj)]
    events: list[Obj] = [{"type": "ADDED", "object": obj} for obj in items]
    if request.query.get("sendInitialEvents") == "true":
        annotations = {"k8s.io/initial-events-end": "true"}
        metadata = {"resourceVersion": str(store.version), "annotations": annotations}
        bookmark = {"kind": resource.kind, "apiVersion": resource.group_version, "metadata": metadata}
        events.append({"type": "BOOKMARK", "object": bookmark})
    return events


def _event(change: Change, match: Match) -> Iterator[Obj]:
    """Yield what a change means to one who sees only what matches."""
    saw, sees = change.before is not None and match(change.before), match(change.after)
    if change.kind == "DELETED":
        if saw:
            yield {"type": "DELETED", "object": change.after}
    elif saw and not sees:
        yield {"type": "DELETED", "object": change.after}
    elif sees:
        yield {"type": "MODIFIED" if saw else "ADDED", "object": change.after}
