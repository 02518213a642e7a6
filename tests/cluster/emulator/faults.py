"""Trouble on demand: errors, hangs, cut connections and early ends of watches."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from .requests import Request

Match = str | Callable[[Request], bool]


@dataclass
class Fault:
    """One kind of trouble for the requests that fit.

    `match` is a regular expression sought in "PATCH deployments /apis/apps/v1/…?query" or a function of the request;
    the first `after` requests that fit are spared, the next `times` are hit (None: all).
    """

    match: Match = ""
    status: int = 0  # answer this code instead
    hang: bool = False  # wait for release(), then go on
    reset: bool = False  # cut the connection before anything happens
    lose_answer: bool = False  # do what is asked, then cut the connection
    cut_watch: bool = False  # end a watch at once, as an API server that restarts does
    times: int | None = 1
    after: int = 0
    retry_after: int | None = None
    seen: int = 0
    hits: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let a request that hangs go on."""
        self._released.set()

    def wait(self) -> None:
        """Hang until released."""
        self._released.wait()

    def wants(self, request: Request) -> bool:
        """Tell whether the fault is meant for a request."""
        if callable(self.match):
            return self.match(request)
        resource = request.attributes.resource if request.resource else ""
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        return bool(re.search(self.match, f"{request.method} {resource} {request.path}?{query} {request.verb}"))

    def strikes(self) -> bool:
        """Count a request that fits, and tell whether it is hit."""
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


class Faults:
    """The faults of a cluster; none in the beginning."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._closed = False

    def add(
        self,
        match: Match = "",
        *,
        status: int = 0,
        hang: bool = False,
        reset: bool = False,
        lose_answer: bool = False,
        cut_watch: bool = False,
        times: int | None = 1,
        after: int = 0,
        retry_after: int | None = None,
    ) -> Fault:
        """Make the requests that fit fail; the meaning of each argument stands at `Fault`."""
        fault = Fault(match, status, hang, reset, lose_answer, cut_watch, times, after, retry_after)
        with self._lock:
            self._faults.append(fault)
        return fault

    def pause(self, at: int, match: Match = "") -> Fault:
        """Hold the `at`-th request (from 1) that fits: wait for `.reached`, act, then `.release()`."""
        return self.add(match, hang=True, after=at - 1)

    def clear(self) -> None:
        """Remove every fault, and let go what hangs."""
        with self._lock:
            faults, self._faults = self._faults, []
        for fault in faults:
            fault.release()

    def for_request(self, request: Request) -> Fault:
        """Return the trouble of a request, after it has hung where that is the trouble."""
        struck = Fault()
        with self._lock:
            for fault in self._faults:
                if fault.wants(request) and fault.strikes():
                    struck = fault
                    break
        struck.reached.set()
        if struck.hang:
            struck.wait()
        return struck
