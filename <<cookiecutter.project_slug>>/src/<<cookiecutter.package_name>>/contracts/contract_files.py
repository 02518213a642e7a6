"""Contracts on disk and in Git: read the one of another commit, replace the one at hand."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from ..errors import ContractError
from ..files import write_text
from ..inference.infer_files import Inferred
from .contract import Contract, from_schema, load_contract
from .contract_review import next_version

SCHEMA, TABLE = "data.schema.json", "dataset.toml"
FIRST_VERSION = "1.0.0"


def contract_at(ref: str, folder: Path) -> Contract | None:
    """Return the contract that `folder` held at the Git commit `ref`, or None when it held none.

    Raises ContractError when there is no such commit, or when the contract there cannot be used.
    """
    if _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}") is None:
        raise ContractError(f"--base {ref!r}: no such commit here; fetch it first (git fetch origin {ref})")
    if _git(folder, "cat-file", "-e", f"{ref}:./{SCHEMA}") is None:
        return None
    text = _git(folder, "show", f"{ref}:./{SCHEMA}")
    name = f"{ref}:{folder / SCHEMA}"
    try:
        return from_schema(json.loads(text or ""), name)
    except ValueError as error:
        raise ContractError(f"{name}: cannot be read as JSON ({error})") from error


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints for `arguments` in `folder`, or None when it fails."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ContractError("git: not found, wanted to read the base's contract") from error
    if b"not a git repository" in done.stderr or b"cannot change to" in done.stderr:
        raise ContractError(f"{folder}: not a folder of a Git repository")
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def replace(inferred: Inferred, folder: Path, gates: Path, artifacts: Path) -> tuple[str, list[str]]:
    """Write `inferred` into `folder` and `gates`, and return its version and notices.

    The previous files are copied to `artifacts`/previous-contract/ first. The version is raised over theirs: the first
    number for a breaking change.
    """
    notices = _keep([folder / SCHEMA, folder / TABLE, gates], artifacts / "previous-contract")
    version, more = _version(inferred, folder)
    schema = {**inferred.schema, "x-version": version}
    # The schema comes last: a half-written contract keeps its old version and is written again.
    write_text(gates, inferred.gates)
    write_text(folder / TABLE, inferred.expectations)
    write_text(folder / SCHEMA, json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return version, notices + more


def _keep(paths: list[Path], store: Path) -> list[str]:
    there = [path for path in paths if path.exists()]
    for path in there:
        store.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, store / path.name)
    return [f"the previous {', '.join(path.name for path in there)} lie in {store}/"] if there else []


def _version(inferred: Inferred, folder: Path) -> tuple[str, list[str]]:
    if not (folder / SCHEMA).exists():
        return FIRST_VERSION, []
    try:
        old = load_contract(folder)
    except ContractError as error:
        return FIRST_VERSION, [f"the previous contract could not be read, so the version starts anew ({error})"]
    new = from_schema({**inferred.schema, "x-version": old.version}, "the inferred contract")
    return next_version(old, new), []
