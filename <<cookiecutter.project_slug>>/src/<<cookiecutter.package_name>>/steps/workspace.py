"""What one run reads and where it writes: the one argument of every step."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import files
from ..config import Config, Gates, load_config, load_gates
from ..contracts.contract import Contract, load_contract
from ..dataset import tables
from ..errors import EvidenceError
from ..store.tracking import Store, connect

if TYPE_CHECKING:
    import pandas as pd

# Which files a step's result rests on, in the order in which they are made.
RESULTS = (
    "data-report.json",
    "run.json",
    "model",
    "reference-profile.json",
    "metrics.json",
    "plots",
    "gate.json",
    "metadata.json",
    "MODEL_CARD.md",
    "serving",
    "report.html",
    "report.md",
)


@dataclass(frozen=True)
class Workspace:
    """Places of a run; what lies there is loaded when it is first asked for, and then kept."""

    config_file: Path = Path("config/pipeline.toml")
    gates_file: Path = Path("config/gates.toml")
    contract_folder: Path = Path("contract")
    artifacts: Path = Path("artifacts")
    table: str | tuple[Path, ...] | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Workspace:
        """Return the workspace that the common options of a script describe."""
        return cls(options.config, options.gates, options.contract, options.artifacts, options.data)

    def of_run(self, run: Mapping[str, Any]) -> Workspace:
        """Return the workspace with the table that `run` was trained on, unless one was named or read already."""
        trained = tuple(Path(path) for path in run["data"]["paths"])
        named = self.table is not None or "paths" in vars(self)
        return self if named or not all(path.exists() for path in trained) else replace(self, table=trained)

    @cached_property
    def config(self) -> Config:
        """The settings of the pipeline."""
        return load_config(self.config_file)

    @cached_property
    def gates(self) -> Gates:
        """What a model must show."""
        return load_gates(self.gates_file)

    @cached_property
    def contract(self) -> Contract:
        """What the table must look like."""
        return load_contract(self.contract_folder)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The files of the table."""
        return self.table if isinstance(self.table, tuple) else tables.resolve(self.table or self.config.data.path)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the files of the table, in order."""
        return files.sha256(self.paths)

    @cached_property
    def parts(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows to train on and the rows held out."""
        from ..dataset import data, splitting  # noqa: PLC0415  # imports pandas, which validation does without

        frame = data.read_table(self.paths, self.contract)
        return splitting.split(frame, self.contract, self.config.split, self.config.seed)

    @cached_property
    def store(self) -> Store:
        """The tracking store, opened."""
        return connect(self.config.tracking)

    @property
    def model(self) -> Path:
        """The folder of the trained model."""
        return self.artifacts / "model"

    def read(self, name: str, *, expect: str) -> dict[str, Any]:
        """Return an artifact that an earlier step wrote; EvidenceError when it is missing or of another format."""
        return files.read_json(self.artifacts / name, expect=expect)

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Write an artifact for later steps."""
        files.write_json(self.artifacts / name, document)

    def demand_unchanged(self, run: Mapping[str, Any]) -> None:
        """Raise EvidenceError when the hold-out rows would not be those that the training of `run` left out."""
        _demand_same({"data": (run["data"]["sha256"], self.digest), **self._settings(run)})

    def demand_same_settings(self, run: Mapping[str, Any]) -> None:
        """Raise EvidenceError when contract or config are not those of `run`; its table may be on another machine."""
        _demand_same(self._settings(run))

    def _settings(self, run: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        """Return the digests of the settings, those of the training first."""
        return {
            "contract": (run["contract"]["digest"], self.contract.digest),
            "config": (run["config"]["sha256"], self.config.sha256),
        }

    def forget_from(self, name: str) -> None:
        """Delete the artifact `name` and all that rest on it, so that no later step takes an old one for new."""
        for result in RESULTS[RESULTS.index(name) :]:
            self.forget(result)

    def forget(self, name: str) -> None:
        """Delete the artifact `name` alone."""
        path = self.artifacts / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _demand_same(digests: Mapping[str, tuple[str, str]]) -> None:
    changed = [name for name, (then, now) in digests.items() if then != now]
    if changed:
        raise EvidenceError(f"{' and '.join(changed)} changed since the training; run make pipeline again")
