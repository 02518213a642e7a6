"""The folder that an image is built from: model, contract, reference, golden answers and metadata, all of one run."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .. import files
from ..contracts.contract import Contract
from ..learning import models, outcomes
from ..store import metadata
from .verdict import NOT_COMPARED, Parity

Runtime = Literal["onnx", "skops"]
Document = dict[str, Any]
PROFILE = "reference-profile.json"


@dataclass(frozen=True)
class ServedModel:
    """The bytes that the service loads, and what `export.json` says about them."""

    runtime: Runtime
    reason: str
    content: bytes
    columns: list[Document]
    output: Document
    parity: Parity | None

    @property
    def summary(self) -> Document:
        """The section `serving` of the metadata."""
        parity = self.parity.document() if self.parity else NOT_COMPARED
        return {"runtime": self.runtime, "reason": self.reason, "parity": parity}

    def __str__(self) -> str:
        return f"runtime {self.runtime}: {self.reason}"

    def document(self, contract: Contract) -> Document:
        """Return the document `export/1`."""
        return {
            "format": "export/1",
            **self.summary,
            "model": {
                "file": f"model.{self.runtime}",
                "sha256": hashlib.sha256(self.content).hexdigest(),
                "bytes": len(self.content),
            },
            "columns": self.columns,
            "output": self.output,
            "classes": list(outcomes.labels(contract)),
        }


def write(
    folder: Path, trained: Path, model: ServedModel, contract: Contract, golden: Document, about: Document
) -> None:
    """Make `folder` anew, or leave it as it was; `trained` is the folder of the trained model, `about` its metadata."""
    export = model.document(contract)
    with files.draft_folder(folder) as draft:
        (draft / export["model"]["file"]).write_bytes(model.content)
        shutil.copytree(trained / models.CONTRACT, draft / models.CONTRACT)
        files.write_json(draft / PROFILE, files.read_json(trained / PROFILE, expect="profile/1"))
        files.write_json(draft / "golden.json", golden)
        files.write_json(draft / "export.json", export)
        files.write_json(draft / "metadata.json", about)
        files.write_text(draft / "MODEL_CARD.md", metadata.model_card(about))
