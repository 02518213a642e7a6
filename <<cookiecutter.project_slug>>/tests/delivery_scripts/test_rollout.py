from __future__ import annotations

from typing import Any, cast

import pytest
from delivery.cluster import Cluster
from delivery.rollout import DONE, FAILED, WAITING, RolloutError, kept, progress, wait


def deployment(seen: int = 2, conditions: tuple[dict[str, str], ...] = (), **status: int) -> dict[str, Any]:
    spec = {"replicas": 3, "progressDeadlineSeconds": 300}
    return {
        "metadata": {"generation": 2},
        "spec": spec,
        "status": {"observedGeneration": seen, "conditions": list(conditions)} | status,
    }


LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": "10:00"}
RULES = {"timeout_seconds": 5.0, "poll_seconds": 0.0}


@pytest.mark.parametrize(
    ("seen", "state", "words"),
    [
        (deployment(seen=1, updatedReplicas=3, replicas=3, availableReplicas=3), WAITING, "not seen the change"),
        (deployment(updatedReplicas=1, replicas=4, availableReplicas=3), WAITING, "1 of 3 pods are new"),
        (deployment(updatedReplicas=3, replicas=4, availableReplicas=3), WAITING, "old pods left: 1"),
        (deployment(updatedReplicas=3, replicas=3, availableReplicas=2), WAITING, "2 of 3 new pods are available"),
        (deployment(updatedReplicas=3, replicas=3, availableReplicas=3), DONE, "3 of 3 pods are available"),
        (deployment(conditions=(LATE,), updatedReplicas=1, replicas=4), FAILED, "no progress within 300 s"),
        (deployment(seen=1, conditions=(LATE,)), WAITING, "not seen the change"),
        ({"metadata": {}, "spec": {}}, WAITING, "not seen the change"),
    ],
    ids=["unseen", "not all new", "old ones left", "not available", "done", "late", "late before the change", "new"],
)
def test_how_far_a_rollout_is(seen: dict[str, Any], state: str, words: str) -> None:
    found = progress(seen)
    assert found.state == state and words in found.words


class Polled:
    """A cluster that shows a Deployment as it comes along."""

    def __init__(self, *seen: dict[str, Any]) -> None:
        self.left = list(seen)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


def test_a_deadline_that_an_earlier_rollout_missed_is_no_failure_of_this_one() -> None:
    stale = deployment(conditions=(LATE,), updatedReplicas=3, replicas=4, availableReplicas=3)
    done = deployment(updatedReplicas=3, replicas=3, availableReplicas=3)
    seen = Polled(deployment(seen=1, conditions=(LATE,)), stale, stale, done)
    assert wait(cast("Cluster", seen), "app", RULES).state == DONE


def test_a_deadline_that_this_rollout_missed_ends_it_even_after_another_one() -> None:
    stale = deployment(conditions=(LATE,), updatedReplicas=1, replicas=4)
    own = deployment(conditions=(LATE | {"lastUpdateTime": "10:05"},), updatedReplicas=1, replicas=4)
    for seen in (Polled(stale, own), Polled(deployment(updatedReplicas=1, replicas=4), stale)):
        with pytest.raises(RolloutError, match="app was not rolled out: no progress within 300 s"):
            wait(cast("Cluster", seen), "app", RULES)


def replicaset(revision: int, image: str, owner: str = "app", setting: str = "") -> dict[str, Any]:
    metadata = {
        "annotations": {"deployment.kubernetes.io/revision": str(revision)},
        "ownerReferences": [{"kind": "Deployment", "name": owner}],
    }
    labels = {"track": "stable", "pod-template-hash": f"hash-{revision}"}
    containers = [{"name": "sidecar", "image": "other"}, {"name": "server", "image": image, "env": setting}]
    pods = {"metadata": {"creationTimestamp": None, "labels": labels}, "spec": {"containers": containers}}
    return {"metadata": metadata, "spec": {"template": pods}}


def test_the_newest_pods_of_an_image_are_kept_as_a_deployment_describes_them() -> None:
    sets = [
        replicaset(1, "a"),
        replicaset(12, "b"),
        replicaset(9, "a", setting="new"),
        replicaset(20, "a", "app-canary"),
    ]
    found = kept(sets, "app", "a")
    assert found == {"metadata": {"labels": {"track": "stable"}}, "spec": sets[2]["spec"]["template"]["spec"]}
    assert kept(sets, "app", "c") is None
    assert kept([], "app", "a") is None
