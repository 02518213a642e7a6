"""Run the jobs of a workflow, and of the workflows that it calls, until nothing can go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .calls import ancestors, call_inputs, called_path
from .cancellation import Cancel
from .concurrency import Owner, read_rule
from .contexts import github_context
from .environments import Gate, enter, leave
from .errors import InvalidWorkflow
from .jobs import Assignment, run_job
from .matrix import expand, suffix
from .model import Job, Workflow, load_workflow
from .nodes import Graph, Instance, Node
from .permissions import Permissions, parse_permissions, read_only
from .results import JobResult, Run
from .state import Settings


@dataclass
class Execution:
    """A run in progress."""

    settings: Settings
    run: Run
    source: Path
    cancel: Cancel | None = None
    cancelled: bool = False


class Scope:
    """The jobs of one workflow file: of the run itself, or of one call."""

    def __init__(
        self,
        execution: Execution,
        workflow: Workflow,
        *,
        prefix: str = "",
        inputs: Mapping[str, Any],
        secrets: Mapping[str, str],
        granted: Permissions,
        held: tuple[str, ...] = (),
    ) -> None:
        self.execution = execution
        self.engine = execution.settings.engine
        self.locks = execution.settings.hub.locks
        self.workflow = workflow
        self.prefix = prefix
        self.written = parse_permissions(workflow.get("permissions"))
        self.ceiling = granted
        self.base = self._contexts(inputs, secrets)
        self.rule = read_rule(self.engine, workflow.get("concurrency"), self.base, held, workflow.name)
        self.held = (*held, self.rule.group)
        self.graph = Graph({job.id: Node(job, ancestors(workflow, job)) for job in workflow.jobs.values()})

    def _contexts(self, inputs: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
        hub, run = self.execution.settings.hub, self.execution.run
        # GitHub does not hand configuration variables to runs of pull requests from forks.
        variables = {} if run.event.from_fork else hub.variables
        github = github_context(hub, run, self.execution.settings.api_url)
        return {"github": github, "inputs": dict(inputs), "vars": dict(variables), "secrets": dict(secrets)}

    def outputs(self) -> dict[str, str]:
        """Return the outputs that the called workflow declares."""
        declared = self.workflow.triggers.get("workflow_call", {}).get("outputs") or {}
        jobs = {id_: {"outputs": node.outputs, "result": node.result} for id_, node in self.graph.items()}
        values = {name: output["value"] for name, output in declared.items()}
        text = self.engine.text(values, {**self.base, "jobs": jobs})
        return {name: str(value) for name, value in text.items()}

    def advance(self) -> None:
        """Run every job that can run, until all have ended or wait."""
        progress = True
        while progress:
            before = [node.result for node in self.graph.values()]
            for node in filter(self.graph.ready, self.graph.values()):
                self._advance_node(node)
            progress = before != [node.result for node in self.graph.values()]

    def repeat(self, path: str) -> None:
        """Forget how a job ended, with those that need it, so that they run again; what it needs stays as it was."""
        self.base["github"] = github_context(
            self.execution.settings.hub, self.execution.run, self.execution.settings.api_url
        )
        name = next(id_ for id_ in self.graph if f"{path} / ".startswith(f"{self.prefix}{id_} / "))
        repeated = self.graph[name]
        for node in self.graph.values():
            if repeated.job.id in node.ancestors:
                node.instances, node.result = None, ""
        repeated.result = ""
        if path == f"{self.prefix}{name}":
            repeated.instances = None
            return
        for instance in repeated.instances or []:
            instance.conclusion = ""
            if instance.scope:
                instance.scope.repeat(path)

    def _advance_node(self, node: Node) -> None:
        path = f"{self.prefix}{node.job.id}"
        if node.instances is None:
            try:
                if not self._wanted(node):
                    self._skip(node, path)
                    return
                node.instances = list(self._expand(node, path))
            except InvalidWorkflow as error:
                node.instances = [Instance(path, {}, {})]
                self._fail(node.instances[0], error)
        for instance in node.instances:
            if not instance.conclusion:
                self._advance_instance(node, instance)
        node.settle()

    def _wanted(self, node: Node) -> bool:
        status = self.graph.status(node, cancelled=self.execution.cancelled)
        contexts = {**self.base, "needs": self.graph.needs(node)}
        return bool(self.engine.evaluate(node.job.condition, contexts, status=status))

    def _skip(self, node: Node, path: str) -> None:
        node.result = "skipped"
        name = node.job.name if isinstance(node.job.name, str) else node.job.id
        self.execution.run.jobs[path] = JobResult(path, name, "completed", "skipped")

    def _fail(self, instance: Instance, error: InvalidWorkflow) -> None:
        instance.conclusion = "failure"
        failed = instance.result or JobResult(instance.path, instance.path)
        failed.status, failed.conclusion, failed.message = "completed", "failure", str(error)
        self.execution.run.jobs[instance.path] = failed

    def _evict(self, instance: Instance) -> None:
        instance.conclusion = "cancelled"
        result = instance.result or JobResult(instance.path, instance.path)
        result.status, result.conclusion = "completed", "cancelled"
        result.message = "Canceling since a higher priority waiting request for the concurrency group exists"
        self.execution.run.jobs[instance.path] = result

    def _expand(self, node: Node, path: str) -> Iterator[Instance]:
        strategy = self.engine.evaluate(node.job.get("strategy"), {**self.base, "needs": self.graph.needs(node)})
        combinations = expand(path, strategy)
        for index, matrix in enumerate(combinations):
            facts = {"fail-fast": True, **(strategy or {}), "job-index": index, "job-total": len(combinations)}
            facts.pop("matrix", None)
            yield Instance(path + suffix(matrix), matrix, facts)

    def _advance_instance(self, node: Node, instance: Instance) -> None:
        facts = {"needs": self.graph.needs(node), "matrix": dict(instance.matrix), "strategy": instance.strategy}
        contexts, job = {**self.base, **facts}, node.job
        try:
            if instance.rule is None:
                raw = job.get("concurrency")
                instance.rule = read_rule(self.engine, raw, contexts, self.held, instance.path)
            if job.uses is None:
                self._advance_job(job, instance, contexts)
            else:
                self._advance_call(job, instance, contexts)
        except InvalidWorkflow as error:
            self._fail(instance, error)
        if self.locks.evicted(self._owner(instance)):
            self._evict(instance)
        if instance.conclusion:
            self.locks.release(self._owner(instance))

    def _owner(self, instance: Instance) -> Owner:
        return self.execution.run.id, instance.path

    def _advance_job(self, job: Job, instance: Instance, contexts: dict[str, Any]) -> None:
        run, settings = self.execution.run, self.execution.settings
        if instance.result is None:
            name = self.engine.text(job.name, contexts) or job.id + suffix(instance.matrix)
            instance.result = run.jobs[instance.path] = JobResult(instance.path, name)
            instance.result.concurrency = instance.rule.group if instance.rule else ""
        if instance.rule and not self.locks.acquire(instance.rule, self._owner(instance)):
            instance.result.status = "pending"
            return
        gate = enter(settings, run, instance.result, job, contexts)
        if gate is not None:
            self._run(job, instance.result, contexts, gate)
        if instance.result.status == "completed":
            instance.conclusion, instance.outputs = instance.result.conclusion, instance.result.outputs

    def _run(self, job: Job, result: JobResult, contexts: dict[str, Any], gate: Gate) -> None:
        execution = self.execution
        contexts["vars"] = {**contexts["vars"], **gate.variables}
        contexts["secrets"] = {**contexts["secrets"], **gate.secrets}
        cancel = execution.cancel if execution.cancel and execution.cancel.job == result.path else None
        granted = self.permissions(job)
        task = Assignment(execution.run, result, self.workflow, job, contexts, granted, cancel)
        frame = run_job(execution.settings, task)
        execution.cancelled = execution.cancelled or frame.state.cancelled
        leave(execution.settings, gate, result, frame, job)

    def permissions(self, job: Job) -> Permissions:
        """Return what the job's token may do."""
        own = parse_permissions(job.get("permissions"))
        granted = next(grants for grants in (own, self.written, self.ceiling) if grants is not None)
        return read_only(granted) if self.execution.run.event.from_fork else granted

    def _advance_call(self, job: Job, instance: Instance, contexts: dict[str, Any]) -> None:
        if instance.rule and not self.locks.acquire(instance.rule, self._owner(instance)):
            return
        if instance.scope is None:
            instance.scope = self._call(job, instance, contexts)
        if not self.locks.acquire(instance.scope.rule, self._owner(instance)):
            return
        instance.scope.advance()
        if instance.scope.graph.done:
            instance.conclusion, instance.outputs = instance.scope.graph.conclusion(), instance.scope.outputs()

    def _call(self, job: Job, instance: Instance, contexts: dict[str, Any]) -> Scope:
        callee = load_workflow(self.engine, self.execution.source, called_path(job))
        given = self.engine.evaluate(job.get("with") or {}, contexts)
        return Scope(
            self.execution,
            callee,
            prefix=f"{instance.path} / ",
            inputs=call_inputs(instance.path, callee.triggers["workflow_call"].get("inputs") or {}, given),
            secrets=self.engine.text(job.get("secrets") or {}, contexts),
            granted=self.permissions(job),
            held=(*self.held, instance.rule.group if instance.rule else ""),
        )
