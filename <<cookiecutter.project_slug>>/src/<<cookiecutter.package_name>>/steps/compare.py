"""Put runs side by side."""

from __future__ import annotations

from ..store import compare
from .workspace import Workspace

SEARCHED = 200  # runs among which two are looked for


def leaderboard(work: Workspace, count: int, metric: str | None = None) -> str:
    """Return the last `count` runs as a table, best first by `metric` (default: the one of the champion's gate)."""
    return compare.leaderboard(compare.last_runs(work.store, count), metric or work.gates.champion.metric)


def difference(work: Workspace, first: str, second: str) -> str:
    """Return what differs between two runs, each named by its version or the start of its id."""
    runs = compare.last_runs(work.store, SEARCHED)
    one, other = compare.find(runs, first), compare.find(runs, second)
    rows = compare.difference(one, other)
    header = ("", one.run_id[:8], other.run_id[:8], "change")
    return "\n".join(compare.columns([header, *rows])) if rows else f"{first} and {second} do not differ"
