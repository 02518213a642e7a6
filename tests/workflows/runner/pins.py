"""The remote actions that may be used: one commit each, with the inputs it has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PINS = Path(__file__).parents[1] / "pins.json"


@dataclass(frozen=True)
class Pin:
    """The allowed version of one action."""

    name: str
    version: str
    sha: str
    required: frozenset[str]
    inputs: frozenset[str]
    outputs: frozenset[str]

    @property
    def reference(self) -> str:
        """Return what a workflow writes after `uses:`, with its version comment."""
        return f"{self.name}@{self.sha} # {self.version}"


@cache
def load_pins(path: Path = PINS) -> dict[str, Pin]:
    """Read the list of allowed actions."""
    document = json.loads(path.read_text())
    if document["format"] != "action-pins/1":
        raise ValueError(f"{path}: unknown format {document['format']!r}, expected 'action-pins/1'")
    return {
        name: Pin(
            name=name,
            version=entry["version"],
            sha=entry["sha"],
            required=frozenset(entry["required"]),
            inputs=frozenset(entry["inputs"]),
            outputs=frozenset(entry["outputs"]),
        )
        for name, entry in document["actions"].items()
    }
