from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from delivery import rollout
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


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rollout, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=clock.sleep))
    return clock


BATCHES = {"timeout_seconds": 420.0, "poll_seconds": 130.0}


def test_many_pods_that_come_up_batch_after_batch_have_time_for_each(clock: Clock) -> None:
    batches = [deployment(updatedReplicas=3, replicas=3 + left, availableReplicas=3) for left in (7, 5, 3, 1)]
    done = deployment(updatedReplicas=3, replicas=3, availableReplicas=3)
    assert wait(cast("Cluster", Polled(*batches, done)), "app", BATCHES).state == DONE
    assert clock.now > BATCHES["timeout_seconds"]


def test_a_rollout_without_progress_is_given_up_after_the_time_for_it(clock: Clock) -> None:
    moving = deployment(updatedReplicas=1, replicas=4, availableReplicas=3)
    stuck = deployment(updatedReplicas=2, replicas=4, availableReplicas=3)
    with pytest.raises(RolloutError, match="after 420 s without progress: 2 of 3 pods are new"):
        wait(cast("Cluster", Polled(moving, moving, stuck)), "app", BATCHES)
    assert clock.now == 6 * 130.0  # progress at 260 s


def test_pods_that_come_and_go_are_not_waited_for_for_ever(clock: Clock) -> None:
    flapping = [deployment(updatedReplicas=3, replicas=3, availableReplicas=number % 3) for number in range(100)]
    with pytest.raises(RolloutError, match="after 2100 s, though something moved"):
        wait(cast("Cluster", Polled(*flapping)), "app", BATCHES)
    assert clock.now < 2100 + 2 * 130


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
