"""The tables that `kubectl get` prints for people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from .pod_state import is_leaving
from .resources import Obj, Resource


def table(resource: Resource, objects: list[Obj], version: str) -> Obj:
    """Return objects as a Table; kinds without columns of their own show name and age."""
    headings, cells = _COLUMNS.get(resource.kind, (["Name"], lambda obj: [obj["metadata"]["name"]]))
    rows: list[Obj] = [
        {"cells": [*cells(obj), age(obj["metadata"]["creationTimestamp"])], "object": _partial(obj)} for obj in objects
    ]
    columns = [_column(name) for name in (*headings, "Age")]
    if resource.kind == "Event":  # its age stands first, as Last Seen
        columns = [_column(name) for name in ("Last Seen", *headings)]
        for row in rows:
            row["cells"] = [row["cells"][-1], *row["cells"][:-1]]
    kinds = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version}}
    return {**kinds, "columnDefinitions": columns, "rows": rows}


def age(since: str) -> str:
    """Return how long ago a time was, as kubectl writes it."""
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds())
    return f"{seconds}s" if seconds < 120 else f"{seconds // 60}m"


def _column(name: str) -> Obj:
    return {
        "name": name,
        "type": "string",
        "format": "name" if name == "Name" else "",
        "description": "",
        "priority": 0,
    }


def _partial(obj: Obj) -> Obj:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _pod(pod: Obj) -> list[str]:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    ready = sum(status["ready"] for status in statuses)
    reasons = [state.get("reason", "") for status in statuses for state in status["state"].values()]
    shown = next((reason for reason in reasons if reason), pod.get("status", {}).get("phase", "Pending"))
    restarts = sum(status["restartCount"] for status in statuses)
    count = f"{ready}/{len(pod['spec']['containers'])}"
    return [pod["metadata"]["name"], count, "Terminating" if is_leaving(pod) else shown, str(restarts)]


def _deployment(obj: Obj) -> list[str]:
    status, wanted = obj.get("status", {}), obj["spec"]["replicas"]
    counts = [str(status.get(name, 0)) for name in ("updatedReplicas", "availableReplicas")]
    return [obj["metadata"]["name"], f"{status.get('readyReplicas', 0)}/{wanted}", *counts]


def _replica_set(obj: Obj) -> list[str]:
    counts = [str(obj.get("status", {}).get(name, 0)) for name in ("replicas", "readyReplicas")]
    return [obj["metadata"]["name"], str(obj["spec"]["replicas"]), *counts]


def _event(obj: Obj) -> list[str]:
    about = obj["involvedObject"]
    return [obj["type"], obj["reason"], f"{about['kind'].lower()}/{about['name']}", obj["message"]]


_COLUMNS: dict[str, tuple[list[str], Callable[[Obj], list[str]]]] = {
    "Pod": (["Name", "Ready", "Status", "Restarts"], _pod),
    "Deployment": (["Name", "Ready", "Up-to-date", "Available"], _deployment),
    "ReplicaSet": (["Name", "Desired", "Current", "Ready"], _replica_set),
    "Event": (["Type", "Reason", "Object", "Message"], _event),
}
