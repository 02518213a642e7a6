"""One canary from the first pod to its verdict: a record however it ends, nothing left behind unless it passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from . import feedback, records, release, smoke
from .canary_release import Canary, InconclusiveError, checked_share
from .canary_settings import CanarySettings
from .diagnosis import diagnose
from .errors import DeliveryError, ignore_signals, raise_on_signals, say
from .evidence import Evidence
from .lock import Lock, locked
from .measuring import Measuring
from .probe import Probe, quiet
from .records import Record
from .rollout import RolloutError
from .settings import Settings
from .sources import Pods, Prometheus, Source
from .split import Given
from .tracks import TRACKS
from .traffic import TrafficError
from .windows import Window, table

# Not the file of deployments: deploy.py, which follows, begins a new one, and this is why it could.
RECORD = Path("artifacts/canary.json")

# What ends a trial; anything else is a fault of this code, which is undone as well but tells its own story.
ENDINGS = (DeliveryError, OSError, KeyboardInterrupt)
ADVICE = (
    "; send more requests, lower canary.limits in config/delivery.toml, or let the pipeline send some by "
    "canary.probe.synthetic = true"
)


class AbortedError(DeliveryError):
    """The canary broke its limits, or could not be tried to the end."""


@dataclass
class Trial:
    """One trial and what is known of it so far."""

    canary: Canary
    rules: Settings
    choice: CanarySettings
    model: Evidence
    record: Record
    overlay: str
    hold: timedelta | None = None
    windows: list[Window] = field(default_factory=list)

    @classmethod
    def of(
        cls, rules: Settings, model: Evidence, *, environment: str, image: str, reason: str, hold: timedelta | None
    ) -> Trial:
        """Return the trial of `image` in an environment. Raises MisuseError when it cannot begin."""
        canary = Canary.of(rules, environment)
        asked = model.pinned(release.checked_image(image))
        record = records.begin(environment, canary.app.cluster.namespace, "canary", asked.image, reason)
        record = replace(record, model_version=asked.model_version, run_id=asked.run_id)
        return cls(canary, rules, CanarySettings.of(rules), model, record, f"{environment}-canary", hold)

    def run(self) -> int:
        """Try the release and return 0 when it passed; every other end is an error with its exit code."""
        raise_on_signals()
        try:
            outcome, why = self._outcome()
        except ENDINGS as error:
            told = f"{error}" + (f" (after: {error.__context__})" if error.__context__ else "")
            ending = {2: "refused", 3: "inconclusive"}.get(getattr(error, "code", 1), "aborted")
            self._tell(ending, told)
            if isinstance(error, OSError):
                raise AbortedError(told) from error  # as an OSError it would be taken for misuse
            raise
        self._tell(outcome, why)
        return 0

    def _outcome(self) -> tuple[str, str]:
        """Return how the trial ended well: passed, or skipped and why."""
        cluster, app = self.canary.app.cluster, self.canary.app
        stable = release.read_state(cluster, app.name)
        self.record = replace(self.record, previous=stable.good, running=stable.good)
        if not stable.image:
            return "skipped", "there is no stable release yet, so there is nothing to compare with"
        if stable.image == self.record.image:
            return "skipped", "the stable track runs this image already"
        with locked(cluster, app.name, self.rules["rollout"]["lock_seconds"]) as lock, cluster.proxy() as base:
            self.canary.clear_leftover()
            checked_share(self.canary, self.choice)
            self.record.write(RECORD)
            with self._removed_unless_passed(lock):
                self._start(lock, base)
                self._measure(lock, base)
                return "passed", self._held(self.hold, base) if self.hold else ""

    def _held(self, span: timedelta, base: str) -> str:
        """Leave the canary in place for an experiment, and return what is to be known of it."""
        app, counted = self.canary.app, ""
        pods = app.pods()
        if not self.choice.prometheus:  # which could tell by itself what was counted before
            counted = feedback.as_baseline(pods, Pods(app.cluster, base, feedback.OF_PODS).snapshot(pods))
        until = self.canary.hold(span, counted)
        return (
            f"held for an experiment until {until:%Y-%m-%d %H:%M} UTC with {len(pods['canary'])} pods, whose number "
            "nothing changes from now on, whatever the autoscaler does to the stable track"
        )

    @contextmanager
    def _removed_unless_passed(self, lock: Lock) -> Iterator[None]:
        """Remove the canary when what is inside ends by any exception; when the lock is lost, it is no longer ours."""
        passed = False
        try:
            yield
            passed = True
        finally:
            if not passed and not lock.lost:
                self._remove()

    def _remove(self) -> None:
        ignore_signals()  # another one must not stop the removal half-way
        say("giving all traffic back to the stable track")
        try:
            self.canary.clear()
        except DeliveryError as error:
            command = f"python3 scripts/canary.py {self.record.environment} --clear"
            raise AbortedError(f"the canary could not be removed: {error}; run `{command}`") from error

    def _start(self, lock: Lock, base: str) -> None:
        """Bring one canary pod up and ask it what a user would, before anything is measured.

        Behind a gateway no user meets it until then. Without one, the Service that both tracks share sends it requests
        from the moment it is ready, so this test bounds how long users meet a bad release, not whether they do.
        """
        app = self.canary.app
        try:
            self.canary.start(self.record, self.overlay, lock)
        except RolloutError:
            self._explain()
            raise
        target = smoke.Target(app.canary, app.cluster.service_url(base, app.canary), "canary")
        report = smoke.examine(target, self.model, self.rules)
        self.record = replace(self.record, checks=list(report.checks))
        if not report.passed:
            self._explain()
            raise AbortedError(f"the smoke test of the canary failed: {report.failures}")

    def _explain(self) -> None:
        found = diagnose(self.canary.app.cluster, self.canary.app.canary)
        say(str(found))
        records.summarise(found.markdown())

    def _measure(self, lock: Lock, base: str) -> None:
        """Go through the steps. Raises AbortedError or InconclusiveError at the first that does not pass."""
        choice, app = self.choice, self.canary.app
        measuring = Measuring(
            app, self._source(base), self.canary.split, choice, self._wait(base), lock.check, self.windows
        )
        given: Given | None = None
        for percent in choice.steps:
            lock.check()
            before, given = given, self._give(percent)
            say(f"{percent} %: {given.words}")
            if before and before.percent == given.percent:
                continue  # few pods: the step before has measured this share
            verdict = measuring.step(percent, given.words)
            if verdict == "failed":
                raise AbortedError(f"the canary failed at {percent} %: {self.windows[-1].reason}")
            if verdict == "inconclusive":
                advice = ADVICE if self.windows[-1].status == "inconclusive" else ""
                raise InconclusiveError(
                    f"nothing is known of the canary at {percent} %: {self.windows[-1].reason}{advice}"
                )

    def _give(self, percent: int) -> Given:
        try:
            return self.canary.split.give(percent)
        except TrafficError as error:  # the stable track has changed under way, which is no fault of the canary
            raise InconclusiveError(str(error)) from error

    def _source(self, base: str) -> Source:
        cluster = self.canary.app.cluster
        if self.choice.prometheus:
            return Prometheus(cluster, base, self.choice.prometheus)
        return Pods(cluster, base)

    def _wait(self, base: str) -> Callable[[float], int]:
        if not self.choice.synthetic:
            return quiet
        cluster, name = self.canary.app.cluster, self.canary.app.name
        addresses = [cluster.service_url(base, f"{name}-{track}") for track in TRACKS]
        return Probe(addresses, self.model.rows, self.choice.requests_per_second).send

    def _tell(self, outcome: str, why: str) -> None:
        """Leave the record and the page: what was decided, and every window that led to it."""
        good = outcome in ("passed", "skipped")
        details = {
            "traffic": self.choice.traffic,
            "steps": list(self.choice.steps),
            "synthetic": self.choice.synthetic,
            "note": why if good else "",
            "windows": [window.document() for window in self.windows],
        }
        self.record = self.record.ended(outcome, error=None if good else why, details={"canary": details})
        self.record.write(RECORD)
        page = records.as_markdown(self.record) + (f"\n{records.cell(why)}\n" if good and why else "")
        records.summarise(page + ("\n" + table(self.windows) if self.windows else ""))
        say(f"canary of {self.record.environment}: {outcome}{f', {why}' if good and why else ''}")
