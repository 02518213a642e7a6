"""Runs side by side: a leaderboard of the last ones, and what differs between two."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import TrackingError
from ..learning.metrics import LOWER_IS_BETTER
from ..text import digest, number
from .registry import versions
from .tracking import Store, answering

HEADER = ("run", "when", "estimator", "metric", "value", "status", "version", "data", "commit")


@dataclass(frozen=True)
class Run:
    """A run as the store knows it; `version` is that of the registered model, or empty."""

    run_id: str
    started: str
    status: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    version: str


def last_runs(store: Store, count: int) -> list[Run]:
    """Return the last `count` runs, newest first. Raises TrackingError, also when there are none."""
    registered = {version.run_id: version for version in versions(store)}
    with answering(store.uri):
        experiment = store.client.get_experiment_by_name(store.experiment)
        order = ["attributes.start_time DESC"]
        found = [] if experiment is None else store.client.search_runs([experiment.experiment_id], "", 1, count, order)
    if not found:
        raise TrackingError(f"{store.shown}: experiment {store.experiment!r} has no runs yet; run make pipeline first")
    return [_run(run, registered) for run in found]


def leaderboard(runs: list[Run], metric: str) -> list[tuple[str, ...]]:
    """Return one row per run in the order of HEADER, best `metric` first; runs without it come last."""
    worst = float("inf")
    sign = 1 if metric in LOWER_IS_BETTER else -1
    ranked = sorted(runs, key=lambda run: sign * run.metrics[metric] if metric in run.metrics else worst)
    return [
        (
            run.run_id[:8],
            run.started,
            run.tags.get("estimator", ""),
            metric,
            number(run.metrics.get(metric)),
            run.status.lower(),
            run.version,
            digest(run.tags.get("data.sha256"))[:8],
            digest(run.tags.get("git.commit"))[:8],
        )
        for run in ranked
    ]


def find(runs: list[Run], name: str) -> Run:
    """Return the one run whose id starts with `name`, or whose model is registered as version `name`.

    Raises TrackingError when there is none, or more than one.
    """
    matching = [run for run in runs if run.run_id.startswith(name) or name in run.version.split()]
    if len(matching) != 1:
        seen = ", ".join(run.run_id[:8] for run in runs[:10])
        how = "no run" if not matching else f"{len(matching)} runs"
        raise TrackingError(f"{how} found for {name!r} among the last {len(runs)}; there are {seen}")
    return matching[0]


def difference(first: Run, second: Run) -> list[tuple[str, str, str, str]]:
    """Return what differs as name, value of the first, value of the second, and the change for numbers."""
    rows = [
        (name, number(first.metrics.get(name)), number(second.metrics.get(name)), _change(first, second, name))
        for name in sorted(first.metrics.keys() | second.metrics.keys())
        if first.metrics.get(name) != second.metrics.get(name)
    ]
    about = ("estimator", "data.sha256", "contract.version", "contract.digest", "git.commit", "environment")
    kinds = ((first.params, second.params, None), (first.tags, second.tags, about))
    for mine, theirs, names in kinds:
        for name in sorted(mine.keys() | theirs.keys()):
            if mine.get(name) != theirs.get(name) and (names is None or name in names):
                rows.append((name, _short(mine.get(name)), _short(theirs.get(name)), ""))
    return rows


def _run(item: Any, registered: Mapping[str, Any]) -> Run:
    version = registered.get(item.info.run_id)
    return Run(
        run_id=str(item.info.run_id),
        started=datetime.fromtimestamp(item.info.start_time / 1000, UTC).strftime("%Y-%m-%d %H:%M"),
        status=str(item.info.status),
        params=dict(item.data.params),
        metrics=dict(item.data.metrics),
        tags=dict(item.data.tags),
        version=" ".join((version.version, *version.aliases)) if version else "",
    )


def _change(first: Run, second: Run, name: str) -> str:
    if name not in first.metrics or name not in second.metrics:
        return ""
    return number(second.metrics[name] - first.metrics[name], signed=True)


def _short(value: str | None) -> str:
    if value is None:
        return "-"
    try:
        packages = json.loads(value).get("packages") if value.startswith("{") else None
    except ValueError:
        packages = None
    if packages:
        return " ".join(f"{name}={version}" for name, version in packages.items())
    return value if len(value) <= 40 else value[:12] + "…"


def columns(rows: list[tuple[str, ...]]) -> str:
    """Return `rows` as lines of text whose columns are aligned."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
