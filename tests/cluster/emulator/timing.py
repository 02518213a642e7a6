"""How fast the emulated cluster's clock runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """The clock of a cluster: `speed` of its seconds pass in a real one.

    A real process starts, answers a probe and ends in real time, however fast the cluster's clock runs: the floors
    are real seconds that the time for it never falls below.
    """

    speed: float = 50.0
    first_probes: float = 0.02  # real seconds between probes until the first success, so that quick starts are quick
    probe_floor: float = 1.0
    start_floor: float = 3.0  # real seconds that a process has to come up, whatever its probes allow
    grace_floor: float = 3.0
    endpoint_delay: float = 0.0  # cluster seconds until traffic notices that an endpoint is gone

    def real(self, seconds: float) -> float:
        """Return real seconds for the cluster's."""
        return seconds / self.speed

    def start_up(self, seconds: float) -> float:
        """Return the real seconds that a process may take to come up."""
        return max(self.real(seconds), self.start_floor)

    def probe_timeout(self, seconds: float) -> float:
        """Return the real seconds that a probe may take."""
        return max(self.real(seconds), self.probe_floor)

    def grace(self, seconds: float) -> float:
        """Return the real seconds between SIGTERM and SIGKILL."""
        return max(self.real(seconds), self.grace_floor) if seconds > 0 else 0.0
