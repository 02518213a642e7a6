"""What an image was built from, as a smoke test needs it: metadata, the golden set, the contract."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import MisuseError
from .records import Pinned, read_json

FOLDER = Path("artifacts/serving")
WRITER = "make export"

Row = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """The model as it was trained: `rows` and what the training pipeline answers to them.

    `classes` are in the order of `probabilities`, which need not be that of the contract; empty for regression.
    """

    metadata: Mapping[str, Any]
    schema: Mapping[str, Any]
    rows: Sequence[Row]
    classes: Sequence[Any]
    predictions: Sequence[Any]
    probabilities: Sequence[Sequence[float]] | None
    tolerance: float

    @property
    def name(self) -> str:
        """Return the name of the model."""
        return str(self.metadata["identity"]["name"])

    @property
    def version(self) -> str:
        """Return the semantic version of the model."""
        return str(self.metadata["identity"]["version"])

    @property
    def run_id(self) -> str:
        """Return the run that trained the model."""
        return str(self.metadata["identity"]["run_id"])

    def pinned(self, image: str) -> Pinned:
        """Return the release that `image` makes of this model."""
        return Pinned(image, self.version, self.run_id)


def load(folder: Path = FOLDER) -> Evidence:
    """Return the evidence in `folder`. Raises MisuseError naming what is missing and what writes it."""
    golden = read_json(folder / "golden.json", "golden/1", WRITER)
    metadata = read_json(folder / "metadata.json", "metadata/1", WRITER)
    if not golden["rows"] or len(golden["rows"]) != len(golden["predictions"]):
        raise MisuseError(f"{folder / 'golden.json'}: no rows with their answers; run {WRITER} again")
    path = folder / "contract" / "data.schema.json"
    try:
        schema = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise MisuseError(f"{path}: cannot be read ({error}); run {WRITER} again") from error
    return Evidence(
        metadata,
        schema,
        rows=golden["rows"],
        classes=golden["classes"],
        predictions=golden["predictions"],
        probabilities=golden["probabilities"],
        tolerance=float(golden["tolerance"]),
    )
