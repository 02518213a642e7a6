"""A pod on its node: its containers, and the status that they make."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .container import Container, Machine
from .resources import PODS, Obj
from .store import timestamp


class Pod:
    """Runs a pod's containers and writes its status."""

    def __init__(self, machine: Machine, obj: Obj, address: str, gone: Callable[[str], None]) -> None:
        self.uid, self.address = obj["metadata"]["uid"], address
        self.ready_since: float | None = None
        self._machine, self._gone = machine, gone
        self.namespace, self.name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        self._last = obj
        self._started = timestamp()
        self.containers = [Container(machine, self, spec) for spec in obj["spec"]["containers"]]
        self._left = len(self.containers)
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=[container], name=f"{self.name}-{container.name}", daemon=True)
            for container in self.containers
        ]

    def start(self) -> None:
        """Begin to run."""
        self._machine.event(self._last, "Normal", "Scheduled", f"Successfully assigned {self.name} to emulated-node")
        self.published()
        for thread in self._threads:
            thread.start()

    def _run(self, container: Container) -> None:
        container.run()
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._machine.store.remove(PODS, self.namespace, self.name)
            self._gone(self.uid)

    def leave(self, grace: float) -> None:
        """End all containers."""
        for container in self.containers:
            container.leave(grace)

    def join(self) -> None:
        """Wait until every container has ended."""
        for thread in self._threads:
            thread.join()

    def current(self) -> Obj:
        """Return the pod's latest state."""
        self._last = self._machine.store.get(PODS, self.namespace, self.name) or self._last
        return self._last

    def local_port(self, wanted: int) -> int | None:
        """Return the local port behind a port of the pod, None where nothing listens."""
        for container in self.containers:
            if container.port and wanted in (_first_port(container.spec), container.port):
                return container.port
        return None

    def published(self) -> None:
        """Write the status that the containers make."""
        with self._machine.store.lock:  # before the pod's own lock everywhere: the store calls into pods
            statuses = [container.status.written(container.spec) for container in self.containers]
            ready = all(status["ready"] for status in statuses)
            if ready and self.ready_since is None:
                self.ready_since = time.monotonic()
            elif not ready:
                self.ready_since = None
            self._machine.store.change(PODS, self.namespace, self.name, lambda pod: self._write(pod, statuses))

    def _write(self, pod: Obj, statuses: list[Obj]) -> None:
        if pod["metadata"]["uid"] != self.uid:
            return
        ready = all(status["ready"] for status in statuses)
        running = any("running" in status["state"] or status["restartCount"] for status in statuses)
        old = pod.get("status", {})
        pod["spec"].setdefault("nodeName", "emulated-node")
        waiting = [status["name"] for status in statuses if not status["ready"]]
        why = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(waiting)}]"}
        conditions = [
            _condition(old, "PodScheduled", holds=True),
            _condition(old, "Initialized", holds=True),
            _condition(old, "ContainersReady", holds=ready, why=why),
            _condition(old, "Ready", holds=ready, why=why),
        ]
        pod["status"] = {
            "phase": "Running" if running else "Pending",
            "conditions": conditions,
            "containerStatuses": statuses,
            "hostIP": "127.0.0.1",
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "qosClass": "Burstable",
            "startTime": self._started,
        }


def _condition(status: Obj, kind: str, *, holds: bool, why: Obj | None = None) -> Obj:
    old: Obj = next((item for item in status.get("conditions", []) if item["type"] == kind), {})
    new = {"type": kind, "status": str(holds), "lastProbeTime": None, "lastTransitionTime": timestamp()}
    if old.get("status") == new["status"]:
        new["lastTransitionTime"] = old["lastTransitionTime"]
    return new | (why or {} if not holds else {})


def _first_port(container: Obj) -> int:
    ports = container.get("ports") or [{"containerPort": 8080}]
    return int(ports[0]["containerPort"])
