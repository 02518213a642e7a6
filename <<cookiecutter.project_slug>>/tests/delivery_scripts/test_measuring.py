from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from delivery import settings
from delivery.analysis import Limits, Plan
from delivery.canary_settings import CanarySettings
from delivery.cluster import Cluster
from delivery.exposition import MetricsError, parse
from delivery.measuring import Measuring
from delivery.observed import NAMES, Snapshot
from delivery.split import Application, Given
from delivery.tracks import Tracks
from delivery.traffic import TrafficError

CONFIG = Path(__file__).parents[2] / "config" / "delivery.toml"
LIMITS = Limits(min_requests=10, min_predictions=30)
SCRAPE = """
http_requests_total{handler="/predict",method="POST",status="200"} %(good)d
http_requests_total{handler="/predict",method="POST",status="500"} %(bad)d
http_request_duration_seconds_bucket{handler="/predict",method="POST",le="0.1"} %(all)d
http_request_duration_seconds_bucket{handler="/predict",method="POST",le="0.3"} %(all)d
http_request_duration_seconds_bucket{handler="/predict",method="POST",le="+Inf"} %(all)d
model_prediction_bucket{le="0.5"} %(low)d
model_prediction_bucket{le="+Inf"} %(all)d
"""


def told(good: int, bad: int = 0, low: float = 0.5) -> Any:
    counts = {"good": good, "bad": bad, "all": good + bad, "low": low * (good + bad)}
    return parse(SCRAPE % counts, NAMES)


def seen(canary: int, bad: int = 0, low: float = 0.5) -> Snapshot:
    """Return counters of which stable's are ten times the canary's good ones."""
    return {"canary": {"c": told(canary, bad, low)}, "stable": {"s": told(10 * canary)}}


@dataclass
class Told:
    """A source that says one thing after another, the last for ever."""

    snapshots: Sequence[Snapshot | str]
    asked: int = 0

    def snapshot(self, pods: Tracks) -> Snapshot:
        now = self.snapshots[min(self.asked, len(self.snapshots) - 1)]
        self.asked += 1
        if isinstance(now, str):
            raise MetricsError(now)
        return now


@dataclass
class Steady:
    """A split that is always as it should be, until it is not."""

    trouble: str = ""

    def give(self, percent: int) -> Given:
        return Given(percent, "as asked")

    def keep(self, percent: int, pods: Tracks) -> str:
        if self.trouble:
            raise TrafficError(self.trouble)
        return "as asked"

    def stop(self) -> None:
        return None


@dataclass(frozen=True)
class FewPods(Cluster):
    """A cluster with one canary pod and one stable pod, both ready, and canary pods that are not."""

    unready: Sequence[int] = (0,)  # at one list of the pods after another, the last for ever
    listed: list[None] = field(default_factory=list)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return {"spec": {"replicas": 1 + max(self.unready)}}

    def items(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        unready = self.unready[min(len(self.listed), len(self.unready) - 1)]
        self.listed.append(None)
        created = {"creationTimestamp": "2026-01-01T00:00:00Z"}
        canaries = ["c", *(f"c{number}" for number in range(max(self.unready)))]
        ready = ["s", *canaries[: len(canaries) - unready]]
        return [
            {
                "metadata": {"name": name, "labels": {"track": "stable" if name == "s" else "canary"}, **created},
                "status": {"conditions": [{"type": "Ready", "status": str(name in ready)}]},
            }
            for name in ["s", *canaries]
        ]


def measuring(
    *snapshots: Snapshot | str, plan: Plan | None = None, split: Steady | None = None, unready: Sequence[int] = (0,)
) -> Measuring:
    choice = replace(
        CanarySettings.of(settings.load(CONFIG)), limits=LIMITS, plan=plan or Plan(count=2, failure_limit=0)
    )
    app = Application(FewPods("churn", unready=unready), "churn", timeout=1, poll=0.01)
    return Measuring(app, Told(snapshots), split or Steady(), choice, lambda seconds: 7)


def statuses(found: Measuring) -> list[str]:
    return [window.status for window in found.windows]


def test_windows_follow_one_another_and_each_is_judged_by_what_was_gained_in_it() -> None:
    found = measuring(seen(0), seen(50), seen(100))
    assert found.step(10, "") == "passed"
    assert [window.tracks and window.tracks.canary.requests for window in found.windows] == [50, 50]
    assert [window.synthetic for window in found.windows] == [7, 7]


def test_a_window_without_enough_traffic_goes_on_until_there_is_some() -> None:
    found = measuring(seen(0), seen(5), seen(40))
    assert found.step(10, "") == "passed"
    assert statuses(found) == ["inconclusive", "passed"]
    assert found.windows[-1].tracks and found.windows[-1].tracks.canary.requests == 40
    assert found.windows[-1].synthetic == 14


def test_a_canary_that_breaks_after_its_good_window_fails_though_its_users_go_away() -> None:
    """Too few requests for a full judgement, all of them failed."""
    found = measuring(seen(0), seen(60), seen(60, bad=3), seen(60, bad=9), plan=Plan(count=3, failure_limit=1))
    assert found.step(10, "") == "failed"
    assert statuses(found) == ["passed", "failed", "failed"]


def test_traffic_that_ceases_after_a_good_window_leaves_the_step_open() -> None:
    found = measuring(seen(0), seen(60), seen(60), plan=Plan(count=2))
    assert found.step(10, "") == "inconclusive"
    assert statuses(found) == ["passed", "inconclusive", "inconclusive", "inconclusive"]


@pytest.mark.parametrize("missed", [0, 1], ids=["at the first look", "later"])
def test_a_stable_pod_that_is_not_ready_for_a_moment_does_not_excuse_the_canary(missed: int) -> None:
    """Its history of errors, taken for what happened in one window, would make any canary look good."""

    def look(number: int) -> Snapshot:
        steady, old = {"t": told(200 * number)}, {"s": told(9000 + 900 * number, 3000)}
        canary = told(100 * number, 3 * max(0, number - missed))
        return {"canary": {"c": canary}, "stable": steady if number == missed else steady | old}

    looks = [look(number) for number in range(5)]
    found = measuring(*looks, plan=Plan(count=4, failure_limit=0))
    found.settings = replace(found.settings, limits=replace(LIMITS, max_error_ratio=0.1))
    assert found.step(10, "") == "failed"
    assert statuses(found) == ["passed"] * missed + ["failed"]
    assert found.windows[-1].reason.startswith("error ratio above stable 0.0291")


def test_a_window_that_cannot_be_read_loses_nothing_that_happened_in_it() -> None:
    found = measuring(seen(0), "no answer", seen(50, bad=5), plan=Plan(count=2, failure_limit=0))
    assert found.step(10, "") == "failed"
    assert statuses(found) == ["error", "failed"]
    assert found.windows[0].reason == "no answer"


def test_what_happened_before_the_first_readable_moment_is_not_judged() -> None:
    found = measuring("no answer", seen(20, bad=20), seen(70, bad=20), seen(120, bad=20))
    assert found.step(10, "") == "passed"
    assert statuses(found) == ["error", "passed"]
    assert found.windows[0].reason == "the window had no beginning that could be read"


def test_a_source_that_never_answers_ends_the_step() -> None:
    found = measuring("no answer", plan=Plan(count=50, error_limit=3))
    assert found.step(10, "") == "inconclusive"
    assert statuses(found) == ["error"] * 4


def test_a_share_that_is_lost_under_way_is_no_success() -> None:
    found = measuring(seen(0), plan=Plan(count=50, error_limit=1), split=Steady("1 of 2 pods = 50 %"))
    assert found.step(10, "") == "inconclusive"
    assert found.windows[-1].reason == "1 of 2 pods = 50 %"


def test_a_pod_that_is_not_ready_any_more_is_no_success_though_the_others_are_good() -> None:
    plan = Plan(count=2, failure_limit=1)
    found = measuring(seen(0), seen(50), seen(100), plan=plan, unready=[0, 2, 2])
    assert found.step(10, "") == "failed"
    assert statuses(found) == ["failed", "failed"]
    assert found.windows[-1].reason == "ready canary pods 1, wanted at least 3"
    passing = measuring(seen(0), seen(50), seen(100), plan=plan, unready=[0, 1, 0])
    assert passing.step(10, "") == "passed"


def test_failures_of_one_step_count_in_the_next() -> None:
    plan = Plan(count=2, failure_limit=1)
    found = measuring(seen(0), seen(50, bad=5), seen(100, bad=5), seen(100, bad=5), seen(150, bad=10), plan=plan)
    assert found.step(10, "") == "passed"
    assert found.step(50, "") == "failed"
    assert statuses(found) == ["failed", "passed", "failed"]


def test_a_shift_is_seen_in_all_predictions_since_the_canary_began() -> None:
    """No window alone has enough predictions to compare; together they have."""
    found = measuring(seen(0), *(seen(count, low=0.02) for count in (12, 24, 36)), plan=Plan(count=3, failure_limit=0))
    assert found.step(10, "") == "failed"
    assert statuses(found) == ["inconclusive", "inconclusive", "failed"]
    assert "prediction shift" in found.windows[-1].reason


def test_a_shift_that_was_seen_is_not_forgotten_in_the_next_window() -> None:
    plan = Plan(count=2, failure_limit=1)
    found = measuring(seen(0), seen(40, low=0.02), seen(80, low=0.26), plan=plan)  # the second forty are as ever
    assert found.step(10, "") == "failed"
    assert statuses(found) == ["failed", "failed"]


def test_another_delivery_that_takes_over_ends_the_measurement() -> None:
    class TakenOver(Exception):
        pass

    def check() -> None:
        raise TakenOver

    found = measuring(seen(0), seen(50))
    found.check = check
    with pytest.raises(TakenOver):
        found.step(10, "")
    assert found.windows == []
