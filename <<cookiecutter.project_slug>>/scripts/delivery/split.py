"""How a canary gets its share: by the number of its pods behind one Service, or by the weights of the HTTPRoute."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

from . import tracks
from .cluster import Cluster
from .errors import DeliveryError
from .release import DEPLOYMENT
from .tracks import Tracks
from .traffic import TrafficError, accepted, by_replicas, weight_patch, weights

ROUTES = "httproutes.gateway.networking.k8s.io"


@dataclass(frozen=True)
class Application:
    """An application in its namespace, and how long its pods may take; times are in seconds."""

    cluster: Cluster
    name: str
    timeout: float
    poll: float

    @property
    def canary(self) -> str:
        """Return the name of the canary's Deployment and Service."""
        return f"{self.name}-canary"

    def pods(self) -> Tracks:
        """Return the pods of both tracks as they are now."""
        return tracks.pods(self.cluster, self.name)

    def ready(self, track: str) -> int:
        """Return how many pods of a track take traffic."""
        return tracks.ready(self.pods()[track])

    def wanted(self) -> int:
        """Return how many canary pods are asked for."""
        deployment = self.cluster.get(DEPLOYMENT, self.canary)
        return int(deployment["spec"].get("replicas", 1)) if deployment else 0

    def scale_canary(self, replicas: int) -> None:
        """Set the number of canary pods; the ready ones may still be others."""
        if self.wanted() != replicas:
            self.cluster.scale(self.canary, replicas)

    def until_ready(self, replicas: int) -> None:
        """Return when exactly so many canary pods are ready."""
        complaint = f"deployment/{self.canary} did not have {replicas} ready pods"
        tracks.until(lambda: self.ready("canary") == replicas, self.timeout, self.poll, complaint)


@dataclass(frozen=True)
class Given:
    """The share that a canary really has."""

    percent: float
    words: str


class Split(Protocol):
    """One way to give a canary traffic."""

    def give(self, percent: int) -> Given:
        """Give the canary this share, and return what it really is. Raises TrafficError when it cannot be had."""
        ...

    def keep(self, percent: int, pods: Tracks) -> str:
        """Hold the share while the autoscaler changes the stable track, and return what it is beside these pods."""
        ...

    def stop(self) -> None:
        """Give all traffic back to the stable track, whatever state things are in."""
        ...


@dataclass(frozen=True)
class ReplicaSplit:
    """The Service balances connections over the ready pods of both tracks."""

    app: Application
    max_share: float

    def give(self, percent: int) -> Given:
        """Scale the canary beside the stable pods that are ready now, and wait for its pods."""
        share = by_replicas(self.app.ready("stable"), percent, self.max_share)
        self.app.scale_canary(share.canary)
        self.app.until_ready(share.canary)
        return Given(share.percent, str(share))

    def keep(self, percent: int, pods: Tracks) -> str:
        """Scale again when the stable pods have become more or fewer."""
        share = by_replicas(tracks.ready(pods["stable"]), percent, self.max_share)
        if len(pods["canary"]) != share.canary:
            self.app.scale_canary(share.canary)
        return str(replace(share, canary=tracks.ready(pods["canary"])))

    def stop(self) -> None:
        """Do nothing: its pods are the canary's traffic, so it loses one by losing the other."""


@dataclass(frozen=True)
class GatewaySplit:
    """The Gateway balances requests by the weights of the HTTPRoute's second rule."""

    app: Application

    def give(self, percent: int) -> Given:
        """Scale the canary to its share of the work, then shift the weights and wait until they are accepted."""
        replicas = _workers(self.app.pods(), percent)
        self.app.scale_canary(replicas)
        self.app.until_ready(replicas)
        self._shift(percent)
        return Given(percent, f"weight {percent} of 100")

    def keep(self, percent: int, pods: Tracks) -> str:
        """Add pods when the stable track does, and return the weight. Raises TrafficError when somebody changed it."""
        replicas = _workers(pods, percent)
        if len(pods["canary"]) != replicas:
            self.app.scale_canary(replicas)
        route = self._route()
        seen, wanted = weights(route, self.app.name) if route else (0, 0), (100 - percent, percent)
        if seen != wanted:
            raise TrafficError(f"httproute/{self.app.name} has the weights {seen}, wanted {wanted}")
        return f"weight {percent} of 100"

    def stop(self) -> None:
        """Set the weights to 100 and 0; without a route there is nothing to take back."""
        route = self._route()
        if route is not None and weights(route, self.app.name)[1] != 0:
            self._shift(0)

    def _shift(self, percent: int) -> None:
        name = self.app.name
        self.app.cluster.patch(ROUTES, name, weight_patch(name, percent), how="json")
        complaint = f"httproute/{name} with weight {percent} was not accepted by its Gateway (see kubectl describe)"
        tracks.until(self._accepted, self.app.timeout, self.app.poll, complaint)

    def _accepted(self) -> bool:
        route = self._route()
        if route is None:
            raise DeliveryError(f"httproute/{self.app.name} is gone; apply k8s/overlays/production again")
        return accepted(route)

    def _route(self) -> dict[str, object] | None:
        return self.app.cluster.get(ROUTES, self.app.name)


def _workers(pods: Tracks, percent: int) -> int:
    """Return how many canary pods do `percent` of the stable track's work, and never fewer than there are.

    The autoscaler takes stable pods away because the canary does their work: with them gone, it needs its own.
    """
    return max(1, math.ceil(tracks.ready(pods["stable"]) * percent / 100), len(pods["canary"]))
