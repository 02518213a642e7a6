"""Cancelling a run while it is at work, as somebody does from its page."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from subprocess import Popen
from threading import Timer

PATIENCE = 7.5  # seconds that GitHub gives a step after SIGINT
LAST = 2.5  # seconds after SIGTERM


@dataclass(frozen=True)
class Cancel:
    """Somebody cancels the run while `job` is at `step`: before it begins, or once it has written `after`.

    Only the step's own process is told to stop. `patience` is in seconds; without any it is killed at once, with all
    that it started. With `crash` nobody cancels the run: the step alone is killed, as when memory runs out.
    """

    job: str
    step: str
    after: str = ""
    patience: float = PATIENCE
    crash: bool = False

    def end(self, process: Popen[str]) -> list[Timer]:
        """Ask the process to end, and return what will insist until it is cancelled."""
        if self.crash or not self.patience:
            kill(process)
            return []
        process.send_signal(signal.SIGINT)
        return [
            started(self.patience, process.terminate),
            started(self.patience + LAST, lambda: kill(process)),
        ]


def started(seconds: float, action: Callable[[], None]) -> Timer:
    """Do something after a while, unless it is cancelled."""
    timer = Timer(seconds, action)
    timer.start()
    return timer


def kill(process: Popen[str]) -> None:
    """Kill a process that leads a session, with what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
