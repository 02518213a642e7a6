"""A Deployment's counts and conditions, with the progress deadline."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from .resources import DEPLOYMENTS, Obj
from .store import Store, timestamp
from .timing import Timing


@dataclass
class Progress:
    """When each Deployment last came closer to what is wanted, by its uid."""

    since: dict[str, float] = field(default_factory=dict)

    def made(self, uid: str) -> None:
        """Take note that a Deployment has come closer."""
        self.since[uid] = time.monotonic()

    def idle(self, uid: str) -> float:
        """Return for how many real seconds a Deployment has not come closer."""
        return time.monotonic() - self.since.setdefault(uid, time.monotonic())


def limits(deployment: Obj) -> tuple[int, int]:
    """Return maxSurge and maxUnavailable in pods: surge rounded up, unavailability down, never both 0."""
    rolling = deployment["spec"]["strategy"].get("rollingUpdate") or {}
    wanted = deployment["spec"]["replicas"]
    surge = math.ceil(_pods(rolling.get("maxSurge", "25%"), wanted))
    unavailable = math.floor(_pods(rolling.get("maxUnavailable", "25%"), wanted))
    return surge, unavailable if surge or unavailable else 1


def _pods(value: int | str, wanted: int) -> float:
    return int(value[:-1]) * wanted / 100 if isinstance(value, str) and value.endswith("%") else int(value)


def write_status(
    store: Store, deployment: Obj, sets: list[Obj], new: Obj | None, progress: Progress, timing: Timing
) -> float | None:
    """Write a Deployment's status; return the real seconds until the progress deadline when it runs."""
    metadata, wanted = deployment["metadata"], deployment["spec"]["replicas"]
    counts = _counts(sets, new)
    complete = counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == wanted
    name = new["metadata"]["name"] if new else ""
    old, allowed = deployment.get("status", {}), timing.real(deployment["spec"]["progressDeadlineSeconds"])
    closer = _closer(old, counts)
    if complete or closer:
        progress.made(metadata["uid"])
    idle = progress.idle(metadata["uid"])
    conditions = [
        _available(deployment, counts["availableReplicas"]),
        _progressing(deployment, counts, name, complete=complete, closer=closer, late=idle >= allowed),
        *_failure(new),
    ]
    status: Obj = {"observedGeneration": metadata["generation"]}
    status |= {key: count for key, count in counts.items() if count}
    missing = max(wanted - counts["availableReplicas"], counts["replicas"] - counts["availableReplicas"], 0)
    status |= {"unavailableReplicas": missing} if missing else {}
    status["conditions"] = [_kept(condition, old) for condition in conditions]

    def write(obj: Obj) -> None:
        obj["status"] = status

    if status != old:
        store.change(DEPLOYMENTS, metadata["namespace"], metadata["name"], write)
    return None if complete or idle >= allowed or deployment["spec"].get("paused") else allowed - idle + 0.001


def _counts(sets: list[Obj], new: Obj | None) -> dict[str, int]:
    def total(field: str, of: list[Obj]) -> int:
        return sum(int(item.get("status", {}).get(field, 0)) for item in of)

    return {
        "replicas": total("replicas", sets),
        "updatedReplicas": total("replicas", [new] if new else []),
        "readyReplicas": total("readyReplicas", sets),
        "availableReplicas": total("availableReplicas", sets),
    }


def _available(deployment: Obj, available: int) -> Obj:
    enough = available >= deployment["spec"]["replicas"] - limits(deployment)[1]
    reason = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
    text = f"Deployment {'has' if enough else 'does not have'} minimum availability."
    return {"type": "Available", "status": str(enough), "reason": reason, "message": text}


def _closer(old: Obj, counts: dict[str, int]) -> bool:
    """Tell whether pods of the new revision were added or came up, or others ended, since the last status."""
    was = {key: int(old.get(key, 0)) for key in counts}
    more = any(counts[key] > was[key] for key in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return more or counts["replicas"] - counts["updatedReplicas"] < was["replicas"] - was["updatedReplicas"]


def begun(deployment: Obj, name: str) -> None:
    """Say on a Deployment that a ReplicaSet was made for it; the return to an older one is not said."""
    status = deployment.setdefault("status", {})
    condition = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetCreated"}
    new = _kept(condition | {"message": f'Created new replica set "{name}"'}, status)
    status["conditions"] = [*(one for one in status.get("conditions", []) if one["type"] != "Progressing"), new]


def _progressing(
    deployment: Obj, counts: dict[str, int], name: str, *, complete: bool, closer: bool, late: bool
) -> Obj:
    """Return the condition as the real controller writes it: what it said before stays until there is news."""
    condition = {"type": "Progressing", "status": "True"}
    if deployment["spec"].get("paused"):
        text = "Deployment is paused"
        return condition | {"status": "Unknown", "reason": "DeploymentPaused", "message": text}
    old = deployment.get("status", {}).get("conditions", [])
    was: Obj = next((item for item in old if item["type"] == "Progressing"), {})
    through = was.get("reason") == "NewReplicaSetAvailable"
    if through and counts["replicas"] == counts["updatedReplicas"]:
        return was  # a rollout that was through stays so
    if complete:
        text = f'ReplicaSet "{name}" has successfully progressed.'
        return condition | {"reason": "NewReplicaSetAvailable", "message": text}
    if closer:
        return condition | {"reason": "ReplicaSetUpdated", "message": f'ReplicaSet "{name}" is progressing.'}
    if late and not through:
        text = f'ReplicaSet "{name}" has timed out progressing.'
        return condition | {"status": "False", "reason": "ProgressDeadlineExceeded", "message": text}
    return was or condition | {"reason": "FoundNewReplicaSet", "message": f'Found new replica set "{name}"'}


def _failure(new: Obj | None) -> list[Obj]:
    conditions = (new or {}).get("status", {}).get("conditions", [])
    kept = ("type", "status", "reason", "message")
    return [{key: item[key] for key in kept} for item in conditions if item["type"] == "ReplicaFailure"]


def _kept(condition: Obj, old: Obj) -> Obj:
    """Return a condition with its times; one whose status and reason are the old ones stays the old one."""
    was: Obj = next((item for item in old.get("conditions", []) if item["type"] == condition["type"]), {})
    if (was.get("status"), was.get("reason")) == (condition["status"], condition["reason"]):
        return was
    now = timestamp()
    transition = was.get("lastTransitionTime", now) if was.get("status") == condition["status"] else now
    return condition | {"lastTransitionTime": transition, "lastUpdateTime": now}
