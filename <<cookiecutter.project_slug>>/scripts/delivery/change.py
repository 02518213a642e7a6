"""Bringing an environment to a release, so that every way out leaves it on a good one.

What is applied and what would be put back are both rendered before anything is touched. The release counts as good only
when its pods are available and its checks have passed; a failure or a signal before that puts the one before back.
A process that is killed outright leaves notes on the Deployment from which the next delivery knows the good release.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import rollout
from .cluster import Cluster
from .conflicts import conflicts
from .diagnosis import diagnose
from .errors import DeliveryError, ignore_signals, say
from .lock import Lock, LockedError
from .records import Check, Pinned, Record, summarise
from .release import IMAGE, State, notes, notes_of_return, read_state, render
from .rollout import RolloutError

# What ends a release that was begun: also a full disk, and an answer of the cluster or the service that makes no sense.
FAILURES = (DeliveryError, OSError, LookupError, TypeError, ValueError, KeyboardInterrupt)

Verify = Callable[[], Sequence[Check]]


@dataclass(frozen=True)
class Change:
    """A delivery that holds the lock: from `before` to the release that `record` asks for."""

    cluster: Cluster
    lock: Lock
    rules: Mapping[str, Any]
    application: str
    before: State
    record: Record

    @property
    def canary(self) -> str:
        """Return the name of the canary's Deployment."""
        return f"{self.application}-canary"

    def manifests(self, image: str, noted: Mapping[str, str]) -> str:
        """Return the environment's manifests with `image` and notes."""
        name = self.application
        overlay = self.record.environment
        return render(self.cluster, overlay=overlay, application=name, deployment=name, image=image, notes=noted)

    def wait(self) -> None:
        """Return when the pods of what was applied are available, starting them where there are none."""
        rollout.wake(self.cluster, self.application)
        rollout.wait(self.cluster, self.application, self.rules, self.lock)


def bring(change: Change, verify: Verify) -> Record:
    """Roll a release out, verify it, and return how it went; `verify` looks at the service when its pods are there.

    Raises what forbids to begin, such as a cluster that refuses the manifests.
    """
    record, before = change.record, change.before
    wanted = change.manifests(record.image, notes(record, before, verified=False))
    passed = change.manifests(record.image, notes(record, before, verified=True))
    back = way_back(change)
    for owner, fields in conflicts(change.cluster, wanted):
        say(f"taking over from {owner}: {fields}")
    checks: list[Check] = []
    try:
        change.lock.check()
        change.cluster.apply(wanted)
        change.wait()
        settle(change, verify, checks, passed)
    except LockedError as lost:
        return record.ended("failed", error=str(lost), checks=tuple(checks))
    except FAILURES as error:
        ignore_signals()
        return recover(change, error, checks, Resort(back, passed, verify))
    return record.ended("deployed", running=_asked(record), checks=tuple(checks), details=_without_canary(change))


@dataclass(frozen=True)
class Resort:
    """What is left when a release fails: the manifests before, the notes that would have followed, the checks."""

    back: str | None
    passed: str
    verify: Verify


def settle(change: Change, verify: Verify, checks: list[Check], passed: str) -> None:
    """Look at the service and note the release as good. Raises RolloutError naming the checks that failed."""
    checks[:] = verify()
    if failed := [f"{check.name} (seen {check.seen}, wanted {check.wanted})" for check in checks if not check.passed]:
        raise RolloutError(f"the release runs, but {'; '.join(failed)}")
    change.lock.check()
    change.cluster.apply(passed)
    ignore_signals()  # it is good and noted as good: a signal has nothing to undo any more


def recover(change: Change, error: BaseException, checks: list[Check], resort: Resort) -> Record:
    """Return the record of a failed release, after the one before was put back as well as the cluster allows."""
    record, stopped = change.record, isinstance(error, KeyboardInterrupt)
    told = str(error) if isinstance(error, DeliveryError) or stopped else f"{type(error).__name__}: {error}"
    say(told)
    if not stopped:  # who interrupts does not wait for an explanation
        explain(change)
    if record.action == "rollback" and not stopped and _undone(change, checks, resort):
        details = {"by": "rollout undo", **_without_canary(change)}
        return record.ended("deployed", running=_asked(record), checks=tuple(checks), details=details)
    try:
        running = put_back(change, resort.back)
    except LockedError as lost:
        return record.ended("failed", error=f"{told}; {lost}", checks=tuple(checks))
    except DeliveryError as second:
        return record.ended("failed", error=f"{told}; {_stuck(change, second)}", checks=tuple(checks))
    details = _without_canary(change)
    words = f"{running.image} is back" if running else "nothing ran before, so its pods were stopped"
    return record.ended("rolled-back", error=f"{told}; {words}", running=running, checks=tuple(checks), details=details)


def explain(change: Change) -> None:
    """Say why the pods are not available, if they are not, while they are still there to be asked."""
    if found := diagnose(change.cluster, change.application):
        say(str(found))
        summarise(found.markdown())


def way_back(change: Change) -> str | None:
    """Return the manifests of the good release, or None when there is none that can be rendered again."""
    good = change.before.good
    if good is None or not IMAGE.fullmatch(good.image):
        return None
    return change.manifests(good.image, notes_of_return(change.before))


def put_back(change: Change, back: str | None) -> Pinned | None:
    """Put the good release back and return it; with none, stop the pods: what was never verified serves nobody."""
    good, cluster, name = change.before.good, change.cluster, change.application
    change.lock.check()
    if good is None:
        rollout.stop(cluster, name)
        return None
    say(f"putting {good.image} back")
    if back is None or _same_image_other_pods(change):
        rollout.undo(cluster, name, good.image, change.rules)
        return good
    try:
        cluster.apply(back)
        change.wait()
    except LockedError:
        raise
    except DeliveryError as error:
        say(str(error))
        rollout.undo(cluster, name, good.image, change.rules)
    return good


def _undone(change: Change, checks: list[Check], resort: Resort) -> bool:
    """Say whether a rollback that failed as manifests came about by the revision that the cluster kept."""
    try:
        change.lock.check()
        rollout.undo(change.cluster, change.application, change.record.image, change.rules)
        checks[:] = resort.verify()
    except DeliveryError as error:
        say(str(error))
        return False
    return all(check.passed for check in checks)


def _same_image_other_pods(change: Change) -> bool:
    """Say whether only settings changed: rendering the good image again would give the very pods that failed."""
    same = change.before.good is not None and change.before.good.image == change.record.image
    return same and read_state(change.cluster, change.application).revision != change.before.revision


def _without_canary(change: Change) -> dict[str, str]:
    """Take the canary away, which has no meaning once stable was decided; return what is worth noting."""
    try:
        return {"canary": "removed"} if rollout.remove_canary(change.cluster, change.canary) else {}
    except DeliveryError as error:
        say(f"warning: {error}")
        return {"canary": f"left running: {error}"}


def _asked(record: Record) -> Pinned:
    return Pinned(record.image, record.model_version, record.run_id)


def _stuck(change: Change, error: DeliveryError) -> str:
    good = change.before.good
    if good is None:
        return f"its pods could not be stopped: {error}"
    command = f"python3 scripts/rollback.py {change.record.environment} --to {good.image} --reason TEXT"
    return f"{good.image} could not be put back: {error}; when the cluster answers, run `{command}`"
