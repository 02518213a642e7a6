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
    """When each Deployment last came closer to what is wanted."""

    since: dict[str, float] = field(default_factory=dict)
    state: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def note(self, uid: str, state: tuple[object, ...]) -> float:
        """Take note of a state, and return for how many real seconds it has not changed."""
        if self.state.get(uid) != state:
            self.state[uid] = state
            self.since[uid] = time.monotonic()
        return time.monotonic() - self.since[uid]


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
    state = (metadata["uid"], name, wanted, tuple(counts.values()))
    idle = progress.note(metadata["uid"], state)
    allowed = timing.real(deployment["spec"]["progressDeadlineSeconds"])
    old = deployment.get("status", {})
    conditions = [
        _available(deployment, counts["availableReplicas"]),
        _progressing(deployment, name, complete=complete, late=idle >= allowed),
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


def _progressing(deployment: Obj, name: str, *, complete: bool, late: bool) -> Obj:
    condition = {"type": "Progressing", "status": "True"}
    if deployment["spec"].get("paused"):
        text = "Deployment is paused"
        return condition | {"status": "Unknown", "reason": "DeploymentPaused", "message": text}
    if complete:
        text = f'ReplicaSet "{name}" has successfully progressed.'
        return condition | {"reason": "NewReplicaSetAvailable", "message": text}
    old = deployment.get("status", {}).get("conditions", [])
    was: Obj = next((item for item in old if item["type"] == "Progressing"), {})
    if was.get("reason") == "NewReplicaSetAvailable" and name in was["message"]:
        return {key: was[key] for key in ("type", "status", "reason", "message")}  # a rollout that was through stays so
    if late:
        text = f'ReplicaSet "{name}" has timed out progressing.'
        return condition | {"status": "False", "reason": "ProgressDeadlineExceeded", "message": text}
    return condition | {"reason": "ReplicaSetUpdated", "message": f'ReplicaSet "{name}" is progressing.'}


def _failure(new: Obj | None) -> list[Obj]:
    conditions = (new or {}).get("status", {}).get("conditions", [])
    kept = ("type", "status", "reason", "message")
    return [{key: item[key] for key in kept} for item in conditions if item["type"] == "ReplicaFailure"]


def _kept(condition: Obj, old: Obj) -> Obj:
    """Return a condition with its times: the transition's when the status changed, the update's when anything did."""
    was: Obj = next((item for item in old.get("conditions", []) if item["type"] == condition["type"]), {})
    now = timestamp()
    transition = was.get("lastTransitionTime", now) if was.get("status") == condition["status"] else now
    same = all(was.get(key) == condition[key] for key in ("status", "reason", "message"))
    update = was.get("lastUpdateTime", now) if same else now
    return condition | {"lastTransitionTime": transition, "lastUpdateTime": update}
