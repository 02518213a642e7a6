"""The jobs of one workflow while it runs: their needs, their matrix, their results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .concurrency import Rule
from .engine import Status
from .matrix import Combination
from .model import Job
from .results import JobResult

if TYPE_CHECKING:
    from .execution import Scope

# The first of these that any instance has is what the job as a whole ended with.
WORST_FIRST = ("failure", "cancelled", "success", "skipped")


@dataclass
class Instance:
    """One combination of a job's matrix: a job with steps, or a call with a scope of its own."""

    path: str
    matrix: Combination
    strategy: dict[str, Any]
    rule: Rule | None = None
    result: JobResult | None = None
    scope: Scope | None = None
    conclusion: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Node:
    """One job; `result` is what `needs.<job>.result` says, empty until it has ended."""

    job: Job
    ancestors: frozenset[str]
    instances: list[Instance] | None = None
    result: str = ""

    @property
    def outputs(self) -> dict[str, str]:
        """Return the outputs; of a matrix, the last that is not empty."""
        merged: dict[str, str] = {}
        for instance in self.instances or []:
            merged.update({name: value for name, value in instance.outputs.items() if value or name not in merged})
        return merged

    def settle(self) -> None:
        """Set the result once every instance has ended."""
        conclusions = {instance.conclusion for instance in self.instances or []}
        if "" not in conclusions:
            self.result = next(name for name in WORST_FIRST if name in conclusions)


class Graph(dict[str, Node]):
    """The jobs of one workflow by id."""

    @property
    def done(self) -> bool:
        """Tell whether every job has ended."""
        return all(node.result for node in self.values())

    def conclusion(self) -> str:
        """Return the conclusion of the jobs together."""
        results = {node.result for node in self.values()}
        return next(name for name in WORST_FIRST if name in results)

    def ready(self, node: Node) -> bool:
        """Tell whether a job has not ended and everything that it needs has."""
        return not node.result and all(self[name].result for name in node.job.needs)

    def status(self, node: Node, *, cancelled: bool) -> Status:
        """Return the status functions of a job: a failure or a skip counts through the whole chain of needs."""
        results = {self[name].result for name in node.ancestors}
        success = results <= {"success"} and not cancelled
        return Status(success=success, failure="failure" in results, cancelled=cancelled)

    def needs(self, node: Node) -> dict[str, Any]:
        """Return the `needs` context of a job."""
        needed = {name: self[name] for name in node.job.needs}
        return {name: {"result": item.result, "outputs": item.outputs} for name, item in needed.items()}
