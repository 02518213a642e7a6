"""Which pods stand behind a Service, as EndpointSlices and for traffic."""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from dataclasses import dataclass

from . import selectors
from .controllers import Loop, Work
from .node import Node
from .pod_state import is_leaving, is_ready, port_of
from .resources import PODS, SERVICES, SLICES, Obj
from .store import Change, Store
from .timing import Timing

Address = tuple[str, int]


@dataclass(frozen=True)
class Leaver:
    """A pod that is no endpoint any more, while traffic may still come to it."""

    pod: Obj
    until: float
    addresses: dict[int, Address | None]


class Endpoints:
    """The controller of EndpointSlices, and what kube-proxy makes of them."""

    def __init__(self, store: Store, node: Node, timing: Timing) -> None:
        self._store, self._node, self._timing = store, node, timing
        self._turns: defaultdict[object, itertools.count[int]] = defaultdict(itertools.count)
        self._left: dict[str, Leaver] = {}  # pods that stopped being endpoints, by uid
        self._lock = threading.Lock()

    def concerns(self, change: Change) -> list[Work]:
        """Return the Services of the namespace, when one of them or a pod changed."""
        metadata = change.after["metadata"]
        if change.resource is SERVICES:
            return [(metadata["namespace"], metadata["name"])]
        if change.resource is not PODS:
            return []
        if change.before and _serves(change.before) and (change.kind == "DELETED" or not _serves(change.after)):
            self._note_leaver(change.before)
        services = self._store.all(SERVICES, metadata["namespace"])
        return [(metadata["namespace"], service["metadata"]["name"]) for service in services]

    def reconcile(self, work: Work, loop: Loop) -> None:
        """Write the slice of one Service."""
        namespace, name = work
        slice_name = f"{name}-emulated"
        with self._store.lock:
            service = self._store.get(SERVICES, namespace, name)
            if service is None:
                self._store.remove(SLICES, namespace, slice_name)
                return
            if not service["spec"].get("selector"):
                return
            wanted = self._slice(service, slice_name)
            old = self._store.get(SLICES, namespace, slice_name)
            if old is None:
                self._store.create(SLICES, wanted)
            elif (old["endpoints"], old["ports"]) != (wanted["endpoints"], wanted["ports"]):
                self._store.replace(SLICES, wanted)

    def _slice(self, service: Obj, name: str) -> Obj:
        metadata = {"name": name, "namespace": service["metadata"]["namespace"]}
        metadata |= {"labels": {"kubernetes.io/service-name": service["metadata"]["name"]}}
        pods = [pod for pod in self._selected(service) if pod.get("status", {}).get("podIP")]
        first = pods[0] if pods else None
        ports = [
            {"name": port.get("name", ""), "protocol": port["protocol"], "port": number}
            for port in service["spec"].get("ports", [])
            if (number := port_of(first, port["targetPort"]) if first else port["port"])
        ]
        body = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata}
        return body | {"addressType": "IPv4", "endpoints": [_endpoint(pod) for pod in pods], "ports": ports}

    def _selected(self, service: Obj) -> list[Obj]:
        selector = service["spec"].get("selector")
        match = selectors.by_labels(selector or {})
        pods = self._store.all(PODS, service["metadata"]["namespace"])
        return [pod for pod in pods if selector and match(pod)]

    def of(self, namespace: str, name: str, port: str | int = "", *, fresh: bool = False) -> list[Address] | None:
        """Return where a Service's traffic can go now; None when there is no such Service or port.

        Traffic notices with the cluster's endpoint delay that a pod left, the API server (`fresh`) at once.
        """
        with self._store.lock:
            service = self._store.get(SERVICES, namespace, name)
            wanted = _port(service, port) if service else None
            if service is None or wanted is None:
                return None
            target = wanted["targetPort"]
            serving = [pod for pod in self._selected(service) if _serves(pod)]
            ports = [(pod, port_of(pod, target)) for pod in serving]
            addresses = [self._node.address(pod, number) for pod, number in ports if number]
            late = [] if fresh else self._leavers(service, target)
        return [address for address in (*addresses, *late) if address]

    def _note_leaver(self, pod: Obj) -> None:
        if self._timing.endpoint_delay:
            until = time.monotonic() + self._timing.real(self._timing.endpoint_delay)
            numbers = [port["containerPort"] for item in pod["spec"]["containers"] for port in item.get("ports", [])]
            addresses = {number: self._node.address(pod, number) for number in numbers}
            self._left[pod["metadata"]["uid"]] = Leaver(pod, until, addresses)

    def _leavers(self, service: Obj, target: str | int) -> list[Address | None]:
        """Return where pods listened that traffic has not noticed to have left, whether they still do or not."""
        match, namespace = selectors.by_labels(service["spec"]["selector"]), service["metadata"]["namespace"]
        gone = [item for item in self._left.values() if time.monotonic() < item.until and match(item.pod)]
        here = [item for item in gone if item.pod["metadata"]["namespace"] == namespace]
        return [item.addresses.get(port_of(item.pod, target) or 0) for item in here]

    def pick(self, namespace: str, name: str, port: str | int = "", *, fresh: bool = False) -> Address | None:
        """Return the endpoint whose turn it is; None when the Service has none."""
        found = self.of(namespace, name, port, fresh=fresh)
        with self._lock:
            return found[next(self._turns[(namespace, name)]) % len(found)] if found else None


def _serves(pod: Obj) -> bool:
    return is_ready(pod) and not is_leaving(pod)


def _endpoint(pod: Obj) -> Obj:
    metadata = pod["metadata"]
    target = {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}
    conditions = {"ready": _serves(pod), "serving": is_ready(pod), "terminating": is_leaving(pod)}
    return {"addresses": [pod["status"]["podIP"]], "conditions": conditions, "targetRef": target}


def _port(service: Obj, wanted: str | int) -> Obj | None:
    ports: list[Obj] = service["spec"].get("ports", [])
    if wanted == "":
        return ports[0] if ports else None
    return next((port for port in ports if str(wanted) in (str(port["port"]), port.get("name"))), None)
