"""Everything that can go wrong while a workflow is run for a test."""

from __future__ import annotations


class RunnerError(Exception):
    """Root of the errors that fail a test rather than a workflow."""


class Unsupported(RunnerError):
    """A construct that GitHub knows and this runner does not model; never ignored silently."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what} is not modelled by the test runner")


class UnlistedAction(RunnerError):
    """A remote action that is not used as pins.json lists it, or that has no model."""


class EngineError(RunnerError):
    """The node process could not be started or did not answer."""


class InvalidWorkflow(RunnerError):
    """GitHub would refuse the file: the run ends as `startup_failure`."""


class StepFailed(RunnerError):
    """A step fails with this message in its log, as the real action would."""
