"""Runs side by side: the last ones, ranked where the same rows judged them, and what differs between two."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from ..errors import TrackingError, did_you_mean
from ..learning.metrics import LOWER_IS_BETTER
from ..text import NOTHING, digest, number
from .registry import MISSING, holder, versions
from .runs import GATE
from .tracking import Store, answering, ask


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

    @property
    def judged_on(self) -> str:
        """Which rows judged the run, in words: by their metrics, only runs with the same ones can be ranked."""
        data, contract = (digest(self.tags.get(name))[:8] for name in ("data.sha256", "contract.digest"))
        share, method, seed = (self.params.get(name, NOTHING) for name in ("split.holdout", "split.method", "seed"))
        version = self.tags.get("contract.version", NOTHING)
        return f"data {data}, contract {version} ({contract}), hold-out {share} {method}, seed {seed}"


def last_runs(store: Store, count: int) -> list[Run]:
    """Return the last `count` runs, newest first, and the champion's run, however old it is.

    Raises TrackingError, also when there are none.
    """
    known = versions(store)
    champion = holder(known)
    with answering(store.uri):
        experiment = store.client.get_experiment_by_name(store.experiment)
        order = ["attributes.start_time DESC"]
        found = [] if experiment is None else store.client.search_runs([experiment.experiment_id], "", 1, count, order)
        if found and champion and champion.run_id and champion.run_id not in {run.info.run_id for run in found}:
            found = [*found, *filter(None, [ask(lambda: store.client.get_run(champion.run_id), none_if=MISSING)])]
    if not found:
        raise TrackingError(f"{store.shown}: experiment {store.experiment!r} has no runs yet; run make pipeline first")
    registered = {version.run_id: version for version in known}
    return [_run(run, registered) for run in found]


def leaderboard(runs: list[Run], metric: str) -> str:
    """Return a table with a part for each set of rows that judged runs, best `metric` first in each.

    The part of the newest run comes first; in a part, runs whose metric is absent or NaN come last. Raises
    TrackingError when no run has it although they have others.
    """
    known = {name for run in runs for name in run.metrics}
    if known and metric not in known:
        hint = did_you_mean(metric, known) or "; name another with --metric"
        raise TrackingError(f"none of the last {len(runs)} runs has the metric {metric!r}{hint}")
    parts = _parts(runs, metric)
    header = ("run", "when", "estimator", metric, "version", "commit", "gate")
    rows = [_row(run, metric) for part in parts.values() for run in part]
    told, *rest = columns([header, *rows])
    lines = iter(rest)
    return "\n".join([told, *chain.from_iterable(("", name, *islice(lines, len(parts[name]))) for name in parts)])


def _parts(runs: list[Run], metric: str) -> dict[str, list[Run]]:
    sign = 1 if metric in LOWER_IS_BETTER else -1

    def rank(run: Run) -> float:
        value = run.metrics.get(metric, math.nan)
        return math.inf if math.isnan(value) else sign * value

    parts: dict[str, list[Run]] = {run.judged_on: [] for run in runs}
    for run in sorted(runs, key=rank):
        parts[run.judged_on].append(run)
    return parts


def _row(run: Run, metric: str) -> tuple[str, ...]:
    return (
        run.run_id[:8],
        run.started,
        run.tags.get("estimator", ""),
        number(run.metrics.get(metric)),
        run.version or NOTHING,
        digest(run.tags.get("git.commit"))[:8],
        run.tags.get(GATE, NOTHING) if run.status == "FINISHED" else run.status.lower(),
    )


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
    about = ("estimator", "data.sha256", "contract.version", "contract.digest", "git.commit", "environment", GATE)
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


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Return `rows` as lines whose columns are aligned, one for each row whatever its cells hold."""
    rows = [tuple(" ".join(cell.split()) for cell in row) for row in rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]
