from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, cast

import pytest
from delivery.cluster import Cluster, ClusterError
from delivery.lock import Lock, LockedError, locked


class Server:
    """One ConfigMap with the API server's rules for versions; `between` runs before each read, as other clients do."""

    namespace, timeout = "space", 1.0

    def __init__(self) -> None:
        self.lock: dict[str, Any] | None = None
        self.reads = 0
        self.lose_answer = False

    def between(self) -> None:
        """Do nothing; a test puts another client here."""

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        self.reads += 1
        self.between()
        return deepcopy(self.lock)

    def create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        if self.lock is not None:
            raise ClusterError("it is there", reason="AlreadyExists")
        self.lock = {"metadata": {"name": document["metadata"]["name"], "resourceVersion": "1"}}
        return deepcopy(self.lock)

    def patch(self, kind: str, name: str, patch: Any) -> None:
        assert self.lock is not None
        if patch["metadata"]["resourceVersion"] != self.lock["metadata"]["resourceVersion"]:
            raise ClusterError("the object has been modified", reason="Conflict")
        self.write(patch["data"])
        if self.lose_answer:
            raise ClusterError("the object has been modified", reason="Conflict")

    def write(self, data: dict[str, str]) -> None:
        version = str(int(self.lock["metadata"]["resourceVersion"]) + 1) if self.lock else "1"
        self.lock = {"metadata": {"name": "lock", "resourceVersion": version}, "data": data}

    @property
    def holder(self) -> str:
        return str((self.lock or {}).get("data", {}).get("holder", ""))


def make(server: Server, holder: str = "me") -> Lock:
    return Lock(cast(Cluster, server), "lock", 0.2, holder)


def held(server: Server, seconds: str = "0.1") -> None:
    server.write({"holder": "other", "seconds": seconds, "renewed": "1"})


def test_a_free_lock_is_taken_and_given_back() -> None:
    server = Server()
    with locked(cast(Cluster, server), "app", 5.0) as lock:
        assert server.holder == lock.holder
    assert server.holder == ""
    with locked(cast(Cluster, server), "app", 5.0):
        assert server.holder


def test_a_holder_that_gives_signs_of_life_is_not_disturbed() -> None:
    server = Server()
    held(server)
    server.between = lambda: server.write({"holder": "other", "renewed": str(server.reads)})  # type: ignore[method-assign]
    with pytest.raises(LockedError, match="another delivery is at work in space: other; wait for its end"):
        make(server).acquire()
    assert server.holder == "other"


@pytest.mark.slow
def test_a_holder_that_was_killed_is_replaced_after_what_it_promised(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server()
    held(server)
    make(server).acquire()
    assert server.holder == "me"
    assert "locked by other; waiting up to 0.1 s" in capsys.readouterr().err


@pytest.mark.slow
def test_a_lock_that_becomes_free_while_waiting_is_taken() -> None:
    server = Server()
    held(server, "4")
    server.between = lambda: server.write({"holder": ""}) if server.reads == 2 else None  # type: ignore[method-assign]
    make(server).acquire()
    assert server.holder == "me"


def test_of_two_that_want_a_free_lock_the_slower_one_is_refused() -> None:
    server = Server()
    lock = make(server)
    seen = lock._read()
    held(server)
    with pytest.raises(LockedError, match="another delivery took the lock of space first"):
        lock._write(seen, "me")
    assert server.holder == "other"


def test_a_write_whose_answer_was_lost_still_counts() -> None:
    server = Server()
    server.lose_answer = True
    make(server).acquire()
    assert server.holder == "me"


def test_a_lock_that_was_taken_over_is_noticed_and_left_alone() -> None:
    server = Server()
    lock = make(server)
    lock.acquire()
    held(server)
    with pytest.raises(LockedError, match="other took over space and decides now"):
        lock.renew()
    with pytest.raises(LockedError):
        lock.check()
    lock.release()
    assert server.holder == "other"
