"""Contracts on disk and in Git: read the one of another commit, replace the one at hand."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ContractError
from ..files import write_text
from ..inference.infer_files import Inferred
from .contract import SCHEMA, TABLE, Contract, from_schema, load_contract
from .contract_review import next_version
from .semantics import Json

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


@dataclass(frozen=True)
class Replaced:
    """The version of a contract after an inference, the files that were written, and what to tell."""

    version: str
    written: tuple[Path, ...]
    notices: tuple[str, ...]


def replace(inferred: Inferred, folder: Path, gates: Path, artifacts: Path) -> Replaced:
    """Write those files of `inferred` into `folder` and `gates` that say something else there.

    The version is raised over the present one: the first number for a breaking change. What describes a column is no
    rule: it stays with a schema whose rules are the same. So do gates, which people raise, with the same contract.
    The files that were there are copied to `artifacts`/previous-contract/ before the first is written.
    """
    version, notices = _version(inferred, folder)
    schema = json.dumps({**inferred.schema, "x-version": version}, indent=2, ensure_ascii=False) + "\n"
    texts = {}
    if _text(folder / TABLE) != inferred.expectations:
        texts[folder / TABLE] = inferred.expectations
    # The schema comes last: a half-written contract keeps its old version and is written again.
    if not _same_rules(_text(folder / SCHEMA), inferred.schema):
        texts[folder / SCHEMA] = schema
    if texts or not gates.exists():
        texts = {gates: inferred.gates, **texts}
    notices += _keep([folder / SCHEMA, folder / TABLE, gates], artifacts / "previous-contract") if texts else []
    for path, text in texts.items():
        write_text(path, text)
    return Replaced(version, tuple(texts), tuple(notices))


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else None


def _same_rules(text: str | None, schema: Mapping[str, Json]) -> bool:
    """Tell whether the schema in `text` has the rules of `schema`, whatever it is called and described as."""
    try:
        return text is not None and _rules(json.loads(text)) == _rules(schema)
    except (ValueError, AttributeError, KeyError):  # no schema at all
        return False


def _rules(schema: Mapping[str, Json]) -> Json:
    """Return the rules of `schema` as JSON, which tells 1 from 1.0 and true, with columns in their order."""
    told = {"title", "description"}
    columns = [
        (name, {key: rule for key, rule in rules.items() if key not in told})
        for name, rules in schema["properties"].items()
    ]
    whole = {key: rule for key, rule in schema.items() if key not in {*told, "x-version", "properties"}}
    return json.dumps([whole, columns], sort_keys=True)


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
    if _same_rules(_text(folder / SCHEMA), inferred.schema):
        return old.version, []
    new = from_schema({**inferred.schema, "x-version": old.version}, "the inferred contract")
    return next_version(old, new), []
