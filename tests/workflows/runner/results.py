"""What a test can ask about a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from .events import Event
from .permissions import Permissions
from .records import Artifact, Review

T = TypeVar("T")


class Named(dict[str, T]):
    """A dictionary whose missing keys are answered with the ones that exist."""

    def __missing__(self, key: str) -> T:
        raise KeyError(f"{key!r}, there is only: {', '.join(map(repr, self))}")


@dataclass
class StepResult:
    """One step that ran or was skipped; `outcome` is before `continue-on-error`, `conclusion` after."""

    key: str
    label: str
    outcome: str
    conclusion: str
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""


class Steps(list[StepResult]):
    """The steps of a job in order, found by id or by label too."""

    def __call__(self, name: str) -> StepResult:
        """Return the step with this id or label."""
        found = [step for step in self if name in (step.key, step.label)]
        if len(found) != 1:
            raise KeyError(f"{len(found)} steps are called {name!r}, there are: {[step.label for step in self]}")
        return found[0]


@dataclass
class JobResult:
    """One job; `status` is queued, waiting or completed, and `conclusion` is empty until completed."""

    path: str
    name: str
    status: str = "queued"
    conclusion: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    steps: Steps = field(default_factory=Steps)
    summary: str = ""
    annotations: list[str] = field(default_factory=list)
    environment: str | None = None
    permissions: Permissions = field(default_factory=dict)
    runs_on: str = ""
    concurrency: str = ""
    message: str = ""

    @property
    def log(self) -> str:
        """Return the logs of all steps."""
        return "".join(step.log for step in self.steps)


@dataclass
class Run:
    """One run of one workflow; `status` is queued, pending, waiting or completed."""

    id: int
    number: int
    file: str
    name: str
    event: Event
    created: datetime
    status: str = "queued"
    conclusion: str = ""
    message: str = ""
    concurrency: str = ""
    attempt: int = 1
    triggered_by: str = ""  # who asked for the attempt, when it was not who started the run
    jobs: Named[JobResult] = field(default_factory=Named)
    artifacts: Named[Artifact] = field(default_factory=Named)
    reviews: dict[str, Review] = field(default_factory=dict)

    @property
    def conclusions(self) -> Mapping[str, str]:
        """Return the conclusion of every job, its status when it has none yet."""
        return {path: job.conclusion or job.status for path, job in self.jobs.items()}

    @property
    def waiting(self) -> list[str]:
        """Return the environments that wait for a reviewer."""
        return [job.environment or "" for job in self.jobs.values() if job.status == "waiting"]

    def executed(self) -> list[str]:
        """Return the jobs that really ran, in order."""
        return [path for path, job in self.jobs.items() if job.conclusion not in ("", "skipped") and job.steps]

    def __str__(self) -> str:
        """Describe the run for an assertion message: its jobs, and the logs of what failed."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.file} ({self.event.name}): {self.status} {self.conclusion} {self.message}".rstrip()
        for path, job in self.jobs.items():
            yield f"  {path}: {job.conclusion or job.status} {job.message}".rstrip()
            for step in job.steps:
                if step.outcome == "failure":
                    yield f"    step {step.label!r} failed:"
                    yield from (f"      {line}" for line in step.log.splitlines()[-30:])
