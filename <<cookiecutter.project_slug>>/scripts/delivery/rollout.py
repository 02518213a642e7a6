"""Rolling a release out: what a Deployment says about it, waiting for it, and putting the release before back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .cluster import Cluster, ClusterError
from .errors import DeliveryError, say
from .lock import Lock
from .release import CONTAINER, DEPLOYMENT, REVISION

DONE, WAITING, FAILED = "done", "waiting", "failed"
AUTOSCALER = "horizontalpodautoscalers.autoscaling"


class RolloutError(DeliveryError):
    """The pods of a release did not become available."""


@dataclass(frozen=True)
class Progress:
    """How far a rollout is, in words."""

    state: str
    words: str


def progress(deployment: Mapping[str, Any]) -> Progress:
    """Return how far the rollout of a Deployment is, by the rules of `kubectl rollout status`."""
    metadata, spec, status = deployment["metadata"], deployment["spec"], deployment.get("status") or {}
    if status.get("observedGeneration", 0) < metadata.get("generation", 1):
        return Progress(WAITING, "the cluster has not seen the change yet")
    for condition in status.get("conditions") or ():
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
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


def wait(cluster: Cluster, deployment: str, rules: Mapping[str, Any], lock: Lock | None = None) -> Progress:
    """Return when a rollout is done. Raises RolloutError when it failed or takes too long.

    `rules` is the section `rollout` of the settings.
    """
    end, told = time.monotonic() + rules["timeout_seconds"], ""
    while True:
        if lock:
            lock.check()
        found = cluster.get(DEPLOYMENT, deployment)
        seen = progress(found) if found else Progress(FAILED, "the Deployment is gone")
        if seen.words != told:
            say(f"{deployment}: {seen.words}")
        told = seen.words
        if seen.state == DONE:
            return seen
        if seen.state == FAILED or time.monotonic() > end:
            late = "" if seen.state == FAILED else f" after {rules['timeout_seconds']:g} s"
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


def undo(cluster: Cluster, deployment: str, image: str, rules: Mapping[str, Any]) -> None:
    """Go back to the newest older revision that ran `image`, as the cluster kept it: the last resort."""
    revision = revision_of(cluster.items("replicasets.apps"), deployment, image)
    if revision is None:
        raise RolloutError(f"the cluster keeps no revision of {deployment} with {image}")
    say(f"{deployment}: going back to revision {revision} as the cluster kept it")
    cluster.run("rollout", "undo", f"deployment/{deployment}", f"--to-revision={revision}")
    wait(cluster, deployment, rules)


def revision_of(replicasets: Iterable[Mapping[str, Any]], deployment: str, image: str) -> int | None:
    """Return the newest revision but the last that ran `image`; None when there is none."""
    revisions: dict[int, str] = {}
    for one in replicasets:
        owners = one["metadata"].get("ownerReferences") or ()
        if any(owner["kind"] == "Deployment" and owner["name"] == deployment for owner in owners):
            containers = one["spec"]["template"]["spec"]["containers"]
            number = int((one["metadata"].get("annotations") or {}).get(REVISION, 0))
            revisions[number] = next((each["image"] for each in containers if each["name"] == CONTAINER), "")
    older = sorted(revisions)[:-1]
    return max((number for number in older if revisions[number] == image), default=None)


def remove_canary(cluster: Cluster, deployment: str) -> bool:
    """Take the canary's pods away, if there are any; return whether there were."""
    try:
        gone = stop(cluster, deployment)
    except ClusterError as error:
        raise RolloutError(f"the canary {deployment} could not be removed: {error}") from error
    if gone:
        say(f"{deployment}: removed")
    return gone
