"""The workflows and composite actions of a repository, parsed once for all checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml


class Loader(yaml.CSafeLoader):
    """YAML as GitHub reads it: `on`, `yes` and `off` are words, not booleans."""


Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or letter in "tTfF"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Document:
    """One parsed file."""

    name: str
    path: Path
    text: str
    body: Mapping[str, Any]

    @property
    def triggers(self) -> Mapping[str, Any]:
        """Return the events of a workflow with their filters."""
        on = self.body["on"]
        names = [on] if isinstance(on, str) else on
        return {name: (on[name] or {}) if isinstance(on, dict) else {} for name in names}

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Return what a composite action or called workflow can be given."""
        holder = self.body if "runs" in self.body else self.triggers.get("workflow_call", {})
        return {name: definition or {} for name, definition in (holder.get("inputs") or {}).items()}


@dataclass(frozen=True)
class Job:
    """One job; `where` names it in messages."""

    where: str
    id: str
    workflow: Document
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One step of a job or of a composite action (`job` is `None`)."""

    where: str
    document: Document
    body: Mapping[str, Any]
    job: Job | None

    @property
    def uses(self) -> str:
        """Return the action, empty for a `run` step."""
        return str(self.body.get("uses") or "")

    @property
    def run(self) -> str:
        """Return the script, empty for a `uses` step."""
        return str(self.body.get("run") or "")


@dataclass(frozen=True)
class Repository:
    """A repository whose `.github` folder is checked."""

    root: Path

    @cached_property
    def workflows(self) -> list[Document]:
        """Return the workflows by name."""
        return [self._load(path) for path in sorted((self.root / ".github" / "workflows").glob("*.y*ml"))]

    @cached_property
    def actions(self) -> list[Document]:
        """Return the composite actions."""
        return [self._load(path) for path in sorted((self.root / ".github" / "actions").glob("*/action.y*ml"))]

    def _load(self, path: Path) -> Document:
        text = path.read_text()
        # The loader is a SafeLoader; only its reading of a few words differs.
        body = yaml.load(text, Loader)
        return Document(str(path.relative_to(self.root / ".github")), path, text, body)

    def jobs(self) -> Iterator[Job]:
        """Yield the jobs of all workflows."""
        for workflow in self.workflows:
            for name, body in workflow.body["jobs"].items():
                yield Job(f"{workflow.name}: job '{name}'", name, workflow, body)

    def steps(self) -> Iterator[Step]:
        """Yield the steps of all workflows and composite actions."""
        for job in self.jobs():
            yield from self._steps(job.where, job.workflow, job.body.get("steps") or [], job)
        for action in self.actions:
            yield from self._steps(action.name, action, action.body["runs"]["steps"], None)

    @staticmethod
    def _steps(where: str, document: Document, steps: list[Mapping[str, Any]], job: Job | None) -> Iterator[Step]:
        for number, body in enumerate(steps, 1):
            label = body.get("name") or body.get("id") or str(body.get("uses") or number).partition("@")[0]
            yield Step(f"{where}: step '{label}'", document, body, job)

    def called(self, job: Job) -> Document | None:
        """Return the workflow of this repository that a job calls."""
        uses = str(job.body.get("uses") or "")
        return next((item for item in self.workflows if uses == f"./.github/{item.name}"), None)

    def action(self, step: Step) -> Document | None:
        """Return the composite action of this repository that a step uses."""
        folder = self.root / step.uses
        return next((item for item in self.actions if item.path.parent == folder), None)
