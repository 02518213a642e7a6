"""What an image holds of a model: read once at the start, and refused when a part does not belong to the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contracts.contract import Contract, load_proven
from ..errors import EvidenceError
from ..files import read_json, sha256

Document = dict[str, Any]
RUNTIMES = ("onnx", "skops")


@dataclass(frozen=True)
class Bundle:
    """The documents beside a model file; `model` is the path of that file, whose digest was checked."""

    model: Path
    contract: Contract
    export: Document
    profile: Document
    golden: Document
    metadata: Document
    card: str

    @property
    def name(self) -> str:
        """The name under which the model is registered."""
        return str(self.metadata["identity"]["name"])

    @property
    def version(self) -> str:
        """The semantic version of the model."""
        return str(self.metadata["identity"]["version"])

    @property
    def runtime(self) -> str:
        """Which of RUNTIMES answers."""
        return str(self.export["runtime"])

    @property
    def classes(self) -> list[Any]:
        """JSON labels in the order of the model's scores; empty for regression."""
        return list(self.export.get("classes") or [])


def load(folder: Path) -> Bundle:
    """Return the bundle in `folder`.

    Raises EvidenceError when a file is missing or unreadable, or when model, contract and metadata are not of one
    piece; ContractError when the contract cannot be used.
    """
    export = read_json(folder / "export.json", expect="export/1")
    if export["runtime"] not in RUNTIMES:
        raise EvidenceError(f"{folder / 'export.json'}: runtime is {export['runtime']!r}, wanted one of {RUNTIMES}")
    metadata = read_json(folder / "metadata.json", expect="metadata/1")
    digest = metadata["lineage"]["contract"]["digest"]
    contract = load_proven(folder / "contract", digest)
    _same(folder / "contract", contract.digest, digest)
    model = folder / export["model"]["file"]
    try:
        _same(model, sha256([model]), export["model"]["sha256"])
        card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    except OSError as error:
        raise EvidenceError(f"{error.filename}: {error.strerror}; run make export again") from error
    return Bundle(
        model=model,
        contract=contract,
        export=export,
        profile=read_json(folder / "reference-profile.json", expect="profile/1"),
        golden=read_json(folder / "golden.json", expect="golden/1"),
        metadata=metadata,
        card=card,
    )


def _same(path: Path, seen: str, wanted: str) -> None:
    if seen != wanted:
        raise EvidenceError(
            f"{path}: sha256 is {seen[:12]}…, wanted {wanted[:12]}…; it was changed after the export, run make export"
        )
