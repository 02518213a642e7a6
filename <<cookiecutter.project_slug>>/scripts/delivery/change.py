"""Bringing an environment to a release, so that every way out leaves it on a good one.

Each way to the release and back is rendered before anything is touched; the note that a release is good is rendered
when it has passed, because only then it is known which model an older image serves. The release counts as good only
when its pods are available and its checks have passed; a failure or a signal before that puts the one before back: the
pods that served, with the settings that they had, not its image with the settings of this commit, which may be what
failed. A process that is killed outright leaves notes on the Deployment from which the next delivery knows the good
release.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import rollout
from .canary_release import Canary
from .cluster import Cluster
from .conflicts import conflicts
from .diagnosis import diagnose
from .errors import DeliveryError, ignore_signals, say
from .lock import Lock, LockedError
from .records import Check, Pinned, Record, summarise
from .release import IMAGE, State, notes, notes_of_return, render
from .rollout import RolloutError

# What ends a release that was begun: anything. An answer of another shape, a thread that cannot be started, a fault of
# this code: whatever gets past the undoing leaves a release that nobody verified.
FAILURES = (Exception, KeyboardInterrupt)
KEPT, WRITTEN = "as the cluster kept it", "with the manifests of this commit"

Notes = Mapping[str, str]
Verify = Callable[[], Sequence[Check]]


@dataclass(frozen=True)
class Change:
    """A delivery that holds the lock: from `before` to the release that `record` asks for.

    `rules` is the section `rollout` of the settings. `served` is what the service says of its model, when who verifies
    it keeps that: of an image by --to nobody else knows.
    """

    cluster: Cluster
    lock: Lock
    rules: Mapping[str, Any]
    application: str
    canary: Canary
    before: State
    record: Record
    served: Mapping[str, Any] = field(default_factory=dict)

    def named(self) -> Record:
        """Return the record with the model that was seen, where nobody had named it before."""
        asked, served = self.record, self.served
        version, run_id = (str(served[key]) if key in served else None for key in ("version", "run_id"))
        return replace(asked, model_version=asked.model_version or version, run_id=asked.run_id or run_id)

    def passed(self, way: Way) -> str:
        """Return the manifests of a way to the release with the note that it is good."""
        record = self.named()
        return self.manifests(record.image, notes(record, self.before, verified=True), way.pods)

    def manifests(self, image: str, noted: Notes, pods: Mapping[str, Any] | None) -> str:
        """Return the environment's manifests with `image` and notes, or its Deployment with the `pods` of that time."""
        name, overlay = self.application, self.record.environment
        return render(
            self.cluster, overlay=overlay, application=name, deployment=name, image=image, notes=noted, pods=pods
        )

    def wait(self) -> None:
        """Return when the pods of what was applied are available, starting them where there are none."""
        rollout.wake(self.cluster, self.application)
        rollout.wait(self.cluster, self.application, self.rules, self.lock)


@dataclass(frozen=True)
class Way:
    """One way to bring a release: whose word its pods are, those pods unless they are this commit's, the manifests."""

    by: str
    pods: Mapping[str, Any] | None
    manifests: str


@dataclass(frozen=True)
class Resort:
    """What is left when a release fails: the other ways to it, the ways back, the checks."""

    forth: Sequence[Way]
    back: Sequence[Way]
    verify: Verify


def ways(change: Change, image: str, noted: Notes) -> list[Way]:
    """Return the ways to go back to `image`, the best first; none when nobody knows its pods any more.

    The pods that the cluster kept are exactly those that served. They are applied like any manifests and not by
    `kubectl rollout undo`, whose fields would belong to somebody else from then on and never be removed again.
    """
    kept = rollout.kept(change.cluster.items("replicasets.apps"), change.application, image)
    found = [_way(change, KEPT, image, noted, kept)] if kept else []
    return [*found, _way(change, WRITTEN, image, noted)] if IMAGE.fullmatch(image) else found


def ways_forth(change: Change) -> list[Way]:
    """Return the ways to the release that is asked for; a deployment has one, because it is to bring this commit."""
    record, before = change.record, change.before
    noted = notes(record, before, verified=False)
    if record.action == "rollback":
        return ways(change, record.image, noted)
    return [_way(change, WRITTEN, record.image, noted)]


def ways_back(change: Change) -> list[Way]:
    """Return the ways back to the good release."""
    good = change.before.good
    return ways(change, good.image, notes_of_return(change.before)) if good else []


def bring(change: Change, verify: Verify) -> Record:
    """Roll a release out, verify it, and return how it went; `verify` looks at the service when its pods are there.

    Raises what forbids to begin, such as a cluster that refuses the manifests.
    """
    record = change.record
    forth, back = ways_forth(change), ways_back(change)
    for owner, fields in conflicts(change.cluster, forth[0].manifests):
        say(f"taking over from {owner}: {fields}")
    checks: list[Check] = []
    try:
        go(change, forth[0], verify, checks)
    except LockedError as lost:
        return record.ended("failed", error=str(lost), checks=tuple(checks))
    except FAILURES as error:
        ignore_signals()
        return recover(change, error, checks, Resort(forth[1:], back, verify))
    return _deployed(change, forth[0], checks)


def go(change: Change, way: Way, verify: Verify, checks: list[Check]) -> None:
    """Go one way to a release to its end. Raises RolloutError when it does not come up or does not pass."""
    change.lock.check()
    change.cluster.apply(way.manifests)
    change.wait()
    settle(change, verify, checks, way)


def settle(change: Change, verify: Verify, checks: list[Check], way: Way) -> None:
    """Look at the service and note the release as good. Raises RolloutError naming the checks that failed."""
    checks[:] = verify()
    if not checks:
        raise RolloutError("the release runs, but nothing was looked at")
    if failed := [f"{check.name} (seen {check.seen}, wanted {check.wanted})" for check in checks if not check.passed]:
        raise RolloutError(f"the release runs, but {'; '.join(failed)}")
    passed = change.passed(way)
    change.lock.check()
    change.cluster.apply(passed)
    ignore_signals()  # it is good and noted as good: a signal has nothing to undo any more


def recover(change: Change, error: BaseException, checks: list[Check], resort: Resort) -> Record:
    """Return the record of a failed release, after the one before was put back as well as the cluster allows."""
    record, stopped = change.record, isinstance(error, KeyboardInterrupt)
    told = _told(error)
    say(told)
    if not isinstance(error, DeliveryError | OSError | KeyboardInterrupt):
        say("".join(traceback.format_exception(error)).rstrip())  # a fault of this code: where to mend it
    if not stopped:  # who interrupts does not wait for an explanation, nor for another try
        explain(change)
        for way in resort.forth:
            if _gone(change, way, checks, resort.verify):
                return _deployed(change, way, checks)
    try:
        ending = put_back(change, resort.back)
    except LockedError as lost:
        return record.ended("failed", error=f"{told}; {lost}", checks=tuple(checks))
    except FAILURES as second:
        return record.ended("failed", error=f"{told}; {_stuck(change, second)}", checks=tuple(checks))
    good, details = change.before.good, _without_canary(change)
    return record.ended("rolled-back", error=f"{told}; {ending}", running=good, checks=tuple(checks), details=details)


def explain(change: Change) -> None:
    """Say why the pods are not available, if they are not, while they are still there to be asked.

    Whatever goes wrong here must not keep the good release away.
    """
    try:
        if found := diagnose(change.cluster, change.application):
            say(str(found))
            summarise(found.markdown())
    except FAILURES as error:
        say(f"warning: the failure cannot be explained: {_told(error)}")


def put_back(change: Change, back: Sequence[Way]) -> str:
    """Put the good release back and return how; with none, stop the pods: what was never verified serves nobody.

    Raises RolloutError when no way leads back.
    """
    good, failed = change.before.good, "the cluster keeps none of its pods, and its name has no digest"
    change.lock.check()
    if good is None:
        rollout.stop(change.cluster, change.application)
        return "nothing ran before, so its pods were stopped"
    for way in back:
        say(f"putting {good.image} back {way.by}")
        try:
            change.cluster.apply(way.manifests)
            change.wait()
        except LockedError:
            raise
        except FAILURES as error:
            failed = _told(error)
            say(failed)
        else:
            return f"{good.image} is back {way.by}"
    raise RolloutError(failed)


def _way(change: Change, by: str, image: str, noted: Notes, pods: Mapping[str, Any] | None = None) -> Way:
    return Way(by, pods, change.manifests(image, noted, pods))


def _gone(change: Change, way: Way, checks: list[Check], verify: Verify) -> bool:
    """Say whether a release that failed one way came about by another."""
    say(f"trying {change.record.image} {way.by}")
    try:
        go(change, way, verify, checks)
    except FAILURES as error:
        say(_told(error))
        return False
    return True


def _without_canary(change: Change) -> dict[str, str]:
    """Take the canary away, which has no meaning once stable was decided; return what is worth noting."""
    try:
        return {"canary": "removed"} if change.canary.clear() else {}
    except FAILURES as error:
        say(f"warning: {_told(error)}")
        return {"canary": f"left running: {_told(error)}"}


def _deployed(change: Change, way: Way, checks: Sequence[Check]) -> Record:
    """Return the record of a release that runs; of a rollback it says whose word its pods are."""
    details = ({"by": way.by} if change.record.action == "rollback" else {}) | _without_canary(change)
    record = change.named()
    running = Pinned(record.image, record.model_version, record.run_id)
    return record.ended("deployed", running=running, checks=tuple(checks), details=details)


def _told(error: BaseException) -> str:
    """Return an error in words; one that nobody wrote for people is named by its kind."""
    written = isinstance(error, DeliveryError | KeyboardInterrupt)
    return str(error) if written else f"{type(error).__name__}: {error}"


def _stuck(change: Change, error: BaseException) -> str:
    good = change.before.good
    if good is None:
        return f"its pods could not be stopped: {_told(error)}"
    command = f"python3 scripts/rollback.py {change.record.environment} --to {good.image} --reason TEXT"
    return f"{good.image} could not be put back: {_told(error)}; when the cluster answers, run `{command}`"
