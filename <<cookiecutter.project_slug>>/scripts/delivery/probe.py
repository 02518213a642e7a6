"""Synthetic requests for a service that has few users yet: golden rows, the same to both tracks."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .service import Client

TIMEOUT = 10.0  # seconds for one request; the canary's own latency is measured inside of it


def quiet(seconds: float) -> int:
    """Let time pass and send nothing; return 0, the number of requests sent to each track."""
    time.sleep(seconds)
    return 0


@dataclass
class Probe:
    """Golden rows, sent one after another to the addresses of both tracks."""

    addresses: Sequence[str]
    rows: Sequence[Any]
    per_second: float
    _turn: Iterator[Any] = field(init=False)

    def __post_init__(self) -> None:
        self._turn = itertools.cycle(self.rows)

    def send(self, seconds: float) -> int:
        """Send requests for this long and return how many went to each track; the service counts how they ended."""
        clients = [Client(address, TIMEOUT) for address in self.addresses]
        begun, sent = time.monotonic(), 0
        while time.monotonic() - begun < seconds:
            body = {"rows": [next(self._turn)]}
            for client in clients:
                client.post("/predict", body)
            sent += 1
            due = begun + min(sent / self.per_second, seconds)
            time.sleep(max(0.0, due - time.monotonic()))
        for client in clients:
            client.close()
        return sent
