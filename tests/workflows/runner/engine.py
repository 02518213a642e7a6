"""GitHub's parser and expression evaluator, asked over the pipe of one node process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .errors import EngineError, InvalidWorkflow
from .node import find_node, install_packages

# Parsed YAML; a leaf {"$expr": text} is an expression and {"$if": text} a condition.
Tree = Any
Contexts = Mapping[str, Any]


@dataclass(frozen=True)
class Status:
    """What `success()`, `failure()` and `cancelled()` answer."""

    success: bool = True
    failure: bool = False
    cancelled: bool = False


@dataclass(frozen=True)
class Parsed:
    """A parsed file and what GitHub objects to in it."""

    value: Tree
    errors: tuple[str, ...]


class Engine:
    """One node process; use it as a context manager, once per test session."""

    def __init__(self) -> None:
        install_packages()
        script = Path(__file__).with_name("engine.mjs")
        self._process = subprocess.Popen(
            [find_node(), script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the node process."""
        self._process.communicate()

    def workflow(self, root: Path, file: str) -> Parsed:
        """Parse a workflow, with the reusable workflows that it calls in `root`."""
        answer = self._ask(op="workflow", root=str(root), file=file)
        return Parsed(answer["value"], tuple(answer["errors"]))

    def action(self, file: Path) -> Parsed:
        """Parse an `action.yml`."""
        answer = self._ask(op="action", file=str(file))
        return Parsed(answer["value"], tuple(answer["errors"]))

    def evaluate(
        self, value: Tree, contexts: Contexts, *, status: Status | None = None, workspace: Path | None = None
    ) -> Any:
        """Evaluate every expression inside `value`; results keep their types."""
        return self._evaluate(value, contexts, status, workspace, strings=False)

    def text(
        self, value: Tree, contexts: Contexts, *, status: Status | None = None, workspace: Path | None = None
    ) -> Any:
        """Evaluate like `evaluate`, with every scalar as the text that a process would see."""
        return self._evaluate(value, contexts, status, workspace, strings=True)

    def _evaluate(
        self, value: Tree, contexts: Contexts, status: Status | None, workspace: Path | None, *, strings: bool
    ) -> Any:
        flags = vars(status or Status())
        place = str(workspace) if workspace else None
        answer = self._ask(
            op="evaluate", value=value, contexts=contexts, status=flags, workspace=place, strings=strings
        )
        return answer["value"]

    def _ask(self, **request: object) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None or self._process.poll() is not None:
            raise EngineError("the node process has ended")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or "{}")
        if not answer:
            raise EngineError("the node process ended without an answer")
        if "failure" in answer:
            raise InvalidWorkflow(answer["failure"])
        return answer
