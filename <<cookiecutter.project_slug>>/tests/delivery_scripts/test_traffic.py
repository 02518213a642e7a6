from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from delivery.cluster import Cluster
from delivery.split import Application, GatewaySplit
from delivery.tracks import Pod, age
from delivery.traffic import Share, TrafficError, accepted, by_replicas, replicas_for, weight_patch, weights
from hypothesis import assume, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("stable", "asked", "canary", "words"),
    [
        pytest.param(3, 10, 1, "1 of 4 pods = 25 % (asked for 10 %)", id="one pod is the least"),
        pytest.param(9, 10, 1, "1 of 10 pods = 10 % (asked for 10 %)", id="exactly"),
        pytest.param(40, 5, 2, "2 of 42 pods = 4.76 % (asked for 5 %)", id="two pods"),
        pytest.param(10, 25, 3, "3 of 13 pods = 23.1 % (asked for 25 %)", id="rounded down"),
        pytest.param(2, 50, 2, "2 of 4 pods = 50 % (asked for 50 %)", id="half"),
    ],
)
def test_the_share_is_told_as_it_is(stable: int, asked: int, canary: int, words: str) -> None:
    share = by_replicas(stable, asked, 34)
    assert (share.canary, str(share)) == (canary, words)


@given(st.integers(1, 200), st.integers(1, 99), st.floats(1, 50))
def test_a_share_is_never_above_what_was_asked_except_for_one_pod_within_the_limit(
    stable: int, asked: int, most: float
) -> None:
    try:
        share = by_replicas(stable, asked, most)
    except TrafficError:
        assert 100 / (stable + 1) > max(asked, most)
        return
    assert share.percent <= asked + 1e-6 or (share.canary == 1 and share.percent <= most)
    assert Share(share.canary + 1, stable, asked).percent > asked  # one more would be too many


@given(st.floats(1, 99))
def test_the_replicas_that_are_named_are_enough_and_one_less_is_not(percent: float) -> None:
    needed = replicas_for(percent)
    assert 100 / (needed + 1) <= percent + 1e-6
    assume(needed > 1)
    assert 100 / needed > percent - 1e-6


def test_a_share_that_is_too_big_is_refused_with_the_replicas_that_it_takes() -> None:
    with pytest.raises(
        TrafficError,
        match=r"1 of 3 pods = 33.3 % \(asked for 10 %\), more than canary.max_share = 20; 4 stable replicas would",
    ):
        by_replicas(2, 10, 20)
    assert by_replicas(4, 10, 20).canary == 1


def test_without_a_stable_pod_there_is_no_canary() -> None:
    with pytest.raises(TrafficError, match="no stable pod is ready, so a canary would get all the traffic"):
        by_replicas(0, 10, 50)


def route(stable: int = 100, canary: int = 0, **metadata: Any) -> dict[str, Any]:
    backends = [{"name": "churn-stable", "weight": stable}, {"name": "churn-canary", "weight": canary}]
    rules = [{"backendRefs": [{"name": "churn-canary"}]}, {"backendRefs": backends}]
    return {"metadata": {"generation": 2, **metadata}, "spec": {"rules": rules}}


def test_weights_are_read_and_patched_at_the_same_place() -> None:
    found = route(90, 10)
    assert weights(found, "churn") == (90, 10)
    for step in weight_patch("churn", 25):
        *path, last = step["path"].strip("/").split("/")
        place: Any = found
        for key in path:
            place = place[int(key) if key.isdigit() else key]
        if step["op"] == "test":
            assert place[last] == step["value"]
        place[last] = step["value"]
    assert weights(found, "churn") == (75, 25)


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([], id="no rules"),
        pytest.param([{"backendRefs": []}, {"backendRefs": [{"name": "churn-stable"}]}], id="one backend"),
        pytest.param(list(reversed(route()["spec"]["rules"])), id="another order"),
        pytest.param([{}, {"backendRefs": [{"name": "a-stable"}, {"name": "a-canary"}]}], id="another application"),
    ],
)
def test_rules_of_somebody_else_are_not_touched(rules: list[Any]) -> None:
    with pytest.raises(TrafficError, match="does not split between churn-stable and churn-canary in its second rule"):
        weights({"spec": {"rules": rules}}, "churn")


def condition(status: str = "True", generation: int = 2, kind: str = "Accepted") -> dict[str, Any]:
    return {"type": kind, "status": status, "observedGeneration": generation}


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        pytest.param([[condition()]], True, id="accepted"),
        pytest.param([[condition(generation=1)]], False, id="only the former generation"),
        pytest.param([[condition("False")]], False, id="refused"),
        pytest.param([[condition()], [condition(generation=1)]], False, id="one Gateway is late"),
        pytest.param([[condition(), condition("False", kind="ResolvedRefs")]], False, id="a Service is missing"),
        pytest.param([[]], False, id="no word"),
        pytest.param([], False, id="no Gateway"),
    ],
)
def test_a_route_counts_when_every_gateway_has_accepted_its_newest_generation(
    parents: list[Any], *, expected: bool
) -> None:
    status = {"parents": [{"conditions": conditions} for conditions in parents]}
    assert accepted({**route(), "status": status}) is expected


@dataclass(frozen=True)
class Prompt(Cluster):
    """A cluster in which pods are ready as soon as they are asked for, and a Gateway accepts what it is told."""

    replicas: dict[str, int] = field(default_factory=lambda: {"stable": 10, "canary": 1})
    weights: list[int] = field(default_factory=lambda: [100, 0])

    def items(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        return [
            {
                "metadata": {
                    "name": f"{track}-{number}",
                    "labels": {"track": track},
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                },
                "status": status,
            }
            for track, count in self.replicas.items()
            for number in range(count)
        ]

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        if kind.startswith("deployments"):
            return {"spec": {"replicas": self.replicas["canary"]}}
        return {**route(*self.weights), "status": {"parents": [{"conditions": [condition()]}]}}

    def scale(self, deployment: str, replicas: int) -> None:
        self.replicas["canary"] = replicas

    def patch(self, kind: str, name: str, patch: Any, *, how: str = "merge") -> None:
        self.weights[:] = [step["value"] for step in patch if step["op"] == "add"]


def test_a_canary_keeps_the_pods_that_do_its_share_of_the_work_when_the_stable_track_shrinks() -> None:
    """At one half the autoscaler halves the stable track, because the canary bears the other half."""
    cluster = Prompt("churn")
    app = Application(cluster, "churn", timeout=1, poll=0.01)
    split = GatewaySplit(app)

    def seen(stable: int, percent: int) -> int:
        cluster.replicas["stable"] = stable
        assert split.keep(percent, app.pods()) == f"weight {percent} of 100"
        return cluster.replicas["canary"]

    split.give(50)
    assert cluster.replicas["canary"] == 5
    assert [seen(stable, 50) for stable in (5, 12, 3)] == [5, 6, 6]
    split.give(60)
    assert (cluster.replicas["canary"], cluster.weights) == (6, [40, 60])


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        pytest.param([], 0, id="no pod"),
        pytest.param([30, 90], 90, id="the oldest"),
        pytest.param([-5], 0, id="a cluster whose clock is ahead"),
    ],
)
def test_a_canary_is_as_old_as_its_oldest_pod_and_never_younger_than_nothing(
    created: Sequence[int], expected: int
) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    found = [Pod("a", True, 0, now - timedelta(seconds=seconds)) for seconds in created]
    assert age(found, now) == timedelta(seconds=expected)
