"""The life of a canary in the cluster: put beside the stable track, taken away again, whatever state it was left in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from . import release, rollout, tracks
from .canary_settings import CanarySettings
from .cluster import Cluster
from .errors import DeliveryError, MisuseError, say
from .lock import Lock
from .records import Record
from .settings import Settings
from .split import Application, GatewaySplit, ReplicaSplit, Split
from .traffic import TrafficError, by_replicas

HOLD, BASELINE = "release/hold-until", "release/hold-baseline"


class InconclusiveError(DeliveryError):
    """Too little was seen to judge a canary, so it was taken away."""

    code = 3


@dataclass(frozen=True)
class Canary:
    """The canary of one application in one environment."""

    app: Application
    split: Split
    rules: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Settings, environment: str) -> Canary:
        """Return the canary of an environment, split as the settings say."""
        rules, choice = settings["rollout"], CanarySettings.of(settings)
        cluster = Cluster.of(settings, environment)
        app = Application(cluster, settings["application"], rules["timeout_seconds"], rules["poll_seconds"])
        split = GatewaySplit(app) if choice.traffic == "gateway-api" else ReplicaSplit(app, choice.max_share)
        return cls(app, split, rules)

    def start(self, record: Record, overlay: str, lock: Lock) -> None:
        """Put one canary pod beside the stable track and wait until it is available. Raises RolloutError."""
        cluster, app = self.app.cluster, self.app
        notes = release.notes(record, release.State(), verified=False) | {HOLD: "", BASELINE: ""}
        manifests = release.render(
            cluster,
            overlay=overlay,
            application=app.name,
            deployment=app.canary,
            image=record.image,
            notes=notes,
            replicas=1,
        )
        cluster.apply(manifests)
        rollout.wait(cluster, app.canary, self.rules, lock)

    def clear(self) -> bool:
        """Give all traffic to the stable track, then take the canary's pods away; return whether there were any.

        In this order, because a share of the traffic that meets no pod is answered 503. Safe to repeat.
        """
        self.split.stop()
        gone = rollout.remove_canary(self.app.cluster, self.app.canary)
        complaint = f"the pods of {self.app.canary} did not end"
        tracks.until(lambda: not self._pods_left(), self.app.timeout, self.app.poll, complaint)
        return gone

    def held_until(self) -> datetime | None:
        """Return until when an experiment keeps the canary in place; None when none does."""
        noted = self._noted(HOLD)
        until = datetime.fromisoformat(noted) if noted else None
        return until if until and until > datetime.now(UTC) else None

    def baseline(self) -> str:
        """Return what was counted when the experiment began; empty when nothing was noted."""
        return self._noted(BASELINE)

    def hold(self, span: timedelta, baseline: str = "") -> datetime:
        """Note on the canary that it is to stay for `span` and what was counted before, and return until when."""
        until = datetime.now(UTC).replace(microsecond=0) + span
        notes = {HOLD: until.isoformat().replace("+00:00", "Z"), BASELINE: baseline}
        self.app.cluster.patch(release.DEPLOYMENT, self.app.canary, {"metadata": {"annotations": notes}})
        return until

    def clear_leftover(self) -> None:
        """Take away what a run that was killed has left. Raises MisuseError when an experiment holds it."""
        if until := self.held_until():
            raise MisuseError(
                f"an experiment holds {self.app.canary} until {until:%Y-%m-%d %H:%M} UTC; "
                "end it with `python3 scripts/canary.py ENVIRONMENT --clear`"
            )
        if self.clear():
            say(f"{self.app.canary} was left behind by an earlier run and has been removed")

    def age(self) -> timedelta:
        """Return how long the oldest canary pod has been there."""
        return tracks.age(self.app.pods()["canary"])

    def _noted(self, key: str) -> str:
        """Return a note on the canary; empty without one, or without a canary."""
        found = self.app.cluster.get(release.DEPLOYMENT, self.app.canary)
        if found is None or not found["spec"].get("replicas", 1):
            return ""
        return str((found["metadata"].get("annotations") or {}).get(key, ""))

    def _pods_left(self) -> bool:
        return bool(self.app.cluster.items("pods", tracks.selector(self.app.name, "canary")))


def checked_share(canary: Canary, settings: CanarySettings) -> None:
    """Raise MisuseError, before anything is changed, when the first step's share cannot be given."""
    try:
        stable = canary.app.ready("stable")
        if settings.traffic == "replicas":
            by_replicas(stable, settings.steps[0], settings.max_share)
        elif stable < 1:
            raise TrafficError(f"no pod of {canary.app.name} is ready, so there is nothing to compare a canary with")
    except TrafficError as error:
        raise MisuseError(str(error)) from error
