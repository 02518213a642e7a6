"""The ReplicaSet controller: as many pods as wanted."""

from __future__ import annotations

import copy
import random
import time

from . import defaults, pod_security
from .controllers import Loop, Work
from .errors import ApiError
from .events import Recorder
from .node import Node
from .pod_state import is_leaving, is_ready, owner_of, terminate
from .resources import DEPLOYMENTS, NAMESPACES, PODS, REPLICA_SETS, Obj
from .store import Change, Store, timestamp

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_FIRST_RETRY, _LAST_RETRY = 1.0, 30.0  # cluster seconds between attempts to create refused pods


class ReplicaSets:
    """Creates and deletes pods, and counts them."""

    def __init__(self, store: Store, node: Node, events: Recorder, seed: int = 0) -> None:
        self._store, self._node, self._events = store, node, events
        self._random = random.Random(seed)
        self._retries: dict[str, float] = {}  # by the set's uid

    def concerns(self, change: Change) -> list[Work]:
        """Return the ReplicaSet that changed, or whose pod changed."""
        metadata = change.after["metadata"]
        if change.resource is REPLICA_SETS:
            return [(metadata["namespace"], metadata["name"])]
        owner = owner_of(change.after) if change.resource is PODS else {}
        return [(metadata["namespace"], owner["name"])] if owner.get("kind") == "ReplicaSet" else []

    def reconcile(self, work: Work, loop: Loop) -> None:
        """Bring the number of pods to what is wanted, and write the status."""
        namespace, name = work
        with self._store.lock:
            wanted = self._store.get(REPLICA_SETS, namespace, name)
            if wanted is None:
                return
            pods = [pod for pod in self._pods(wanted) if not is_leaving(pod)]
            missing = wanted["spec"]["replicas"] - len(pods)
            problem = self._create(wanted, missing, loop) if missing > 0 else ""
            for pod in sorted(pods, key=_first_to_go)[: max(-missing, 0)]:
                terminate(self._store, pod, pod["spec"]["terminationGracePeriodSeconds"])
                self._events.note(wanted, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
            self._write_status(wanted, problem, loop)

    def _pods(self, wanted: Obj) -> list[Obj]:
        uid = wanted["metadata"]["uid"]
        pods = self._store.all(PODS, wanted["metadata"]["namespace"])
        return [pod for pod in pods if owner_of(pod).get("uid") == uid]

    def _create(self, wanted: Obj, count: int, loop: Loop) -> str:
        """Create pods; return the refusal when admission does not let them in."""
        uid, namespace = wanted["metadata"]["uid"], wanted["metadata"]["namespace"]
        for _ in range(count):
            pod = self._pod(wanted)
            try:
                pod_security.admit(self._store.get(NAMESPACES, None, namespace), pod)
            except ApiError as refusal:
                self._events.note(wanted, "Warning", "FailedCreate", f"Error creating: {refusal.message}")
                pause = self._retries.get(uid, _FIRST_RETRY)
                self._retries[uid] = min(2 * pause, _LAST_RETRY)
                loop.later(self, (namespace, wanted["metadata"]["name"]), loop.timing.real(pause))
                return refusal.message
            self._store.create(PODS, pod)
            self._events.note(wanted, "Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        self._retries.pop(uid, None)
        return ""

    def _pod(self, wanted: Obj) -> Obj:
        name, template = wanted["metadata"]["name"], copy.deepcopy(wanted["spec"]["template"])
        reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": wanted["metadata"]["uid"]}
        reference |= {"controller": True, "blockOwnerDeletion": True}
        suffix = "".join(self._random.choices(_LETTERS, k=5))
        metadata = template["metadata"] | {"name": f"{name}-{suffix}", "generateName": f"{name}-"}
        metadata |= {"namespace": wanted["metadata"]["namespace"], "ownerReferences": [reference]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        defaults.fill(PODS, pod)
        return pod

    def _write_status(self, wanted: Obj, problem: str, loop: Loop) -> None:
        metadata = wanted["metadata"]
        pods = [pod for pod in self._pods(wanted) if not is_leaving(pod)]
        ready = [pod for pod in pods if is_ready(pod)]
        available = self._available(wanted, ready, loop)
        status: Obj = {"observedGeneration": metadata["generation"], "replicas": len(pods)}
        counts = {"fullyLabeledReplicas": len(pods), "readyReplicas": len(ready), "availableReplicas": available}
        status |= {name: count for name, count in counts.items() if count}
        old = wanted.get("status", {})
        if problem:
            status["conditions"] = [_failure(problem, old)]

        def write(obj: Obj) -> None:
            obj["status"] = status

        if status != old:
            self._store.change(REPLICA_SETS, metadata["namespace"], metadata["name"], write)

    def _available(self, wanted: Obj, ready: list[Obj], loop: Loop) -> int:
        """Count the pods that have been ready long enough, and come back when the next one will have been."""
        need = loop.timing.real(wanted["spec"].get("minReadySeconds", 0))
        rests = []
        for obj in ready:
            pod = self._node.pod(obj["metadata"]["uid"])
            since = pod.ready_since if pod else None
            rests.append(0.0 if need <= 0 else need if since is None else since + need - time.monotonic())
        waiting = [rest for rest in rests if rest > 0]
        if waiting:
            work = (wanted["metadata"]["namespace"], wanted["metadata"]["name"])
            loop.later(self, work, min(waiting))
        return len(rests) - len(waiting)


def _first_to_go(pod: Obj) -> tuple[bool, int, str]:
    """Order pods for deletion: those not ready first, then those that restarted most, then the youngest."""
    restarts = sum(item["restartCount"] for item in pod.get("status", {}).get("containerStatuses", []))
    youth = "".join(chr(0x10FFFF - ord(letter)) for letter in pod["metadata"]["creationTimestamp"])
    return (is_ready(pod), -restarts, youth)


def _failure(problem: str, old: Obj) -> Obj:
    known = next((item for item in old.get("conditions", []) if item["message"] == problem), None)
    new = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": problem}
    return known or new | {"lastTransitionTime": timestamp()}


class Garbage:
    """Deletes what belonged to a Deployment or a ReplicaSet that is gone."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def concerns(self, change: Change) -> list[Work]:
        """Return the namespace and the uid of an owner that went."""
        if change.kind == "DELETED" and change.resource in (DEPLOYMENTS, REPLICA_SETS):
            return [(change.after["metadata"]["namespace"], change.after["metadata"]["uid"])]
        return []

    def reconcile(self, work: Work, loop: Loop) -> None:
        """Delete what the owner leaves behind."""
        namespace, uid = work
        with self._store.lock:
            for resource in (REPLICA_SETS, PODS):
                for obj in self._store.all(resource, namespace):
                    if owner_of(obj).get("uid") == uid:
                        self._delete(obj)

    def _delete(self, obj: Obj) -> None:
        if obj["kind"] == "Pod":
            terminate(self._store, obj, obj["spec"]["terminationGracePeriodSeconds"])
        else:
            self._store.remove(REPLICA_SETS, obj["metadata"]["namespace"], obj["metadata"]["name"])
