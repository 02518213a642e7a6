"""The one node of the cluster: starts and ends pods as the store says."""

from __future__ import annotations

import itertools
import queue
import threading
from pathlib import Path

from .container import Container, Machine
from .errors import ApiError, bad_request
from .events import Recorder
from .launcher import Launcher, Ports, Warden
from .pod import Pod
from .resources import PODS, Obj
from .store import Change, Store
from .timing import Timing


class Node:
    """All pods of the cluster run here."""

    def __init__(
        self, store: Store, launcher: Launcher, timing: Timing, directory: Path, warden: Warden, events: Recorder
    ) -> None:
        self._machine = Machine(store, launcher, timing, Ports(), warden, directory, events.note)
        self._lock = threading.Lock()
        self._pods: dict[str, Pod] = {}
        self._addresses = itertools.count(2)
        self._changes: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="node", daemon=True)
        store.subscribe(self._note)

    def start(self) -> None:
        """Begin to run pods."""
        self._thread.start()

    def stop(self) -> None:
        """Kill every pod and wait for its end."""
        self._changes.put(None)
        self._thread.join()
        with self._lock:
            pods = list(self._pods.values())
        for pod in pods:
            pod.leave(0)
        for pod in pods:
            pod.join()

    def _note(self, change: Change) -> None:
        if change.resource is PODS:
            self._changes.put(change)

    def _work(self) -> None:
        while change := self._changes.get():
            metadata = change.after["metadata"]
            known = self.pod(metadata["uid"])
            if change.kind == "ADDED":
                self._add(change.after)
            elif known and change.kind == "DELETED":
                known.leave(0)
            elif known and "deletionTimestamp" in metadata:
                known.leave(metadata["deletionGracePeriodSeconds"])

    def _add(self, obj: Obj) -> None:
        number = next(self._addresses)
        pod = Pod(self._machine, obj, f"10.244.{number // 250}.{number % 250}", self._forget)
        with self._lock:
            self._pods[pod.uid] = pod
        pod.start()

    def _forget(self, uid: str) -> None:
        with self._lock:
            self._pods.pop(uid, None)

    def pod(self, uid: str) -> Pod | None:
        """Return a pod that runs here."""
        with self._lock:
            return self._pods.get(uid)

    def processes(self, name: str = "") -> list[int]:
        """Return the process ids of the containers that run, in all pods or in those of one name."""
        with self._lock:
            pods = [pod for pod in self._pods.values() if name in ("", pod.name)]
            found = [container.process for pod in pods for container in pod.containers]
        return [process.pid for process in found if process and process.code is None]

    def address(self, obj: Obj, port: int) -> tuple[str, int] | None:
        """Return where a port of a pod really listens, None when nothing does."""
        pod = self.pod(obj["metadata"]["uid"])
        local = pod.local_port(port) if pod else None
        return ("127.0.0.1", local) if local else None

    def at(self, ip: str, port: int) -> tuple[str, int] | None:
        """Return where a port of the pod with an address really listens, None when nothing does."""
        with self._lock:
            found = [pod.local_port(port) for pod in self._pods.values() if pod.address == ip]
        return ("127.0.0.1", found[0]) if found and found[0] else None

    def logs(self, obj: Obj, wanted: str, *, previous: bool) -> bytes:
        """Return what a container wrote; raises ApiError 400 where the kubelet has no log."""
        pod, name = self.pod(obj["metadata"]["uid"]), obj["metadata"]["name"]
        containers = {container.name: container for container in pod.containers} if pod else {}
        container = containers.get(wanted) if wanted else next(iter(containers.values()), None)
        if container is None:
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return _log(container, name, previous=previous)


def _log(container: Container, pod: str, *, previous: bool) -> bytes:
    logs = container.logs
    running = "running" in container.status.state
    if previous:
        earlier = logs[:-1] if running else logs[: container.status.restarts]
        if not earlier:
            raise bad_request(f'previous terminated container "{container.name}" in pod "{pod}" not found')
        return earlier[-1].read_bytes()
    if not logs:
        waiting = container.status.state.get("waiting", {}).get("reason", "ContainerCreating")
        why = "trying and failing to pull image" if "Image" in waiting else waiting
        text = f'container "{container.name}" in pod "{pod}" is waiting to start: {why}'
        raise ApiError(400, "BadRequest", text)
    return logs[-1].read_bytes()
