"""The Deployment controller: one ReplicaSet per revision, rolled over within surge and unavailability."""

from __future__ import annotations

import copy
import hashlib
import json

from .controllers import Loop, Work
from .deployment_status import Progress, begun, limits, write_status
from .events import Recorder
from .pod_state import owner_of
from .resources import DEPLOYMENTS, PODS, REPLICA_SETS, Obj
from .store import Change, Store

REVISION = "deployment.kubernetes.io/revision"
_NOT_COPIED = {"kubectl.kubernetes.io/last-applied-configuration", REVISION}


class Deployments:
    """Creates ReplicaSets and moves replicas from the old ones to the new one."""

    def __init__(self, store: Store, events: Recorder) -> None:
        self._store, self._events = store, events
        self._progress = Progress()

    def concerns(self, change: Change) -> list[Work]:
        """Return the Deployment that changed, or whose ReplicaSet or pod did."""
        obj = change.after
        namespace = obj["metadata"].get("namespace", "")
        if change.resource is DEPLOYMENTS:
            return [(namespace, obj["metadata"]["name"])]
        owner = owner_of(obj)
        if change.resource is PODS and change.kind == "DELETED" and owner.get("kind") == "ReplicaSet":
            found = self._store.get(REPLICA_SETS, namespace, owner["name"])
            owner = owner_of(found) if found else {}
        return [(namespace, owner["name"])] if owner.get("kind") == "Deployment" else []

    def reconcile(self, work: Work, loop: Loop) -> None:
        """Do one step of a rollout."""
        with self._store.lock:
            deployment = self._store.get(DEPLOYMENTS, *work)
            if deployment is None:
                return
            paused = deployment["spec"].get("paused", False)
            new = self._new_set(deployment, make=not paused)
            old = [item for item in self._sets(deployment) if new is None or _uid(item) != _uid(new)]
            if new and not paused:
                self._roll(deployment, new, old)
            sets = self._sets(deployment)
            new = next((item for item in sets if new and _uid(item) == _uid(new)), None)
            deployment = self._store.get(DEPLOYMENTS, *work) or deployment
            again = write_status(self._store, deployment, sets, new, self._progress, loop.timing)
            if again is not None:
                loop.later(self, work, again)
            self._forget_old(deployment, sets, new)

    def _sets(self, deployment: Obj) -> list[Obj]:
        sets = self._store.all(REPLICA_SETS, deployment["metadata"]["namespace"])
        owned = [item for item in sets if owner_of(item).get("uid") == _uid(deployment)]
        return sorted(owned, key=_revision)

    def _new_set(self, deployment: Obj, *, make: bool) -> Obj | None:
        """Return the ReplicaSet of the present template, its revision the highest; make it when there is none."""
        sets = self._sets(deployment)
        found = next((item for item in sets if _template(item) == deployment["spec"]["template"]), None)
        others = [_revision(item) for item in sets if item is not found]
        if found is None and not make:
            return None
        if found is None:
            found = self._make(deployment, max(others, default=0) + 1)
        revision = str(max(_revision(found), max(others, default=0) + 1))
        kept = {k: v for k, v in deployment["metadata"].get("annotations", {}).items() if k not in _NOT_COPIED}

        def annotate(obj: Obj) -> None:
            obj["metadata"]["annotations"] = {**obj["metadata"].get("annotations", {}), **kept, REVISION: revision}
            obj["spec"]["minReadySeconds"] = deployment["spec"].get("minReadySeconds", 0)

        def number(obj: Obj) -> None:
            obj["metadata"].setdefault("annotations", {})[REVISION] = revision

        namespace = deployment["metadata"]["namespace"]
        self._store.change(DEPLOYMENTS, namespace, deployment["metadata"]["name"], number)
        return self._store.change(REPLICA_SETS, namespace, found["metadata"]["name"], annotate)

    def _make(self, deployment: Obj, revision: int) -> Obj:
        metadata, template = deployment["metadata"], copy.deepcopy(deployment["spec"]["template"])
        text = json.dumps(template, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        labels = template["metadata"].setdefault("labels", {}) | {"pod-template-hash": digest}
        template["metadata"]["labels"] = labels
        selector = deployment["spec"]["selector"].get("matchLabels", {}) | {"pod-template-hash": digest}
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"], "uid": _uid(deployment)}
        reference |= {"controller": True, "blockOwnerDeletion": True}
        obj: Obj = {"apiVersion": "apps/v1", "kind": "ReplicaSet"}
        obj["metadata"] = {"name": f"{metadata['name']}-{digest}", "namespace": metadata["namespace"]}
        obj["metadata"] |= {"labels": labels, "annotations": {REVISION: str(revision)}, "ownerReferences": [reference]}
        obj["spec"] = {"replicas": 0, "selector": {"matchLabels": selector}, "template": template}
        name = obj["metadata"]["name"]
        self._progress.made(_uid(deployment))
        self._store.change(DEPLOYMENTS, metadata["namespace"], metadata["name"], lambda one: begun(one, name))
        return self._store.create(REPLICA_SETS, obj)

    def _roll(self, deployment: Obj, new: Obj, old: list[Obj]) -> None:
        wanted = deployment["spec"]["replicas"]
        surge, unavailable = limits(deployment)
        have = {_uid(item): int(item["spec"]["replicas"]) for item in [new, *old]}
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            surge, unavailable = 0, wanted
            if any(have[_uid(item)] or self._pods_of(item) for item in old):
                for item in old:
                    self._scale(deployment, item, 0)
                return
        room = wanted + surge - sum(have.values())
        grown = min(have[_uid(new)] + max(room, 0), wanted)
        self._scale(deployment, new, grown)
        self._shrink(deployment, new, old, wanted - unavailable, grown)

    def _shrink(self, deployment: Obj, new: Obj, old: list[Obj], least: int, grown: int) -> None:
        """Take replicas from old sets while `least` stay available: first those that do not work anyway."""
        available = {_uid(item): int(item.get("status", {}).get("availableReplicas", 0)) for item in [new, *old]}
        have = {_uid(item): int(item["spec"]["replicas"]) for item in old}
        spare = sum(have.values()) + grown - least - (grown - available[_uid(new)])
        for item in old:
            broken = max(0, min(have[_uid(item)] - available[_uid(item)], spare))
            have[_uid(item)] -= broken
            spare -= broken
        spare = min(
            spare, sum(min(available[_uid(item)], have[_uid(item)]) for item in old) + available[_uid(new)] - least
        )
        for item in old:
            healthy = max(0, min(have[_uid(item)], spare))
            have[_uid(item)] -= healthy
            spare -= healthy
            self._scale(deployment, item, have[_uid(item)])

    def _pods_of(self, item: Obj) -> list[Obj]:
        pods = self._store.all(PODS, item["metadata"]["namespace"])
        return [pod for pod in pods if owner_of(pod).get("uid") == _uid(item)]

    def _scale(self, deployment: Obj, item: Obj, replicas: int) -> None:
        before = item["spec"]["replicas"]
        if before == replicas:
            return

        def scale(obj: Obj) -> None:
            obj["spec"]["replicas"] = replicas

        self._store.change(REPLICA_SETS, item["metadata"]["namespace"], item["metadata"]["name"], scale)
        way = "up" if replicas > before else "down"
        text = f"Scaled {way} replica set {item['metadata']['name']} from {before} to {replicas}"
        self._events.note(deployment, "Normal", "ScalingReplicaSet", text)

    def _forget_old(self, deployment: Obj, sets: list[Obj], new: Obj | None) -> None:
        """Delete the oldest empty ReplicaSets beyond the history limit."""
        empty = [
            item for item in sets
            if (new is None or _uid(item) != _uid(new)) and not item["spec"]["replicas"] and not self._pods_of(item)
        ]  # fmt: skip
        for item in empty[: max(len(empty) - deployment["spec"]["revisionHistoryLimit"], 0)]:
            self._store.remove(REPLICA_SETS, item["metadata"]["namespace"], item["metadata"]["name"])


def _template(replica_set: Obj) -> Obj:
    """Return a ReplicaSet's template as the Deployment has it, without the label of its own."""
    template = copy.deepcopy(replica_set["spec"]["template"])
    template["metadata"]["labels"].pop("pod-template-hash", None)
    return dict(template)


def _revision(replica_set: Obj) -> int:
    return int(replica_set["metadata"]["annotations"][REVISION])


def _uid(obj: Obj) -> str:
    return str(obj["metadata"]["uid"])
