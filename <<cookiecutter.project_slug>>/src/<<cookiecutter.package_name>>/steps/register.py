"""Give the accepted model its version, and make a version the champion."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .. import files
from ..errors import EvidenceError, RegistryError
from ..store import lifecycle, metadata, registry, runs
from ..store.registry import Version
from .workspace import Workspace


def register(work: Workspace) -> tuple[Version, dict[str, Any]]:
    """Register the model as challenger and write `metadata.json` and `MODEL_CARD.md`.

    Raises RegistryError when `gate.json` does not accept this very run, when the champion is no longer the one that
    it was compared with, and when a newer version has taken its place; EvidenceError when its data was not validated,
    and when contract or config are no longer those of the training.
    """
    work.forget_from("metadata.json")
    run = work.read("run.json", expect="run/1")
    work.demand_same_settings(run)
    metrics = work.read("metrics.json", expect="metrics/1")
    gate = work.read("gate.json", expect="gate/1")
    _demand_valid_data(work, run)
    known = registry.versions(work.store)
    _demand_current(known, run, metrics)
    with TemporaryDirectory() as scratch:
        version = lifecycle.register(work.store, run, gate, work.contract, Path(scratch), actor=actor(), known=known)
    if version.stage == "Archived":
        raise RegistryError(
            f"this run is {version.name} {version.version}, replaced by a newer one; run make pipeline again"
        )
    document = metadata.build(run, metrics, gate, version, work.contract, schema=work.contract_folder / metadata.SCHEMA)
    _describe(work, document)
    runs.log_decision(work.store, gate)
    made = ("metadata.json", "MODEL_CARD.md", "gate.json")
    runs.log_files(work.store, run["run_id"], [work.artifacts / name for name in made])
    return version, document


def _demand_valid_data(work: Workspace, run: Mapping[str, Any]) -> None:
    report = work.read("data-report.json", expect="data-report/1")
    same = all(report[part][name] == run[part][name] for part, name in (("data", "sha256"), ("contract", "digest")))
    if report["valid"] is not True or not same:
        raise EvidenceError(
            f"{work.artifacts / 'data-report.json'}: does not say that the data of this run is valid by its contract; "
            "run make pipeline again"
        )


def _demand_current(known: registry.Versions, run: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    if run["run_id"] in {version.run_id for version in known}:
        return
    if metrics["run_id"] != run["run_id"]:
        raise EvidenceError(
            f"metrics.json is of run {metrics['run_id']}, and run.json of {run['run_id']}: two runs wrote into the "
            "same folder; run make pipeline again, alone"
        )
    judged = metrics["champion"]["version"]
    now = champion.version if (champion := registry.reigning(known)) else None
    if now != judged:
        raise RegistryError(
            f"the model was compared with champion {judged or 'none'}, and now {now or 'none'} is champion; "
            "run make pipeline again"
        )


def promote(work: Workspace, name: str, *, reason: str, image_digest: str | None = None) -> Version:
    """Make the registered version that `name` means the champion, and keep the one before as `previous`.

    The documents of the last registration are brought up to date when they describe this version.
    """
    version = lifecycle.promote(work.store, name, actor=actor(), reason=reason, image_digest=image_digest)
    if (work.artifacts / "metadata.json").exists():
        document = work.read("metadata.json", expect="metadata/1")
        if document["identity"]["number"] == version.number:
            _describe(work, metadata.restaged(document, version))
    return version


def _describe(work: Workspace, document: dict[str, Any]) -> None:
    files.write_text(work.artifacts / "MODEL_CARD.md", metadata.model_card(document))
    work.write("metadata.json", document)


def actor() -> str:
    """Return who is acting: the person behind a GitHub run, else the user of this machine."""
    try:
        return os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"user {os.getuid()}"
