"""A short closed-loop load test: each client waits for its answer before it asks again."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .service import Answer, Client

Judge = Callable[[int, Answer], str]  # number of the body, its answer: what is wrong with it, or nothing


@dataclass(frozen=True)
class Load:
    """What a load test saw; latencies in milliseconds, of all requests."""

    requests: int
    errors: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    first_error: str = ""

    @property
    def error_share(self) -> float:
        """Return the share of requests that failed; all of them when there were none."""
        return self.errors / self.requests if self.requests else 1.0


def run(connect: Callable[[], Client], bodies: Sequence[object], judge: Judge, *, seconds: float, clients: int) -> Load:
    """Send `bodies` to /predict over and over for `seconds` from `clients` connections at once."""
    stop, begun = threading.Event(), time.monotonic()

    def ask(first: int) -> list[tuple[float, str]]:
        seen, client, number = [], connect(), first
        while not stop.is_set() and time.monotonic() - begun < seconds:
            which = number % len(bodies)
            answer = client.post("/predict", bodies[which])
            seen.append((answer.seconds, judge(which, answer)))
            number += clients
        client.close()
        return seen

    with ThreadPoolExecutor(clients) as pool:
        work = [pool.submit(ask, first) for first in range(clients)]
        try:
            seen = [each for one in work for each in one.result()]
        finally:
            stop.set()  # an interrupted test does not keep its threads
    return summary(seen, time.monotonic() - begun)


def summary(seen: Sequence[tuple[float, str]], seconds: float) -> Load:
    """Return the numbers of a test from the seconds and the fault of each request."""
    faults = [fault for _, fault in seen if fault]
    p50, p95, p99 = (percentile([took for took, _ in seen], share) * 1e3 for share in (0.50, 0.95, 0.99))
    return Load(len(seen), len(faults), round(seconds, 3), p50, p95, p99, faults[0] if faults else "")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of them do not exceed (nearest rank); infinity for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.inf
