"""Whether a canary may go on: checks of one window, and what the windows of a step amount to. Nothing here does I/O.

The semantics are those of Argo Rollouts' analysis (failures over a limit abort, errors in a row over a limit end it)
with Flagger's rule that no data is never a success.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal

from .exposition import quantile
from .observed import Observed
from .shift import predictions, shift

# A fatal window ends the canary at once; failed ones may be noise, of which a few are allowed.
Status = Literal["passed", "failed", "fatal", "inconclusive", "error"]
Verdict = Literal["passed", "failed", "inconclusive"]
UNKNOWN: Literal["inconclusive"] = "inconclusive"
FEWEST_ERRORS = 3  # one or two requests may fail by chance
TAIL = 10  # requests that must be slower than a percentile before it says more than chance


@dataclass(frozen=True)
class Limits:
    """What a canary must keep to; ratios are shares of requests, times are seconds."""

    max_error_ratio: float = 0.01
    max_error_increase: float = 0.005
    max_p99_seconds: float = 0.5
    max_p99_ratio: float = 1.5
    p99_slack_seconds: float = 0.02
    max_prediction_shift: float = 0.2
    max_violation_increase: float = 0.05
    max_restarts: int = 0
    min_requests: int = 50
    min_predictions: int = 100


@dataclass(frozen=True)
class Plan:
    """How often to measure at each step, and how much may go wrong over the whole canary."""

    count: int = 5
    failure_limit: int = 2
    error_limit: int = 4


@dataclass(frozen=True)
class Check:
    """One comparison: what was seen, what was allowed, and whether that is good enough."""

    name: str
    seen: float
    limit: float
    status: Status

    def document(self) -> dict[str, object]:
        """Return the check for a JSON report, in which there is no NaN."""
        return vars(self) | {key: _json(getattr(self, key)) for key in ("seen", "limit")}


@dataclass(frozen=True)
class Tracks:
    """What both tracks did in a window, and since the canary began: a shift of predictions does not pass by.

    Of the canary's pods, `ready` take requests and `wanted` are asked for, some of which may still be `starting`.
    """

    canary: Observed
    stable: Observed
    canary_so_far: Observed
    stable_so_far: Observed
    ready: int = 1
    wanted: int = 1
    starting: bool = False
    restarts: int = 0


def judge(tracks: Tracks, limits: Limits) -> list[Check]:
    """Return every check of one window. A value that is unknown is inconclusive, never good."""
    canary, stable = tracks.canary, tracks.stable
    pods = [
        Check("ready canary pods", tracks.ready, max(1, tracks.wanted), _pods(tracks)),
        Check("restarts", tracks.restarts, limits.max_restarts, _fatal_above(tracks.restarts, limits.max_restarts)),
    ]
    if canary.requests < limits.min_requests:
        few = Check("canary requests", canary.requests, limits.min_requests, UNKNOWN)
        return [*pods, *_many_errors(canary, limits), few]
    alone = [
        *pods,
        _errors("error ratio", canary, canary.error_ratio, limits.max_error_ratio),
        _upper("p99 latency", canary.p99, limits.max_p99_seconds),
    ]
    if stable.requests < limits.min_requests:
        return [*alone, Check("stable requests", stable.requests, limits.min_requests, UNKNOWN)]
    return alone + compared(tracks, limits)


def _pods(tracks: Tracks) -> Status:
    """Judge the number of ready pods: one that is not has no metrics, so what goes wrong in it is seen only here."""
    if not tracks.ready:
        return "fatal"
    if tracks.ready >= tracks.wanted:
        return "passed"
    return UNKNOWN if tracks.starting else "failed"


def _many_errors(canary: Observed, limits: Limits) -> list[Check]:
    """Return what fails a window with too little traffic to pass: who fails every request soon gets no more of them."""
    errors = _errors("error ratio", canary, canary.error_ratio, limits.max_error_ratio)
    return [errors] if errors.status == "failed" else []


def _errors(name: str, canary: Observed, seen: float, limit: float) -> Check:
    """Return a check of errors, which stays open while they are too few to tell a bad canary from bad luck."""
    found = _upper(name, seen, limit)
    return replace(found, status=UNKNOWN) if found.status == "failed" and canary.errors < FEWEST_ERRORS else found


def compared(tracks: Tracks, limits: Limits) -> list[Check]:
    """Return the checks of the canary against the stable track."""
    canary, stable = tracks.canary, tracks.stable
    increase = canary.error_ratio - stable.error_ratio
    return [
        _errors("error ratio above stable", canary, increase, limits.max_error_increase),
        _latency(canary, stable, limits),
        _upper(
            "contract violations above stable",
            canary.violation_ratio - stable.violation_ratio,
            limits.max_violation_increase,
        ),
        _shift(tracks, limits),
    ]


def _latency(canary: Observed, stable: Observed, limits: Limits) -> Check:
    """Compare the 99th percentiles, and of fewer than 1000 requests lower ones: of fifty, the 99th is the slowest."""
    share = min(0.99, max(0.5, 1 - TAIL / min(canary.requests, stable.requests)))
    ours, theirs = quantile(share, canary.latency), quantile(share, stable.latency)
    slowest = max(theirs * limits.max_p99_ratio, theirs + limits.p99_slack_seconds)
    return _upper("latency beside stable", ours, slowest)


def _shift(tracks: Tracks, limits: Limits) -> Check:
    fewest = min(predictions(tracks.canary_so_far), predictions(tracks.stable_so_far))
    if fewest < limits.min_predictions:
        return Check("predictions to compare", fewest, limits.min_predictions, UNKNOWN)
    return _upper("prediction shift", shift(tracks.canary_so_far, tracks.stable_so_far), limits.max_prediction_shift)


def _fatal_above(seen: int, limit: int) -> Status:
    return "passed" if seen <= limit else "fatal"


def _upper(name: str, seen: float, limit: float) -> Check:
    return Check(name, seen, limit, _at_most(seen, limit))


def _at_most(seen: float, limit: float) -> Status:
    if not math.isfinite(seen) or not math.isfinite(limit):
        return UNKNOWN
    return "passed" if seen <= limit else "failed"


def status(checks: Sequence[Check]) -> Status:
    """Return what a window's checks amount to: any failure fails it, else any unknown leaves it open."""
    seen = {check.status for check in checks}
    worst: Status
    for worst in ("fatal", "failed", UNKNOWN):
        if worst in seen:
            return worst
    return "passed"


def step_verdict(windows: Sequence[Status], failures_before: int, plan: Plan) -> Verdict | None:
    """Return how a step ends after these windows, or None when it is to be measured again.

    More failures than the limit, over the whole canary, fail it. After `count` windows a step passes if the last one
    passed; one that failed, stayed open or could not be read is measured again, up to as many windows more. What passed
    before it does not count: a canary may have broken since.
    """
    if "fatal" in windows or failures_before + windows.count("failed") > plan.failure_limit:
        return "failed"
    if len(list(takewhile(lambda one: one == "error", reversed(windows)))) > plan.error_limit:
        return "inconclusive"
    if len(windows) < plan.count:
        return None
    if windows[-1] == "passed":
        return "passed"
    return "inconclusive" if len(windows) >= 2 * plan.count else None


def _json(value: float) -> float | None:
    return value if math.isfinite(value) else None
