"""Versions of the model and the aliases that say which of them is which.

`challenger` waits for its deployment, `champion` serves in production, `previous` is what a rollback returns to.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sklearn.pipeline import Pipeline

from ..contracts.contract import Contract, load_contract
from ..errors import ContractError, EvidenceError, RegistryError, did_you_mean
from ..learning import models
from . import stages
from .tracking import Store, answering, ask, download
from .versions import DATA, DIGEST, SPLIT, VERSION

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
ALIASES = (CHAMPION, CHALLENGER, PREVIOUS)
MISSING = "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class Version:
    """A registered version: MLflow counts it by `number`, people and images name it by `version`."""

    name: str
    number: int
    version: str
    run_id: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]

    @classmethod
    def of(cls, item: Any, aliases: Collection[str] = ()) -> Version:
        """Return what MLflow's `item` says of a version that bears `aliases`."""
        tags = {str(key): str(value) for key, value in item.tags.items()}
        return cls(
            name=str(item.name),
            number=int(item.version),
            version=tags.get(VERSION, f"0.0.{item.version}"),
            run_id=str(item.run_id or ""),
            aliases=tuple(alias for alias in ALIASES if alias in aliases),
            tags=tags,
        )

    @property
    def stage(self) -> stages.Stage:
        """Where the version is in its life."""
        return stages.current(self.tags)

    @property
    def split(self) -> Mapping[str, Any] | None:
        """How its training rows were told from those held out, as `versions.split` says it; None when unknown."""
        noted = cast(Mapping[str, Any] | None, json.loads(self.tags.get(SPLIT, "null")))
        return None if noted is None else {"data": self.tags.get(DATA), **noted}


Versions = Sequence[Version]


@dataclass(frozen=True)
class Loaded:
    """A registered version with its pipeline and the contract that it was trained on, from the copy in `folder`."""

    version: Version
    folder: Path
    contract: Contract
    pipeline: Pipeline


def versions(store: Store) -> list[Version]:
    """Return every version of the model, newest first; empty when the registry says that it has none."""
    with answering(store.uri, RegistryError):
        model = ask(lambda: store.client.get_registered_model(store.model), none_if=MISSING)
        if model is None:
            return []
        found = store.client.search_model_versions(f"name = {store.model!r}")
    aliases: dict[int, list[str]] = {}
    for alias, number in model.aliases.items():
        aliases.setdefault(int(number), []).append(alias)
    made = [Version.of(item, aliases.get(int(item.version), [])) for item in found]
    return sorted(made, key=lambda version: version.number, reverse=True)


def find(store: Store, name: str) -> Version:
    """Return the version that `name` means, by `among`."""
    return among(versions(store), store, name)


def among(known: Versions, store: Store, name: str) -> Version:
    """Return the version of `known` that `name` means: an alias, a semantic version or MLflow's number.

    Raises RegistryError when there is none.
    """
    for version in known:
        if name in version.aliases or name in {version.version, str(version.number)}:
            return version
    names = [label for version in known for label in (*version.aliases, version.version)]
    shown = ", ".join(dict.fromkeys(names))
    there = f"; there are {shown}" if names else "; none is registered yet, run make pipeline first"
    if names and name == CHAMPION:
        there += "; run make promote to make the one registered last the champion"
    raise RegistryError(f"{store.model} has no version {name!r}{did_you_mean(name, names) or there}")


def holder(known: Versions) -> Version | None:
    """Return the version among `known` that bears the alias champion."""
    return next((version for version in known if CHAMPION in version.aliases), None)


def in_production(known: Versions) -> Version | None:
    """Return the newest version among `known` whose stage is Production."""
    return next((version for version in known if version.stage == "Production"), None)


def reigning(known: Versions) -> Version | None:
    """Return the champion among `known`; None only when no version is in production.

    Raises RegistryError when one is, but the alias is gone: a model compared with nobody would pass for the first.
    """
    found, serving = holder(known), in_production(known)
    if found is None and serving is not None:
        raise RegistryError(
            f"{serving.name} {serving.version} is in Production, but no version has the alias {CHAMPION}; "
            f"run make promote VERSION={serving.version} to give it back"
        )
    return found


def champion(store: Store, folder: Path) -> Loaded | None:
    """Load the champion through a copy in `folder`; None only when the registry says that there is none.

    Raises RegistryError when the registry does not answer, when the version in production has lost its alias, or when
    the champion's files are not those registered.
    """
    found = reigning(versions(store))
    return None if found is None else fetch(store, found, folder)


def fetch(store: Store, version: Version, folder: Path) -> Loaded:
    """Load `version` through a copy of its files in `folder`.

    Raises RegistryError when the registry does not answer, or the files are not those registered.
    """
    digest = version.tags.get(DIGEST)
    if not digest:
        raise RegistryError(
            f"{store.model} {version.version} has no tag {DIGEST}, so that its file cannot be told from another; "
            "register the model again, or set the tag to the digest of the file that was registered"
        )
    with answering(store.uri, RegistryError):
        copy = download(f"models:/{store.model}/{version.number}", folder)
    if not (copy / models.FILE).exists():
        raise RegistryError(
            f"{store.model} {version.version}: its files are no longer among the artifacts of {store.shown}; restore "
            "them, run make promote VERSION=… with a version that has its files, or move the store away to start empty"
        )
    try:
        pipeline = models.load(copy, digest=digest)
        return Loaded(version, copy, load_contract(copy / models.CONTRACT), pipeline)
    except (EvidenceError, ContractError) as error:
        raise RegistryError(f"{store.model} {version.version} cannot be used: {error}") from error
