from __future__ import annotations

from typing import Any

import pytest
from delivery.rollout import DONE, FAILED, WAITING, progress, revision_of


def deployment(seen: int = 2, conditions: tuple[dict[str, str], ...] = (), **status: int) -> dict[str, Any]:
    spec = {"replicas": 3, "progressDeadlineSeconds": 300}
    return {
        "metadata": {"generation": 2},
        "spec": spec,
        "status": {"observedGeneration": seen, "conditions": list(conditions)} | status,
    }


LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


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


def replicaset(revision: int, image: str, owner: str = "app") -> dict[str, Any]:
    metadata = {
        "annotations": {"deployment.kubernetes.io/revision": str(revision)},
        "ownerReferences": [{"kind": "Deployment", "name": owner}],
    }
    return {"metadata": metadata, "spec": {"template": {"spec": {"containers": [{"name": "server", "image": image}]}}}}


def test_the_newest_older_revision_of_an_image_is_found() -> None:
    sets = [replicaset(1, "a"), replicaset(12, "b"), replicaset(9, "a"), replicaset(20, "a", "app-canary")]
    assert revision_of(sets, "app", "a") == 9
    assert revision_of(sets, "app", "b") is None, "the last revision is the one that failed"
    assert revision_of([], "app", "a") is None
