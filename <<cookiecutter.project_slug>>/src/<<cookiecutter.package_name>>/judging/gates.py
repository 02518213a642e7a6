"""Decide whether a model may be registered. Pure and total: any JSON gives a decision, and doubt gives a refusal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..config import ChampionGate, Gates, Limit, SliceGate
from ..learning.metrics import LOWER_IS_BETTER, MEANING

MISSING = "missing evidence counts as a failure"
MEGABYTE = 1e6


@dataclass(frozen=True)
class Check:
    """One question with its answer, in words for whoever approves."""

    name: str
    passed: bool
    seen: str
    wanted: str
    why: str


@dataclass(frozen=True)
class Decision:
    """All checks; the model is promoted when there are some and every one passed."""

    checks: tuple[Check, ...]

    @property
    def promote(self) -> bool:
        """Whether the model may be registered."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def document(self, run_id: str | None) -> dict[str, Any]:
        """Return the report `gate/1`."""
        checks = [asdict(check) for check in self.checks]
        return {"format": "gate/1", "run_id": run_id, "promote": self.promote, "checks": checks}


def refusal(reason: str) -> Decision:
    """Return the decision when there is nothing to decide on, such as no readable report."""
    return Decision((Check("evidence", False, "nothing to judge", "metrics of a trained model", reason),))


def decide(report: object, gates: Gates) -> Decision:
    """Return the decision on a report `metrics/1`, whatever it holds."""
    if not isinstance(report, Mapping) or report.get("format") != "metrics/1":
        return refusal(f"the report of the evaluation is not in the format metrics/1; {MISSING}")
    if not gates.metrics:
        return refusal("config/gates.toml sets no limit for any metric")
    return Decision(
        (
            *(_metric(name, limit, _at(report, "metrics", name)) for name, limit in gates.metrics.items()),
            _champion(gates.champion, report),
            *(_slices(gates.slices, report.get("slices")) if gates.slices else ()),
            _at_most(
                "latency",
                _at(report, "latency_ms", "slowest"),
                gates.latency_ms,
                "ms",
                "processor time of the slowest of several rows, each at its quickest call",
            ),
            _at_most("model size", _megabytes(report.get("model_bytes")), gates.model_mb, "MB", "the saved model"),
        )
    )


def _metric(name: str, limit: Limit, estimate: object) -> Check:
    value, wanted = _number(_at(estimate, "value")), _wanted(limit)
    about = MEANING.get(name, "")
    if value is None:
        reason = _at(estimate, "reason")
        why = f"undefined: {reason}" if isinstance(reason, str) and reason else f"not measured; {MISSING}"
        return Check(name, False, "nothing", wanted, why)
    if not _has_end(limit):
        return Check(name, False, _text(value), wanted, f"no limit is set for {name}; {MISSING}")
    passed = _inside(value, limit)
    seen = _text(value, exact=_inside(float(f"{value:.4g}"), limit) != passed)
    low, high = _number(_at(estimate, "low")), _number(_at(estimate, "high"))
    interval = f" ({_text(low)} to {_text(high)})" if low is not None and high is not None else ""
    return Check(name, passed, seen + interval, wanted, about)


def _champion(gate: ChampionGate, report: Mapping[str, Any]) -> Check:
    name, wanted = f"champion {gate.metric}", _wanted_of_champion(gate)
    champion = report.get("champion")
    match _at(champion, "status"):
        case "none":
            return Check(name, True, "no champion", wanted, "first model: there is none in production to compare with")
        case "compared":
            return _compared(name, wanted, gate, _at(champion, "difference", gate.metric), _at(champion, "notice"))
        case "incomparable":
            return _incomparable(name, wanted, _at(report, "contract", "version"), champion)
        case _:
            why = f"it is not known whether there is a champion; {MISSING}"
            return Check(name, False, "no comparison", wanted, why)


def _compared(name: str, wanted: str, gate: ChampionGate, difference: object, notice: object) -> Check:
    value, low, high = (_number(_at(difference, key)) for key in ("value", "low", "high"))
    if value is None or low is None or high is None or low > high:
        return Check(name, False, "no usable interval", wanted, f"the report does not compare {gate.metric}; {MISSING}")
    worst = -high if gate.metric in LOWER_IS_BETTER else low
    passed = worst > 0 if gate.must_improve else worst >= -gate.max_regression
    seen = f"{value:+.4g} ({low:+.4g} to {high:+.4g})"
    if passed:
        why = "beyond doubt better than the champion" if worst > 0 else "no worse than the champion, within the margin"
    else:
        why = "better than the champion is not proven" if gate.must_improve else f"may be worse by {-worst:.4g}"
    # A champion that knows these rows looks better than it is: the gate then errs towards refusal.
    doubt = f"; {notice}" if isinstance(notice, str) and notice else ""
    return Check(name, passed, seen, wanted, f"{why}; both were asked for the same rows{doubt}")


def _incomparable(name: str, wanted: str, version: object, champion: object) -> Check:
    """Let a model that answers another question pass only when its contract's major version says so."""
    ours, theirs = _major(version), _major(_at(champion, "contract_version"))
    passed = ours is not None and theirs is not None and ours > theirs
    reason = _at(champion, "reason")
    because = f" ({reason})" if isinstance(reason, str) and reason else ""
    why = (
        f"the contract's major version was raised, the champion answers another question{because}"
        if passed
        else f"the champion cannot answer for these rows{because}; raise the contract's major version if that is meant"
    )
    return Check(name, passed, "cannot be compared", wanted, why)


def _slices(gate: SliceGate, groups: object) -> Iterator[Check]:
    """Yield one check per slice column, or one refusal when the report has no usable groups."""
    wanted = f"{gate.metric} {_wanted(gate.limit)} in each group of {gate.min_rows} rows or more"
    if not isinstance(groups, Sequence) or isinstance(groups, str) or not groups:
        why = f"no group was measured: mark a column x-slice in the contract or drop [slices] from the gates; {MISSING}"
        yield Check("slices", False, "nothing", wanted, why)
        return
    columns: dict[str, list[object]] = {}
    for group in groups:
        columns.setdefault(_label(_at(group, "column")), []).append(group)
    for column, members in columns.items():
        yield _slice_column(f"slices {column}", gate, wanted, members)


def _slice_column(name: str, gate: SliceGate, wanted: str, groups: Sequence[object]) -> Check:
    values: dict[str, float] = {}
    faults, small = [], []
    for group in groups:
        label, rows = _label(_at(group, "value")), _number(_at(group, "rows"))
        value = _number(_at(group, "metrics", gate.metric, "value"))
        if rows is None or rows < 1:
            faults.append(f"{label} has no rows")
        elif rows < gate.min_rows:
            small.append(f"{label} ({rows:.0f} rows)")
        elif value is None:
            faults.append(f"{label} has no {gate.metric}")
        else:
            values[label] = value
            if not _has_end(gate.limit) or not _inside(value, gate.limit):
                faults.append(f"{label} has {_text(value, exact=True)}")
    if not values and not faults:
        faults.append(f"no group has {gate.min_rows} rows")
    seen = ", ".join(f"{label} {_text(value)}" for label, value in values.items()) or "nothing"
    told = [*faults, *([f"too small to judge: {', '.join(small)}"] if small else [])]
    return Check(name, not faults, seen, wanted, "; ".join(told) or "no group is left behind")


def _at_most(name: str, value: object, limit: float, unit: str, about: str) -> Check:
    number, wanted = _number(value), f"at most {_text(limit)} {unit}"
    if number is None or number < 0:
        return Check(name, False, "nothing", wanted, f"not measured; {MISSING}")
    passed = number <= limit
    return Check(name, passed, f"{_text(number, exact=not passed)} {unit}", wanted, about)


def _megabytes(size: object) -> float | None:
    count = _number(size)
    return None if count is None or count <= 0 else count / MEGABYTE


def _at(value: object, *path: str) -> object:
    """Return what lies at `path`, or None where a step is missing."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _number(value: object) -> float | None:
    """Return `value` when it is a finite number; booleans, texts, NaN and integers beyond floats are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _major(version: object) -> int | None:
    first = version.split(".")[0] if isinstance(version, str) else ""
    return int(first) if first.isascii() and first.isdigit() and len(first) < 10 else None


def _inside(value: float, limit: Limit) -> bool:
    return (limit.min is None or value >= limit.min) and (limit.max is None or value <= limit.max)


def _has_end(limit: Limit) -> bool:
    return limit.min is not None or limit.max is not None


def _wanted(limit: Limit) -> str:
    ends = [f"at least {_text(limit.min)}"] if limit.min is not None else []
    ends += [f"at most {_text(limit.max)}"] if limit.max is not None else []
    return " and ".join(ends) or "a limit"


def _wanted_of_champion(gate: ChampionGate) -> str:
    return "better, beyond doubt" if gate.must_improve else f"worse by at most {_text(gate.max_regression)}"


def _text(value: float, *, exact: bool = False) -> str:
    return repr(value) if exact else f"{value:.4g}"


def _label(value: object) -> str:
    """Return the name of a group or column as text of bounded length."""
    if value is None:
        return "missing"
    if isinstance(value, bool | str):
        return str(value)[:60]
    number = _number(value)
    return "unnamed" if number is None else f"{number:g}"
