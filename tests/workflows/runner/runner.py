"""The entrance for tests: send an event, get the runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from .api import Server
from .cancellation import Cancel
from .concurrency import Rule
from .engine import Engine
from .errors import InvalidWorkflow, RunnerError
from .events import Event
from .executables import Call, Executables
from .execution import Execution, Scope
from .hub import GitHub
from .model import Workflow, load_workflow
from .records import Review
from .results import JobResult, Named, Run
from .startup import check_startup
from .state import Settings
from .triggers import check_triggers, start

WORKFLOWS = Path(".github") / "workflows"
# Workflows that start each other without end are stopped here.
MAX_FOLLOW_UPS = 20


class Runner:
    """Runs the workflows of one fake GitHub repository; use it as a context manager."""

    def __init__(
        self,
        hub: GitHub,
        engine: Engine,
        *,
        tools: Path | None = None,
        executables: Mapping[str, Path | None] | None = None,
        host: Mapping[str, str] | None = None,
        step_limit: float = 300,
    ) -> None:
        """Put `tools` on every job's PATH, and `executables` (name → script, `None` for one that only succeeds) before.

        Jobs see nothing of this machine's environment but PATH and `host`. A step is killed after `step_limit` seconds.
        """
        self.hub = hub
        self._server = Server(hub)
        self.api_url = self._server.url
        replaced = Executables(hub.folder, executables or {}, tools)
        self._executables = replaced
        self._settings = Settings(engine, hub, replaced, self.api_url, step_limit, host or {})
        self._scopes: dict[int, tuple[Execution, Scope]] = {}

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def calls(self, name: str) -> list[Call]:
        """Return how a replaced executable was called, in order."""
        return self._executables.calls(name)

    def environment(self, actor: str) -> dict[str, str]:
        """Return the environment in which a person's script, outside of any job, reaches this GitHub with `gh`."""
        token = self.hub.token(actor).value
        names = {"PATH": self._executables.path([]), "GITHUB_API_URL": self.api_url, "GH_TOKEN": token}
        return {**names, "GH_REPO": self.hub.repository, "LANG": "C.UTF-8"}

    def trigger(self, event: Event, *, cancel: Cancel | None = None) -> Named[Run]:
        """Run every workflow that the event starts, then those that these start; return the former by file."""
        runs = self._start(event, cancel)
        for _ in range(MAX_FOLLOW_UPS):
            if not self.hub.queue:
                self._advance_others()
                return runs
            self._start(self.hub.queue.pop(0), None)
        raise RunnerError(f"workflows started each other more than {MAX_FOLLOW_UPS} times")

    def review(self, run: Run, environment: str, *, approve: bool, by: str, comment: str = "") -> Run:
        """Answer for a waiting environment and let the run go on."""
        if environment not in run.waiting:
            raise RunnerError(f"nothing waits for {environment} in {run}")
        run.reviews[environment] = Review(approve, by, comment)
        self._advance(run)
        self._advance_others()
        return run

    def repeat(self, run: Run, job: str, *, by: str) -> Run:
        """Run one job of an ended run again, with those that need it, as somebody does from its page."""
        if run.status != "completed" or job not in run.jobs:
            raise RunnerError(f"there is no ended job {job!r} in {run}")
        run.attempt, run.triggered_by, run.status, run.conclusion = run.attempt + 1, by, "queued", ""
        run.reviews.clear()  # an environment asks anew
        execution, scope = self._scopes[run.id]
        execution.cancelled, execution.cancel = False, None
        scope.repeat(job)
        self._advance(run)
        self._advance_others()
        return run

    def _start(self, event: Event, cancel: Cancel | None) -> Named[Run]:
        source = self.hub.folder / "sources" / str(self.hub.next_id())
        self.hub.origin.export(event.sha, source)
        runs: Named[Run] = Named()
        for path in sorted([*(source / WORKFLOWS).glob("*.yml"), *(source / WORKFLOWS).glob("*.yaml")]):
            run = self._consider(event, source, path, cancel)
            if run is not None:
                runs[run.file] = run
        if event.target and event.target not in runs:
            raise RunnerError(f"{event.target} has no trigger for {event.name}")
        return runs

    def _consider(self, event: Event, source: Path, path: Path, cancel: Cancel | None) -> Run | None:
        try:
            workflow = load_workflow(self._settings.engine, source, str(path.relative_to(source)))
        except InvalidWorkflow as error:
            return self._failed_start(event, path.name, str(error))
        check_triggers(workflow)
        seen = start(workflow, event)
        return self._begin(seen, source, workflow, cancel) if seen is not None else None

    def _new_run(self, event: Event, file: str, name: str) -> Run:
        self.hub.pass_time(minutes=1)
        run = Run(self.hub.next_id(), len(self.hub.runs_of(file)) + 1, file, name, event, self.hub.now)
        self.hub.runs.append(run)
        return run

    def _failed_start(self, event: Event, file: str, message: str) -> Run:
        run = self._new_run(event, file, file)
        run.status, run.conclusion, run.message = "completed", "startup_failure", message
        return run

    def _begin(self, event: Event, source: Path, workflow: Workflow, cancel: Cancel | None) -> Run:
        run = self._new_run(event, workflow.file, workflow.name)
        execution = Execution(self._settings, run, source, cancel)
        secrets = {} if event.from_fork else self.hub.secrets
        try:
            check_startup(self._settings.engine, source, workflow, self.hub.permissions)
            scope = Scope(execution, workflow, inputs=event.inputs, secrets=secrets, granted=self.hub.permissions)
        except InvalidWorkflow as error:
            run.status, run.conclusion, run.message = "completed", "startup_failure", str(error)
            return run
        self._scopes[run.id] = (execution, scope)
        run.concurrency = scope.rule.group
        if self._admit(run, scope.rule):
            self._advance(run)
        return run

    def _admit(self, run: Run, rule: Rule) -> bool:
        """Apply the run's concurrency group: cancel what it replaces, or queue behind what it may not."""
        others = [item for item in self.hub.runs if item is not run and _holds(item, rule.group)]
        for other in others:
            if rule.replaces or (other.status == "pending" and rule.queue == "single"):
                _cancel(other)
                self.hub.locks.release_run(other.id)
        admitted = self.hub.locks.acquire(rule, (run.id, ""))
        run.status = "queued" if admitted else "pending"
        return admitted

    def _advance(self, run: Run) -> None:
        execution, scope = self._scopes[run.id]
        scope.advance()
        if not scope.graph.done:
            run.status = "waiting"
            return
        run.status = "completed"
        run.conclusion = "cancelled" if execution.cancelled else scope.graph.conclusion()
        self.hub.locks.release_run(run.id)

    def _advance_others(self) -> None:
        """Let the runs go on that waited for a concurrency group, or lost their place in its queue."""
        for run in self.hub.runs:
            if run.status == "pending" and self.hub.locks.evicted((run.id, "")):
                _cancel(run)
            elif run.status == "waiting" or (run.status == "pending" and self._free(run)):
                self._advance(run)

    def _free(self, run: Run) -> bool:
        _, scope = self._scopes[run.id]
        return self.hub.locks.acquire(scope.rule, (run.id, ""))


def _holds(run: Run, group: str) -> bool:
    return bool(group) and run.status in ("waiting", "pending") and run.concurrency.lower() == group.lower()


def _cancel(run: Run) -> None:
    run.status, run.conclusion = "completed", "cancelled"
    unfinished: list[JobResult] = [job for job in run.jobs.values() if not job.conclusion]
    for job in unfinished:
        job.status, job.conclusion = "completed", "cancelled"
