"""The canary's share of the traffic: honest arithmetic with pods, or exact weights of an HTTPRoute."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import DeliveryError

FORCED_RULE, WEIGHTED_RULE = 0, 1  # the first rule serves the header x-canary, the second one splits


class TrafficError(DeliveryError):
    """The share that was asked for cannot be given."""


@dataclass(frozen=True)
class Share:
    """Canary and stable pods that are ready, and the share in percent that was asked for."""

    canary: int
    stable: int
    asked: float

    @property
    def percent(self) -> float:
        """Return the share of connections that a Service gives to the canary, in percent."""
        pods = self.canary + self.stable
        return 100.0 * self.canary / pods if pods else 0.0

    def __str__(self) -> str:
        return f"{self.canary} of {self.canary + self.stable} pods = {self.percent:.3g} % (asked for {self.asked:g} %)"


def by_replicas(stable: int, asked: float, max_share: float) -> Share:
    """Return how many canary pods come closest to `asked` percent beside `stable` ready pods without passing it.

    One pod is the least there can be. Raises TrafficError when its share is above both `asked` and `max_share`.
    """
    if stable < 1:
        raise TrafficError("no stable pod is ready, so a canary would get all the traffic; deploy a release first")
    # A hair above: 90 * 10 / 90 may come out as 9.999…
    share = Share(max(1, math.floor(stable * asked / (100.0 - asked) + 1e-9)), stable, asked)
    if share.percent > max(asked, max_share):
        needed = replicas_for(max(asked, max_share))
        raise TrafficError(
            f"{share}, more than canary.max_share = {max_share:g}; {needed} stable replicas would allow it: raise "
            "minReplicas of the HorizontalPodAutoscaler, or max_share in config/delivery.toml"
        )
    return share


def replicas_for(percent: float) -> int:
    """Return how many stable pods it takes for one canary pod to get at most `percent` of the traffic."""
    return math.ceil((100.0 - percent) / percent - 1e-9)


def weights(route: Mapping[str, Any], app: str) -> tuple[int, int]:
    """Return the weights of stable and canary in an HTTPRoute. Raises TrafficError when its rules are not ours."""
    try:
        stable, canary = route["spec"]["rules"][WEIGHTED_RULE]["backendRefs"]
        names = stable["name"], canary["name"]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise TrafficError(_other_rules(app)) from error
    if names != (f"{app}-stable", f"{app}-canary"):
        raise TrafficError(_other_rules(app))
    return int(stable.get("weight", 1)), int(canary.get("weight", 1))


def _other_rules(app: str) -> str:
    return (
        f"httproute/{app} does not split between {app}-stable and {app}-canary in its second rule; "
        "apply k8s/overlays/production again"
    )


def weight_patch(app: str, percent: int) -> list[dict[str, Any]]:
    """Return the JSON patch that gives the canary `percent`; the server refuses it for other rules than ours."""
    backends = f"/spec/rules/{WEIGHTED_RULE}/backendRefs"
    return [
        {"op": "test", "path": f"{backends}/0/name", "value": f"{app}-stable"},
        {"op": "test", "path": f"{backends}/1/name", "value": f"{app}-canary"},
        {"op": "add", "path": f"{backends}/0/weight", "value": 100 - percent},
        {"op": "add", "path": f"{backends}/1/weight", "value": percent},
    ]


def accepted(route: Mapping[str, Any]) -> bool:
    """Return whether every Gateway has accepted the route as it now is, and found its Services.

    A Gateway that has not looked at the newest generation says Accepted of the former one.
    """
    generation = route["metadata"]["generation"]
    parents: Sequence[Mapping[str, Any]] = route.get("status", {}).get("parents", [])
    return bool(parents) and all(_accepts(parent.get("conditions", []), generation) for parent in parents)


def _accepts(conditions: Sequence[Mapping[str, Any]], generation: int) -> bool:
    newest = {one["type"]: one["status"] for one in conditions if one.get("observedGeneration", 0) >= generation}
    return newest.get("Accepted") == "True" and newest.get("ResolvedRefs", "True") == "True"
