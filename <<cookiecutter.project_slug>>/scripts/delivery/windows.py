"""Windows of measurement in words: a line while the canary runs, a table on the run's page, rows of the record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .analysis import Check, Status, Tracks
from .records import cell

MARKS = {"passed": "✓", "failed": "✗", "fatal": "✗", "inconclusive": "…", "error": "!"}
HEADER = ("step", "share", "canary", "stable", "5xx", "p99 in ms", "shift", "verdict")


@dataclass(frozen=True)
class Window:
    """One window: what was asked for, seen, and made of it; `tracks` is None when nothing could be read."""

    step: int
    share: str
    status: Status
    tracks: Tracks | None = None
    checks: Sequence[Check] = ()
    synthetic: int = 0
    note: str = ""

    @property
    def reason(self) -> str:
        """Return what decided, in words."""
        if self.note:
            return self.note
        return "; ".join(worded(check) for check in self.checks if check.status != "passed") or "all limits kept"

    def document(self) -> dict[str, Any]:
        """Return the window for the record."""
        counts = (
            {
                name: {"requests": track.requests, "errors": track.errors, "p99_seconds": finite(track.p99)}
                for name, track in (("canary", self.tracks.canary), ("stable", self.tracks.stable))
            }
            if self.tracks
            else {}
        )
        return {
            "step": self.step,
            "share": self.share,
            "status": self.status,
            "reason": self.reason,
            "synthetic_requests": self.synthetic,
            **counts,
            "checks": [check.document() for check in self.checks],
        }


def worded(check: Check) -> str:
    """Return one check in words."""
    if math.isnan(check.seen) or math.isnan(check.limit):
        return f"{check.name} is not known"
    relation = "wanted at least" if check.name.endswith(("requests", "pods", "compare")) else "allowed are at most"
    return f"{check.name} {check.seen:.4g}, {relation} {check.limit:.4g}"


def line(window: Window) -> str:
    """Return one line of progress."""
    seen = f", {_requests(window)} requests to the canary" if window.tracks else ""
    return f"  {MARKS[window.status]} {window.step} %: {window.share}{seen}: {window.reason}"


def table(windows: Sequence[Window]) -> str:
    """Return the windows as a Markdown table."""
    rows = [HEADER, ("---",) * len(HEADER), *(tuple(map(cell, _cells(window))) for window in windows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(window: Window) -> tuple[str, ...]:
    verdict = f"{MARKS[window.status]} {window.status}: {window.reason}"
    if window.tracks is None:
        return (f"{window.step} %", window.share, "-", "-", "-", "-", "-", verdict)
    canary, stable = window.tracks.canary, window.tracks.stable
    shift = next((f"{check.seen:.3f}" for check in window.checks if check.name == "prediction shift"), "-")
    return (
        f"{window.step} %",
        window.share,
        f"{_requests(window)} requests",
        f"{stable.requests:.0f} requests",
        f"{_share(canary.error_ratio)} beside {_share(stable.error_ratio)}",
        f"{_ms(canary.p99)} beside {_ms(stable.p99)}",
        shift,
        verdict,
    )


def _requests(window: Window) -> str:
    assert window.tracks
    synthetic = f" ({window.synthetic} synthetic)" if window.synthetic else ""
    return f"{window.tracks.canary.requests:.0f}{synthetic}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2%}"


def _ms(value: float) -> str:
    return "-" if math.isnan(value) else f"{1000 * value:.0f}"


def finite(value: float) -> float | None:
    """Return a number for JSON, which has no NaN."""
    return value if math.isfinite(value) else None
