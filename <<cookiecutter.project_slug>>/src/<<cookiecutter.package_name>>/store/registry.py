"""Versions of the model and the aliases that say which of them is which.

`challenger` waits for its deployment, `champion` serves in production, `previous` is what a rollback returns
to. Each function may be killed anywhere and run again: it looks at what is there and does what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from sklearn.pipeline import Pipeline

from ..contracts.contract import Change, Contract, compare, load_contract
from ..errors import ContractError, EvidenceError, RegistryError, did_you_mean
from ..learning import models
from . import stages
from .tracking import Store, answering, ask, download
from .versions import DIGEST, SPLIT, VERSION, next_version, origin, parse

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
ALIASES = (CHAMPION, CHALLENGER, PREVIOUS)
MISSING, TAKEN = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"


@dataclass(frozen=True)
class Version:
    """A registered version: MLflow counts it by `number`, people and images name it by `version`."""

    name: str
    number: int
    version: str
    run_id: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def stage(self) -> stages.Stage:
        """Where the version is in its life."""
        return stages.current(self.tags)

    @property
    def split(self) -> Mapping[str, Any] | None:
        """How its training rows were told from those held out, as `versions.origin` notes it; None when unknown."""
        return cast(Mapping[str, Any] | None, json.loads(self.tags.get(SPLIT, "null")))


Document = Mapping[str, Any]
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
    made = [_version(item, aliases.get(int(item.version), [])) for item in found]
    return sorted(made, key=lambda version: version.number, reverse=True)


def find(store: Store, name: str) -> Version:
    """Return the version that `name` means: an alias, a semantic version or MLflow's number.

    Raises RegistryError when there is none.
    """
    return _among(versions(store), store, name)


def champion(store: Store, folder: Path) -> Loaded | None:
    """Load the champion through a copy in `folder`; None only when the registry says that there is none.

    Raises RegistryError when the registry does not answer, or the champion's files are not those registered.
    """
    holder = _holder(versions(store))
    return None if holder is None else fetch(store, holder, folder)


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
    try:
        pipeline = models.load(copy, digest=digest)
        return Loaded(version, copy, load_contract(copy / models.CONTRACT), pipeline)
    except (EvidenceError, ContractError) as error:
        raise RegistryError(f"{store.model} {version.version} cannot be used: {error}") from error


def register(
    store: Store, run: Document, gate: Document, contract: Contract, scratch: Path, *, actor: str, known: Versions = ()
) -> Version:
    """Register the model of run.json as challenger, unless gate.json refuses it, and return its version.

    A run is registered once, however often this is called. `scratch` receives the contract of the version
    before, when it differs; `known` are the versions, when they were asked for already. Raises RegistryError.
    """
    _demand_promotion(run, gate)
    known = known or versions(store)
    if not known:
        with answering(store.uri, RegistryError):
            ask(lambda: store.client.create_registered_model(store.model), none_if=TAKEN)
    mine = _only_one(store, [version for version in known if version.run_id == run["run_id"]])
    if mine is None:
        mine = _create(store, run, contract, known, scratch)
    if mine.stage == "None":
        mine = _move(store, mine, "Staging", by=actor, why="passed the gate")
    if mine.stage == "Staging":
        _alias(store, CHALLENGER, mine)
        for older in known:
            if older.stage == "Staging" and older.number < mine.number:
                _move(store, older, "Archived", by=actor, why=f"superseded by {mine.version}")
    return find(store, str(mine.number))


def promote(store: Store, name: str, *, actor: str, reason: str, image_digest: str | None = None) -> Version:
    """Make the version that `name` means the champion and keep the one before as `previous`.

    Each alias moves at once and the champion's moves last, so that there is always a champion. Promoting the
    champion again changes nothing. Raises RegistryError.
    """
    known = versions(store)
    chosen = _among(known, store, name)
    if name == PREVIOUS and CHAMPION in chosen.aliases:
        # A promotion was killed between its two aliases, and nothing tells any more which version was previous.
        others = ", ".join(version.version for version in known if version.number != chosen.number)
        raise RegistryError(
            f"{store.model} {chosen.version} is champion and previous at once, because a promotion was cut short; "
            f"name the version to return to by its number: {others}"
        )
    holder = _holder(known)
    if image_digest is not None:
        chosen = _set_tags(store, chosen, {"image.digest": image_digest})
    if holder is None or holder.number != chosen.number:
        if holder is not None:
            _alias(store, PREVIOUS, holder)
        _alias(store, CHAMPION, chosen)
    _move(store, chosen, "Production", by=actor, why=reason)
    for other in known:
        if other.number != chosen.number and other.stage == "Production":
            _move(store, other, "Archived", by=actor, why=f"replaced by {chosen.version}: {reason}")
    if CHALLENGER in chosen.aliases:
        with answering(store.uri, RegistryError):
            store.client.delete_registered_model_alias(store.model, CHALLENGER)
    return find(store, str(chosen.number))


def _holder(known: Versions) -> Version | None:
    return next((version for version in known if CHAMPION in version.aliases), None)


def _among(known: Versions, store: Store, name: str) -> Version:
    for version in known:
        if name in version.aliases or name in {version.version, str(version.number)}:
            return version
    names = [label for version in known for label in (*version.aliases, version.version)]
    shown = ", ".join(dict.fromkeys(names))
    there = f"; there are {shown}" if names else "; none is registered yet, run make pipeline first"
    raise RegistryError(f"{store.model} has no version {name!r}{did_you_mean(name, names) or there}")


def _demand_promotion(run: Document, gate: Document) -> None:
    if gate.get("run_id") != run["run_id"]:
        raise RegistryError(
            f"gate.json judges run {gate.get('run_id')!r}, but run.json is {run['run_id']!r}; run scripts/evaluate.py "
            "and scripts/check_gate.py again"
        )
    if gate.get("promote") is not True:
        failed = [str(check.get("name")) for check in gate.get("checks", []) if check.get("passed") is not True]
        raise RegistryError(
            f"the gate refused this model ({', '.join(failed) or 'no reason given'}); nothing is registered"
        )


def _create(store: Store, run: Document, contract: Contract, known: Versions, scratch: Path) -> Version:
    newest = max(known, key=lambda version: parse(version.version), default=None)
    changes = _changes(store, newest, contract, scratch)
    same = newest is None or newest.tags.get("estimator") == run["estimator"]
    number = next_version(newest.version if newest else None, changes, same_estimator=same)
    with answering(store.uri, RegistryError):
        made = store.client.create_model_version(
            store.model,
            f"models:/{run['model_id']}",
            run_id=run["run_id"],
            tags=origin(run, contract, number),
            model_id=run["model_id"],
            description=f"{number}: {run['estimator']} for {run['problem']}",
            await_creation_for=0,
        )
    return _version(made, [])


def _changes(store: Store, base: Version | None, contract: Contract, scratch: Path) -> list[Change]:
    """Return what changed since the contract of `base`, which lies in its model folder."""
    if base is None or base.tags.get("contract.digest") == contract.digest:
        return []
    with answering(store.uri, RegistryError):
        older = download(f"models:/{store.model}/{base.number}/{models.CONTRACT}", scratch)
    return list(compare(load_contract(older), contract))


def _only_one(store: Store, same_run: list[Version]) -> Version | None:
    """Keep the oldest version of a run; others come from a request whose answer was lost and that was sent again."""
    if not same_run:
        return None
    *later, first = same_run
    for version in later:
        if not version.aliases:
            with answering(store.uri, RegistryError):
                store.client.delete_model_version(store.model, str(version.number))
    return first


def _move(store: Store, version: Version, stage: stages.Stage, *, by: str, why: str) -> Version:
    return _set_tags(store, version, stages.move(version.tags, stage, by=by, why=why))


def _set_tags(store: Store, version: Version, tags: Mapping[str, str]) -> Version:
    with answering(store.uri, RegistryError):
        for key, value in tags.items():
            if version.tags.get(key) != value:
                store.client.set_model_version_tag(store.model, str(version.number), key, value)
    return replace(version, tags={**version.tags, **tags})


def _alias(store: Store, alias: str, version: Version) -> None:
    if alias not in version.aliases:
        with answering(store.uri, RegistryError):
            store.client.set_registered_model_alias(store.model, alias, str(version.number))


def _version(item: Any, aliases: list[str]) -> Version:
    tags = {str(key): str(value) for key, value in item.tags.items()}
    return Version(
        name=str(item.name),
        number=int(item.version),
        version=tags.get(VERSION, f"0.0.{item.version}"),
        run_id=str(item.run_id or ""),
        aliases=tuple(alias for alias in ALIASES if alias in aliases),
        tags=tags,
    )
