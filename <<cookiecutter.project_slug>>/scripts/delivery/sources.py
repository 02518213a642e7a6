"""Where the counters of both tracks come from: each pod's /metrics through the API server, or Prometheus.

Either way a snapshot holds the same series per pod, so that one arithmetic serves both. Rates that Prometheus computes
are not used: a series that is born within the window, such as the first 5xx, has no rate yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol
from urllib.parse import urlencode

from . import feedback
from .canary_settings import PrometheusSettings
from .cluster import Cluster
from .errors import MisuseError
from .exposition import START, MetricsError, Samples, Series, counter, later, parse, series
from .observed import LABELS, NAMES, Snapshot
from .service import Client
from .tracks import TRACKS, Tracks

UNITS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
PART = re.compile(r"(\d+)([ywdhms])")
SPAN = re.compile("".join(rf"(?:\d+{unit})?" for unit in UNITS))


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
        """Return the newest counters of all pods that Prometheus knows; one that is ready and not among them spoils it.

        It may be new and not found yet, or not readable. Its errors would be missing, and nobody would notice.
        """
        where = self.settings
        found = self.query(f'{{__name__=~"{"|".join(sorted(NAMES))}",{self._ours()}}}')
        if not found:
            raise MetricsError(
                f"Prometheus has no series with {where.namespace_label}={self.cluster.namespace!r} and the label "
                f"{where.track_label}; see what it scrapes, or leave [canary.prometheus] out"
            )
        snapshot = self._by_pod(found)
        for track, listed in pods.items():
            if unknown := [pod.name for pod in listed if pod.ready and pod.name not in snapshot[track]]:
                raise MetricsError(f"Prometheus has no series of pod/{unknown[0]}, which is ready; see its targets")
        return snapshot

    def _by_pod(self, found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Samples]]:
        """Return series by track and pod; of a pod that is scraped twice, what is newest."""
        track_label, pod_label = self.settings.track_label, self.settings.pod_label
        scraped: dict[tuple[str, str], dict[Series, dict[Series, float]]] = {}
        for one in found:
            labels = dict(one["metric"])
            if pod_label not in labels:
                raise MetricsError(
                    f"Prometheus has series without the label {pod_label}: set canary.prometheus.pod_label"
                )
            name = labels.pop("__name__")
            own = {label: labels.pop(label) for label in labels.keys() & LABELS}
            whose = labels[track_label], labels[pod_label]
            samples = scraped.setdefault(whose, {}).setdefault(series("", labels), {})
            samples[series(name, own)] = counter(one["value"][1], name)
        snapshot: dict[str, dict[str, Samples]] = {track: {} for track in TRACKS}
        for (track, pod), targets in scraped.items():
            snapshot[track][pod] = reduce(later, targets.values())
        return snapshot

    def increase(self, names: Collection[str], span: str) -> dict[str, dict[Series, float]]:
        """Return what counters gained within `span`, such as 14d, over all pods that there were, by the pods' track."""
        gained: dict[str, dict[Series, float]] = {track: {} for track in TRACKS}
        track_label, kept = self.settings.track_label, ", ".join(sorted({self.settings.track_label, *feedback.LABELS}))
        for name in sorted(names):
            each = f"max by ({self.settings.pod_label}, version, {kept}) ({self._gain(name, span)})"  # of all its jobs
            for one in self.query(f"sum by ({kept}) ({each})"):
                labels = dict(one["metric"])
                found = gained[labels.pop(track_label)]
                key = series(name, {label: labels[label] for label in labels.keys() & feedback.LABELS})
                found[key] = found.get(key, 0.0) + counter(one["value"][1], name)
        return gained

    def _gain(self, name: str, span: str) -> str:
        """Return the query of what each series gained within `span`.

        `increase` knows nothing of what a series held when it was first scraped, so it would miss the first outcome of
        every kind in every pod. Such a series began at 0 when its pod was known before, or began within the span.
        """
        counted, begun = (f"{{__name__='{one}',{self._ours()}}}" for one in (name, START))
        young = f"min_over_time({begun}[{span}]) > time() - {seconds(span)} or {begun} offset {span}"
        from_zero = f"0 * (max_over_time({counted}[{span}]) and on ({self.settings.pod_label}) ({young}))"
        before = f"{counted} offset {span} or {from_zero} or min_over_time({counted}[{span}])"
        return (
            f"increase({counted}[{span}]) and resets({counted}[{span}]) > 0"
            f" or max_over_time({counted}[{span}]) - ({before})"
        )

    def _ours(self) -> str:
        where = self.settings
        tracks_ = f'{where.track_label}=~"{"|".join(TRACKS)}"'
        return f'{where.namespace_label}="{self.cluster.namespace}",{tracks_}'


def seconds(span: str) -> int:
    """Return the length of a span such as 14d or 1h30m. Raises MisuseError when Prometheus would not read it."""
    if not span or SPAN.fullmatch(span) is None:
        raise MisuseError(f"{span!r} is not a span that Prometheus reads, such as 90m, 12h or 14d")
    return sum(int(count) * UNITS[unit] for count, unit in PART.findall(span))
