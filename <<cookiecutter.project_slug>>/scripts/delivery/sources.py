"""Where the counters of both tracks come from: each pod's /metrics through the API server, or Prometheus.

Either way a snapshot holds the same series per pod, so that one arithmetic serves both. Rates that Prometheus computes
are not used: a series that is born within the window, such as the first 5xx, has no rate yet.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from .canary_settings import PrometheusSettings
from .cluster import Cluster
from .exposition import MetricsError, Series, counter, parse, series
from .feedback import LABELS
from .observed import NAMES, Snapshot
from .service import Client
from .tracks import TRACKS, Tracks


class Source(Protocol):
    """Whatever knows the counters of all pods now."""

    def snapshot(self, pods: Tracks) -> Snapshot:
        """Return the counters of these pods. Raises MetricsError when they cannot be had whole."""
        ...


@dataclass(frozen=True)
class Pods:
    """Every ready pod of both tracks, asked for its /metrics."""

    cluster: Cluster
    base: str
    names: Collection[str] = NAMES

    def snapshot(self, pods: Tracks) -> Snapshot:
        """Return the counters of all pods; one that does not answer spoils the snapshot: its share is unknown."""
        return {
            track: {pod.name: self._scrape(pod.name) for pod in found if pod.ready} for track, found in pods.items()
        }

    def _scrape(self, pod: str) -> Mapping[Series, float]:
        client = Client(self.cluster.pod_url(self.base, pod), self.cluster.timeout)
        answer = client.get("/metrics")
        client.close()
        if answer.status != 200:
            raise MetricsError(f"pod/{pod} did not tell its metrics: {answer}")
        return parse(answer.text, self.names)


@dataclass(frozen=True)
class Prometheus:
    """What Prometheus scraped last from the pods of both tracks."""

    cluster: Cluster
    base: str
    settings: PrometheusSettings

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the instant vector of a query. Raises MetricsError when Prometheus refuses or cannot be reached."""
        where = self.settings
        home = Cluster(where.namespace).service_url(self.base, where.service, where.port)
        client = Client(home, self.cluster.timeout)
        answer = client.get("/api/v1/query?" + urlencode({"query": expression}))
        client.close()
        try:
            document = json.loads(answer.text)
            if answer.status == 200 and document["status"] == "success" and document["data"]["resultType"] == "vector":
                return list(document["data"]["result"])
        except (ValueError, KeyError, TypeError):
            pass  # the message below shows what came instead
        raise MetricsError(f"service/{where.service} in {where.namespace} did not answer as Prometheus does: {answer}")

    def snapshot(self, pods: Tracks) -> Snapshot:
        """Return the newest counters of the pods that Prometheus knows; none at all is an error."""
        where = self.settings
        found = self.query(f'{{__name__=~"{"|".join(sorted(NAMES))}",{self._ours()}}}')
        if not found:
            raise MetricsError(
                f"Prometheus has no series with {where.namespace_label}={self.cluster.namespace!r} and the label "
                f"{where.track_label}; see what it scrapes, or leave [canary.prometheus] out"
            )
        snapshot: dict[str, dict[str, dict[Series, float]]] = {track: {} for track in TRACKS}
        for one in found:
            labels = dict(one["metric"])
            if where.pod_label not in labels:
                raise MetricsError(
                    f"Prometheus has series without the label {where.pod_label}: set canary.prometheus.pod_label"
                )
            pod, name = labels[where.pod_label], labels.pop("__name__")
            samples = snapshot[labels[where.track_label]].setdefault(pod, {})
            samples[series(name, labels)] = counter(one["value"][1], name)
        return snapshot

    def increase(self, names: Collection[str], span: str) -> dict[str, dict[Series, float]]:
        """Return what counters gained within `span`, such as 14d, over all pods that there were, by the pods' track."""
        gained: dict[str, dict[Series, float]] = {track: {} for track in TRACKS}
        track_label, pods = self.settings.track_label, f"{self.settings.pod_label}, instance"
        for name in sorted(names):
            for one in self.query(f"sum without ({pods}) (increase({name}{{{self._ours()}}}[{span}]))"):
                labels = dict(one["metric"])
                found = gained[labels.pop(track_label)]
                key = series(name, {label: labels[label] for label in labels.keys() & LABELS})
                found[key] = found.get(key, 0.0) + counter(one["value"][1], name)
        return gained

    def _ours(self) -> str:
        where = self.settings
        tracks_ = f'{where.track_label}=~"{"|".join(TRACKS)}"'
        return f'{where.namespace_label}="{self.cluster.namespace}",{tracks_}'
