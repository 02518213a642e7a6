"""A job while it runs: its folders, its environment, its contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cancellation import Cancel
from .engine import Engine, Status, Tree
from .hub import GitHub
from .records import Token
from .results import JobResult, Run

if TYPE_CHECKING:
    from .executables import Executables


@dataclass(frozen=True)
class Settings:
    """What is the same for every run of one runner."""

    engine: Engine
    hub: GitHub
    executables: Executables
    api_url: str
    step_limit: float
    host: Mapping[str, str]


@dataclass
class JobState:
    """Everything that the steps of one job share."""

    settings: Settings
    run: Run
    result: JobResult
    token: Token
    # The file that the job is written in: of a called workflow, not of its caller.
    workflow: str
    folder: Path
    cancel: Cancel | None = None
    minutes: float = 360.0
    contexts: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)
    conclusion: str = "success"
    logins: set[str] = field(default_factory=set)
    # Images that the job's engine holds, by tag.
    images: dict[str, str] = field(default_factory=dict)
    # What actions do when the job ends (saving a cache), the last registered first.
    after: list[Callable[[], None]] = field(default_factory=list)

    @property
    def hub(self) -> GitHub:
        """Return the fake GitHub."""
        return self.settings.hub

    @property
    def workspace(self) -> Path:
        """Return the folder that the steps work in."""
        return self.folder / "work"

    @property
    def temp(self) -> Path:
        """Return `$RUNNER_TEMP`."""
        return self.folder / "temp"

    @property
    def cancelled(self) -> bool:
        """Tell whether the run was cancelled while this job ran."""
        return self.conclusion == "cancelled"

    def mask(self, text: str) -> str:
        """Return `text` with every secret replaced by asterisks."""
        for secret in sorted(self.masks, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


@dataclass
class Frame:
    """The steps of a job, or of one use of a composite action: their own `steps`, `inputs` and status."""

    state: JobState
    contexts: dict[str, Any]
    env: dict[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    failed: bool = False

    @property
    def status(self) -> Status:
        """Return what the status functions answer in this frame."""
        cancelled = self.state.cancelled
        return Status(
            success=not (self.failed or cancelled), failure=self.failed and not cancelled, cancelled=cancelled
        )

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment that steps see before their own `env`."""
        return {**self.state.env, **self.env}

    def evaluate(self, value: Tree, env: Mapping[str, str] | None = None) -> Any:
        """Evaluate `value` and keep the types."""
        contexts = {**self.state.contexts, **self.contexts, "env": env or self.variables}
        return self.state.settings.engine.evaluate(value, contexts, status=self.status, workspace=self.state.workspace)

    def text(self, value: Tree, env: Mapping[str, str] | None = None) -> Any:
        """Evaluate `value` to the text that a process sees."""
        contexts = {**self.state.contexts, **self.contexts, "env": env or self.variables}
        return self.state.settings.engine.text(value, contexts, status=self.status, workspace=self.state.workspace)
