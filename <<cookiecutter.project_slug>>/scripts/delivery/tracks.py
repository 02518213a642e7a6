"""The pods of the stable and the canary track: which there are, which are ready, how often they were restarted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .cluster import Cluster
from .errors import DeliveryError

TRACKS = ("stable", "canary")


@dataclass(frozen=True)
class Pod:
    """One pod that is not about to end."""

    name: str
    ready: bool
    restarts: int
    created: datetime


Tracks = Mapping[str, Sequence[Pod]]


def selector(app: str, track: str = "") -> str:
    """Return the labels by which the pods of a track, or of both, are found."""
    chosen = f",track={track}" if track else ""
    return f"app.kubernetes.io/name={app},app.kubernetes.io/component=model-server{chosen}"


def pods(cluster: Cluster, app: str) -> Tracks:
    """Return the pods by track, without those that are being deleted or have ended."""
    found: dict[str, list[Pod]] = {track: [] for track in TRACKS}
    for item in cluster.items("pods", selector(app)):
        track = (item["metadata"].get("labels") or {}).get("track")
        if track in found and _stays(item):
            found[track].append(_pod(item))
    return found


def ready(found: Sequence[Pod]) -> int:
    """Return how many of some pods take traffic."""
    return sum(pod.ready for pod in found)


def until(done: Callable[[], bool], timeout: float, poll: float, complaint: str) -> None:
    """Return when `done` is. Raises DeliveryError with `complaint` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not done():
        if time.monotonic() >= end:
            raise DeliveryError(f"{complaint} within {timeout:g} s")
        time.sleep(poll)


def age(found: Sequence[Pod], now: datetime | None = None) -> timedelta:
    """Return how long the oldest of some pods has been there; the cluster's clock may be ahead of this machine's."""
    now = now or datetime.now(UTC)
    return max((now - pod.created for pod in found if pod.created < now), default=timedelta(0))


def _stays(item: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" not in item["metadata"] and item.get("status", {}).get("phase") not in (
        "Failed",
        "Succeeded",
    )


def _pod(item: Mapping[str, Any]) -> Pod:
    status = item.get("status", {})
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    restarts = sum(one.get("restartCount", 0) for one in status.get("containerStatuses", []))
    created = datetime.fromisoformat(item["metadata"]["creationTimestamp"])
    return Pod(item["metadata"]["name"], conditions.get("Ready") == "True", restarts, created)
