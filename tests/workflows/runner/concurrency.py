"""Concurrency groups: who holds which, who waits, who deadlocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .engine import Engine, Tree
from .errors import InvalidWorkflow, Unsupported

# A run, and the job in it; the path is empty for the run as a whole.
Owner = tuple[int, str]


@dataclass(frozen=True)
class Rule:
    """An evaluated `concurrency`; without a group it restricts nothing."""

    group: str = ""
    replaces: bool = False
    queue: str = "single"


def read_rule(engine: Engine, raw: Tree, contexts: Mapping[str, Any], held: Iterable[str], where: str) -> Rule:
    """Evaluate `concurrency`; a group that a caller holds already is a deadlock that GitHub cancels."""
    if raw is None:
        return Rule()
    value = engine.evaluate(raw, contexts)
    fields = value if isinstance(value, dict) else {"group": value}
    rule = Rule(str(fields["group"] or ""), bool(fields.get("cancel-in-progress")), fields.get("queue", "single"))
    if rule.group and rule.group.lower() in (name.lower() for name in held):
        raise InvalidWorkflow(
            f"Canceling since a deadlock was detected for concurrency group: '{rule.group}' between a top level"
            f" workflow and '{where}'"
        )
    return rule


class Locks:
    """The groups that are held, without regard to case, as on GitHub."""

    def __init__(self) -> None:
        self._owners: dict[str, Owner] = {}
        self._waiting: dict[str, Owner] = {}  # a group has one place for those who wait, and the last to come has it
        self._evicted: set[Owner] = set()

    def holder(self, group: str) -> Owner | None:
        """Return who holds a group."""
        return self._owners.get(group.lower())

    def acquire(self, rule: Rule, owner: Owner) -> bool:
        """Take a group; when another run has it the job has to wait."""
        if not rule.group:
            return True
        if owner in self._evicted:
            return False
        group = rule.group.lower()
        free = self._owners.setdefault(group, owner) == owner
        if not free and rule.replaces:
            raise Unsupported(owner[1], f"cancelling the holder of the job's concurrency group '{rule.group}'")
        if not free and rule.queue == "single":
            self._wait(group, owner)
        elif self._waiting.get(group) == owner:
            del self._waiting[group]
        return free

    def _wait(self, group: str, owner: Owner) -> None:
        before = self._waiting.get(group, owner)
        if before != owner:
            self._evicted.add(before)
        self._waiting[group] = owner

    def evicted(self, owner: Owner) -> bool:
        """Tell whether another took the place of one who waited, which GitHub then cancels."""
        return owner in self._evicted

    def release(self, owner: Owner) -> None:
        """Give back what a job holds."""
        self._owners = {group: holder for group, holder in self._owners.items() if holder != owner}

    def release_run(self, run_id: int) -> None:
        """Give back what a run and its jobs hold."""
        self._owners = {group: holder for group, holder in self._owners.items() if holder[0] != run_id}
