"""One delivery at a time in a namespace: a ConfigMap that its holder renews, and that others take when it is silent.

Each write names the version that it was decided on, so of two that want the lock at once the API server lets one
through. Whether a holder is alive is judged by whether the lock changes while this process watches it, never by
comparing the clocks of two machines. A holder that was killed keeps others out for `lock_seconds`, not longer.
A Lease would say the same with one more right for the deployer; ConfigMaps it may write already.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .cluster import Cluster, ClusterError
from .errors import DeliveryError, say
from .records import actor, run_url

KIND = "configmaps"


class LockedError(DeliveryError):
    """Another delivery is at work in this namespace, or has taken over from this one."""


@dataclass
class Lock:
    """The lock as this process holds it; `check` before each change, because a lost lock is somebody else's."""

    cluster: Cluster
    name: str
    seconds: float
    holder: str = field(default_factory=lambda: f"{actor()}, {run_url() or 'by hand'}, {uuid.uuid4().hex[:8]}")
    lost: str = ""
    _released: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise LockedError when another delivery has taken over."""
        if self.lost:
            raise LockedError(
                f"{self.lost} took over {self.cluster.namespace} and decides now; nothing more was changed"
            )

    def acquire(self) -> None:
        """Take the lock. Raises LockedError when its holder is alive, or another one is quicker."""
        seen = self._read()
        self._write(seen if _holder(seen) in ("", self.holder) else self._outwait(seen), self.holder)

    def renew(self) -> None:
        """Give a sign of life. Raises LockedError when the lock is another's by now."""
        seen = self._read()
        if _holder(seen) != self.holder:
            self.lost = _holder(seen) or "somebody"
            self.check()
        self._write(seen, self.holder)

    def renew_until_released(self) -> None:
        """Give a sign of life three times in each span; after a failure the next one is tried as usual."""
        while not self._released.wait(self.seconds / 3):
            try:
                self.renew()
            except LockedError as error:
                say(str(error))
                return
            except DeliveryError as error:
                say(f"the lock was not renewed: {error}")

    def silence(self) -> None:
        """Give no further signs of life."""
        self._released.set()

    def release(self) -> None:
        """Let the next one in at once; when the cluster does not answer, time does it."""
        try:
            seen = self._read()
            if _holder(seen) == self.holder:
                self._write(seen, "")
        except DeliveryError as error:
            say(f"others are kept out for up to {self.seconds:g} s more: {error}")

    def _read(self) -> Mapping[str, Any]:
        """Return the lock, made when it was never there."""
        for _ in range(2):
            if found := self.cluster.get(KIND, self.name):
                return found
            try:
                return self.cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.name}})
            except ClusterError as error:
                if error.reason != "AlreadyExists":
                    raise
        raise ClusterError(f"the ConfigMap {self.name} comes and goes; see `kubectl get configmap {self.name}`")

    def _outwait(self, before: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the lock once it is free, or its holder was silent for as long as it promised to speak."""
        holder, promised = _holder(before), float(before["data"].get("seconds", self.seconds))
        say(f"locked by {holder}; waiting up to {promised:g} s for a sign of life")
        end = time.monotonic() + promised
        while time.monotonic() < end:
            time.sleep(promised / 20)
            seen = self._read()
            if _holder(seen) == "":
                return seen
            if _version(seen) != _version(before):
                raise LockedError(
                    f"another delivery is at work in {self.cluster.namespace}: {_holder(seen)}; "
                    "wait for its end and run the command again"
                )
        say("it gave none: taking the lock over")
        return before

    def _write(self, seen: Mapping[str, Any], holder: str) -> None:
        data = {"holder": holder, "seconds": f"{self.seconds:g}", "renewed": f"{time.time_ns()}"}
        try:
            self.cluster.patch(KIND, self.name, {"metadata": {"resourceVersion": _version(seen)}, "data": data})
        except ClusterError as error:
            if error.reason != "Conflict":
                raise
            # A write whose answer got lost was sent again, and met its own trace.
            if (self._read().get("data") or {}) != data:
                raise LockedError(f"another delivery took the lock of {self.cluster.namespace} first") from error


@contextmanager
def locked(cluster: Cluster, application: str, seconds: float) -> Iterator[Lock]:
    """Hold the lock of `application` in the cluster's namespace."""
    lock = Lock(cluster, f"{application}-delivery-lock", seconds)
    lock.acquire()
    life = threading.Thread(target=lock.renew_until_released, daemon=True)
    life.start()
    try:
        yield lock
    finally:
        lock.silence()
        life.join()
        lock.release()


def _holder(lock: Mapping[str, Any]) -> str:
    return str((lock.get("data") or {}).get("holder", ""))


def _version(lock: Mapping[str, Any]) -> str:
    return str(lock["metadata"]["resourceVersion"])
