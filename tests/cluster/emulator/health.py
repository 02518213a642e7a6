"""Probing a container's process for as long as it lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from . import probes
from .probes import Target
from .resources import Obj
from .timing import Timing

_LONG = 3600.0


@dataclass
class Health:
    """The probes of one process; `pause` waits real seconds and tells whether the process ended or has to."""

    spec: Obj
    target: Target
    timing: Timing
    pause: Callable[[float], bool]
    report: Callable[[bool, bool], None]  # ready, started
    warn: Callable[[str], None]
    ready: bool = False

    def watch(self) -> str:
        """Probe until the process ends; return why it has to be killed, "" when it need not."""
        if problem := self._start_up():
            return problem
        names = [name for name in ("readinessProbe", "livenessProbe") if name in self.spec]
        self._set_ready("readinessProbe" not in names)
        due = dict.fromkeys(names, time.monotonic())
        failures = dict.fromkeys(names, 0)
        young_until = time.monotonic() + self.timing.start_floor
        while not self.pause(min(due.values(), default=time.monotonic() + _LONG) - time.monotonic()):
            name = min(due, key=lambda item: due[item])
            problem = self._ask(name)
            young_until = young_until if problem else 0.0  # it has answered: it is up
            failures[name] = failures[name] + 1 if problem else 0
            failed = failures[name] >= self.spec[name]["failureThreshold"]
            if name == "livenessProbe" and failed and time.monotonic() >= young_until:
                return f"Container {self.spec['name']} failed liveness probe, will be restarted"
            if name == "readinessProbe":
                self._set_ready(not failed and (self.ready or not problem))
            due[name] = time.monotonic() + self._period(name)
        return ""

    def _set_ready(self, ready: bool) -> None:
        self.ready = ready
        self.report(ready, True)

    def _period(self, name: str) -> float:
        period = self.timing.real(self.spec[name]["periodSeconds"])
        return min(period, self.timing.first_probes) if name == "readinessProbe" and not self.ready else period

    def _ask(self, name: str) -> str:
        problem = self._once(self.spec[name])
        if problem and (self.ready or name != "readinessProbe") and not self.pause(0):
            self.warn(f"{name.removesuffix('Probe').capitalize()} probe failed: {problem}")
        return problem

    def _once(self, probe: Obj) -> str:
        return probes.passes(probe, self.target, self.timing.probe_timeout(probe["timeoutSeconds"]))

    def _start_up(self) -> str:
        """Ask the startup probe until it passes, the process ends, or the probe's time is over."""
        probe = self.spec.get("startupProbe")
        if not probe:
            return ""
        end = time.monotonic() + self.timing.start_up(probe["periodSeconds"] * probe["failureThreshold"])
        while not self.pause(self.timing.first_probes):
            problem = self._once(probe)
            if not problem:
                return ""
            if time.monotonic() >= end:
                self.warn(f"Startup probe failed: {problem}")
                return f"Container {self.spec['name']} failed startup probe, will be restarted"
        return ""
