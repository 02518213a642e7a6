"""Rolling a release out: what a Deployment says about it, waiting for it, and the pods that the cluster kept."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .cluster import Cluster, ClusterError
from .errors import DeliveryError, say
from .lock import Lock
from .release import CONTAINER, DEPLOYMENT, REVISION

DONE, WAITING, FAILED = "done", "waiting", "failed"
AUTOSCALER = "horizontalpodautoscalers.autoscaling"
POD_HASH = "pod-template-hash"
COUNTS = ("observedGeneration", "updatedReplicas", "replicas", "readyReplicas", "availableReplicas")
LONGEST = 5  # times the patience: maxSurge brings the pods in four batches, after which the last old ones leave


class RolloutError(DeliveryError):
    """The pods of a release did not become available."""


@dataclass(frozen=True)
class Progress:
    """How far a rollout is, in words."""

    state: str
    words: str


def progress(deployment: Mapping[str, Any], stale: str = "") -> Progress:
    """Return how far the rollout of a Deployment is, by the rules of `kubectl rollout status`.

    A deadline that was missed at the time `stale` was missed by an earlier rollout and says nothing of this one.
    """
    metadata, spec, status = deployment["metadata"], deployment["spec"], deployment.get("status") or {}
    if status.get("observedGeneration", 0) < metadata.get("generation", 1):
        return Progress(WAITING, "the cluster has not seen the change yet")
    if given_up(deployment) not in ("", stale):
        return Progress(FAILED, f"no progress within {spec.get('progressDeadlineSeconds', 600)} s")
    wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    if updated < wanted:
        return Progress(WAITING, f"{updated} of {wanted} pods are new")
    if status.get("replicas", 0) > updated:
        return Progress(WAITING, f"old pods left: {status['replicas'] - updated}")
    available = status.get("availableReplicas", 0)
    if available < updated:
        return Progress(WAITING, f"{available} of {updated} new pods are available")
    return Progress(DONE, f"{available} of {wanted} pods are available")


def given_up(deployment: Mapping[str, Any]) -> str:
    """Return when the cluster noted that a rollout missed its deadline; empty when none did."""
    for condition in (deployment.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("lastUpdateTime") or "at some time")
    return ""


@dataclass
class Patience:
    """How long a rollout is waited for: `seconds` without progress, and LONGEST times as long altogether."""

    seconds: float
    begun: float
    moved: float
    counts: Sequence[int] = ()

    @classmethod
    def of(cls, seconds: float) -> Patience:
        """Return the patience with a rollout that begins now."""
        now = time.monotonic()
        return cls(seconds, now, now)

    def ended(self, status: Mapping[str, Any]) -> str:
        """Return in words why a Deployment with this status is no longer waited for; empty while it is."""
        now, counts = time.monotonic(), [status.get(key, 0) for key in COUNTS]
        if counts != self.counts:
            self.counts, self.moved = counts, now
        if now - self.moved > self.seconds:
            return f" after {self.seconds:g} s without progress"
        longest = LONGEST * self.seconds
        return f" after {longest:g} s, though something moved" if now - self.begun > longest else ""


def wait(cluster: Cluster, deployment: str, rules: Mapping[str, Any], lock: Lock | None = None) -> Progress:
    """Return when a rollout that has just begun is done. Raises RolloutError when it failed or makes no progress.

    `rules` is the section `rollout` of the settings. Many pods come up batch after batch, so it is not the whole that
    must end in time but each step of it, as it is for the cluster's own deadline. A missed deadline that stands there
    at the first look is of the rollout before: the cluster leaves it in place until pods that it had already make
    progress.
    """
    patience, told, stale = Patience.of(rules["timeout_seconds"]), "", None
    while True:
        if lock:
            lock.check()
        found = cluster.get(DEPLOYMENT, deployment)
        if stale is None:
            stale = given_up(found or {})
        seen = progress(found, stale) if found else Progress(FAILED, "the Deployment is gone")
        if seen.words != told:
            say(f"{deployment}: {seen.words}")
        told = seen.words
        if seen.state == DONE:
            return seen
        late = patience.ended((found or {}).get("status") or {})
        if seen.state == FAILED or late:
            late = "" if seen.state == FAILED else late
            raise RolloutError(f"{deployment} was not rolled out{late}: {seen.words}")
        time.sleep(rules["poll_seconds"])


def wake(cluster: Cluster, deployment: str) -> None:
    """Start pods again when there are none, because no autoscaler ever leaves zero by itself."""
    found = cluster.get(DEPLOYMENT, deployment)
    if found and found["spec"].get("replicas") == 0:
        scaler = cluster.get(AUTOSCALER, deployment)
        replicas = int(scaler["spec"].get("minReplicas", 1)) if scaler else 1
        say(f"{deployment} had no pods: starting {replicas}")
        cluster.scale(deployment, replicas)


def stop(cluster: Cluster, deployment: str) -> bool:
    """Take all pods of a Deployment away; return whether there were any to take."""
    found = cluster.get(DEPLOYMENT, deployment)
    if found is None or found["spec"].get("replicas") == 0:
        return False
    cluster.scale(deployment, 0)
    return True


def kept(replicasets: Iterable[Mapping[str, Any]], deployment: str, image: str) -> dict[str, Any] | None:
    """Return the pod template of the newest revision that ran `image`, as a Deployment has it; None without one."""
    templates: dict[int, Mapping[str, Any]] = {}
    for one in replicasets:
        owners, template = one["metadata"].get("ownerReferences") or (), one["spec"]["template"]
        images = {each["name"]: each["image"] for each in template["spec"]["containers"]}
        mine = any(owner["kind"] == "Deployment" and owner["name"] == deployment for owner in owners)
        if mine and images.get(CONTAINER) == image:
            templates[int((one["metadata"].get("annotations") or {}).get(REVISION, 0))] = template
    return _without_hash(templates[max(templates)]) if templates else None


def _without_hash(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ReplicaSet's template without what the cluster added to tell it from others."""
    metadata = {key: value for key, value in template["metadata"].items() if key != "creationTimestamp"}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != POD_HASH}
    return {**template, "metadata": metadata | {"labels": labels}}


def remove_canary(cluster: Cluster, deployment: str) -> bool:
    """Take the canary's pods away, if there are any; return whether there were."""
    try:
        gone = stop(cluster, deployment)
    except ClusterError as error:
        raise RolloutError(f"the canary {deployment} could not be removed: {error}") from error
    if gone:
        say(f"{deployment}: removed")
    return gone
