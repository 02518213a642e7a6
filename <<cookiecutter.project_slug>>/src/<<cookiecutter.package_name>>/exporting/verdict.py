"""What the comparison of a converted model with its pipeline showed, and whether that is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..errors import PipelineError

TOLERANCE = 1e-6
NOT_COMPARED = {"rows": None, "probes": None, "label_changes": None, "max_difference": None, "tolerance": TOLERANCE}


@dataclass(frozen=True)
class Parity:
    """Counts and the largest difference; `worst` names the row that differs most, with both answers."""

    rows: int
    probes: int
    label_changes: int
    max_difference: float
    worst: str

    @property
    def holds(self) -> bool:
        """Whether every label is the same and every number near enough; what is no number is not."""
        return self.label_changes == 0 and self.max_difference <= TOLERANCE

    def document(self) -> dict[str, Any]:
        """Return the entry of `export.json`; a difference that is no number is null."""
        return {
            "rows": self.rows,
            "probes": self.probes,
            "label_changes": self.label_changes,
            "max_difference": self.max_difference if math.isfinite(self.max_difference) else None,
            "tolerance": TOLERANCE,
        }

    def __str__(self) -> str:
        labels = f"{self.label_changes or 'no'} label{'s' * (self.label_changes > 1)} changed"
        return f"{self.rows:,} rows and {self.probes:,} probes, {labels}, largest difference {self.max_difference:.1e}"


class NoParityError(PipelineError):
    """No conversion of the pipeline answers as it does; `parity` is that of the last one that could be asked."""

    code = 1

    def __init__(self, reason: str, parity: Parity | None) -> None:
        super().__init__(
            f"no conversion to ONNX is proven: {reason}; make export without RUNTIME serves the pipeline itself"
        )
        self.reason, self.parity = reason, parity
