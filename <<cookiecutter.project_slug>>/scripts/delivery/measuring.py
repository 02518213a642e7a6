"""Measuring a canary step by step: wait, look, judge; the decisions themselves are in `analysis`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from . import tracks
from .analysis import Status, Tracks, Verdict, judge, status, step_verdict
from .canary_settings import CanarySettings
from .cluster import ClusterError
from .errors import say
from .exposition import MetricsError
from .observed import Looks, Observed, Snapshot
from .sources import Source
from .split import Application, Split
from .traffic import TrafficError
from .windows import Window, line

# What may be gone at the next look; it makes one window unreadable, and only so many in a row are borne.
UNREADABLE = (MetricsError, TrafficError, ClusterError)


@dataclass
class Measuring:
    """One canary under measurement; `windows` holds all that was seen so far.

    `wait` lets time pass and returns how many synthetic requests it sent to each track meanwhile.
    """

    app: Application
    source: Source
    split: Split
    settings: CanarySettings
    wait: Callable[[float], int]
    check: Callable[[], None] = lambda: None
    windows: list[Window] = field(default_factory=list)
    canary: Observed = field(default_factory=Observed)
    stable: Observed = field(default_factory=Observed)
    looks: Looks = field(default_factory=Looks)
    started: int = 0  # how many canary pods have been ready together; the split asks for more when stable grows

    def step(self, percent: int, share: str) -> Verdict:
        """Measure at this share until it is clear how the step ends.

        A window that had too little traffic stays open, so the next look judges both together.
        """
        self.wait(self.settings.initial_delay)
        failures = [window.status for window in self.windows].count("failed")
        statuses: list[Status] = []
        before, sent = self._open(), 0
        while (verdict := step_verdict(statuses, failures, self.settings.plan)) is None:
            sent += self.wait(self.settings.interval)
            self.check()
            window, after = self._look(percent, share, before, sent)
            self.windows.append(window)
            statuses.append(window.status)
            say(line(window))
            if before is None or window.status in ("passed", "failed"):
                before, sent = after, 0
                self._add(window)
        return verdict

    def _open(self) -> Snapshot | None:
        try:
            return self._begin(self.app.pods())
        except UNREADABLE as error:
            say(f"  ! {error}")
            return None

    def _begin(self, pods: tracks.Tracks) -> Snapshot:
        self.started = max(self.started, len(pods["canary"]))  # a step begins when all were ready
        self.looks.begin([pod.name for found in pods.values() for pod in found])
        return self.looks.add(self.source.snapshot(pods))

    def _look(self, percent: int, share: str, before: Snapshot | None, sent: int) -> tuple[Window, Snapshot | None]:
        try:
            pods, wanted = self.app.pods(), self.app.wanted()
            share = self.split.keep(percent, pods)
            if before is None:
                note = "the window had no beginning that could be read"
                return Window(percent, share, "error", note=note), self._begin(pods)
            after = self.looks.add(self.source.snapshot(pods))
        except UNREADABLE as error:
            return Window(percent, share, "error", note=str(error)), before
        seen, ready = self.looks.since(before), tracks.ready(pods["canary"])
        self.started = max(self.started, ready)
        found = Tracks(
            seen["canary"],
            seen["stable"],
            self.canary.plus(seen["canary"]),
            self.stable.plus(seen["stable"]),
            ready=ready,
            wanted=wanted,
            starting=wanted > self.started,
            restarts=sum(pod.restarts for pod in pods["canary"]),
        )
        checks = judge(found, self.settings.limits)
        return Window(percent, share, status(checks), found, checks, sent), after

    def _add(self, window: Window) -> None:
        if window.tracks:
            self.canary, self.stable = window.tracks.canary_so_far, window.tracks.stable_so_far
