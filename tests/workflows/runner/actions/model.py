"""How a remote action is modelled: a function from its inputs to its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..errors import StepFailed, UnlistedAction, Unsupported
from ..hub import GitHub
from ..permissions import allows
from ..pins import load_pins
from ..state import JobState

Outputs = Mapping[str, str]


@dataclass
class ActionCall:
    """One use of a remote action."""

    name: str
    inputs: Mapping[str, str]
    env: Mapping[str, str]
    state: JobState
    lines_logged: list[str] = field(default_factory=list)

    @property
    def hub(self) -> GitHub:
        """Return the fake GitHub."""
        return self.state.hub

    def get(self, name: str, default: str = "") -> str:
        """Return an input, or the action's default when it is empty."""
        return self.inputs.get(name) or default

    def need(self, name: str) -> str:
        """Return an input without which the action fails."""
        value = self.get(name)
        if not value:
            raise StepFailed(f"Error: Input required and not supplied: {name}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a boolean input."""
        value = self.get(name, str(default)).lower()
        if value not in ("true", "false"):
            raise StepFailed(f"Error: Input does not meet YAML 1.2 'Core Schema' specification: {name}")
        return value == "true"

    def lines(self, name: str) -> list[str]:
        """Return the non-empty lines of an input."""
        return [line.strip() for line in self.get(name).splitlines() if line.strip()]

    def log(self, text: str) -> None:
        """Write a line to the step's log."""
        self.lines_logged.append(text)

    def require(self, scope: str, level: str, message: str) -> None:
        """Fail the step unless the job's token covers an access."""
        if not allows(self.state.token.permissions, scope, level):
            raise StepFailed(f"Error: {message}")

    def only(self, *modelled: str) -> None:
        """Refuse the inputs that the action has and this model does not honour."""
        for name in self.inputs:
            if name not in modelled:
                raise Unsupported(self.state.result.path, f"input '{name}' of {self.name}")


Model = Callable[[ActionCall], Outputs]
MODELS: dict[str, Model] = {}


def model(name: str) -> Callable[[Model], Model]:
    """Register a function as the model of a remote action."""

    def register(function: Model) -> Model:
        MODELS[name] = function
        return function

    return register


def check_use(where: str, uses: str, inputs: Mapping[str, object]) -> None:
    """Refuse an action that is unknown, not pinned as listed, or given an input that it does not have."""
    name, _, reference = uses.partition("@")
    pin = load_pins().get(name)
    if pin is None or name not in MODELS:
        raise UnlistedAction(f"{where}: no model for the action '{uses}': add it to pins.json and to runner/actions")
    if reference != pin.sha:
        raise UnlistedAction(f"{where}: '{uses}' is not pinned as listed: write '{pin.reference}'")
    unknown = sorted(set(inputs) - pin.inputs)
    if unknown:
        raise UnlistedAction(f"{where}: {name} has no input {unknown}: it has {sorted(pin.inputs)}")
    missing = sorted(pin.required - set(inputs))
    if missing:
        raise UnlistedAction(f"{where}: {name} needs the input {missing}")
