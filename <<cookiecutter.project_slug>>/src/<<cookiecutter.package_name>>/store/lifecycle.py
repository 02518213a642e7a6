"""Give a model its version, and make a version the champion.

Each function may be killed anywhere and run again: it looks at what is there and does what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..contracts.contract import Change, Contract, compare, load_contract
from ..errors import RegistryError
from ..learning import models
from . import registry, stages
from .registry import CHALLENGER, CHAMPION, PREVIOUS, Version, Versions
from .tracking import Store, answering, ask, download
from .versions import VERSION, next_version, origin, parse

TAKEN = "RESOURCE_ALREADY_EXISTS"

Document = Mapping[str, Any]


def register(
    store: Store, run: Document, gate: Document, contract: Contract, scratch: Path, *, actor: str, known: Versions = ()
) -> Version:
    """Register the model of run.json as challenger, unless gate.json refuses it, and return its version.

    A version of a higher number that is registered meanwhile takes its place. A run is registered once, however
    often this is called. `scratch` receives the contract of the version before, when it differs; `known` are the
    versions, when they were asked for already. Raises RegistryError.
    """
    _demand_promotion(run, gate)
    known = known or registry.versions(store)
    if not known:
        with answering(store.uri, RegistryError):
            ask(lambda: store.client.create_registered_model(store.model), none_if=TAKEN)
    mine = _of_run(store, known, run)
    if mine is None:
        made = _create(store, run, contract, known, scratch)
        known = registry.versions(store)  # others may have registered since these were asked for
        mine = _of_run(store, known, run) or made
    if mine.stage == "None":
        mine = _tell_apart(store, mine, run, contract, known, scratch)
        mine = _move(store, mine, "Staging", by=actor, why="passed the gate")
    return _challenge(store, mine, known, by=actor)


def promote(store: Store, name: str, *, actor: str, reason: str, image_digest: str | None = None) -> Version:
    """Make the version that `name` means the champion and keep the one before as `previous`.

    Each alias moves at once and the champion's moves last, so that there is always a champion. Promoting the
    champion again changes nothing. Raises RegistryError.
    """
    known = registry.versions(store)
    chosen = registry.among(known, store, name)
    if name == PREVIOUS and CHAMPION in chosen.aliases:
        # A promotion was killed between its two aliases, and nothing tells any more which version was previous.
        others = ", ".join(version.version for version in known if version.number != chosen.number)
        raise RegistryError(
            f"{store.model} {chosen.version} is champion and previous at once, because a promotion was cut short; "
            f"name the version to return to by its number: {others}"
        )
    before = registry.holder(known) or registry.in_production(known)  # the champion may have lost its alias
    if image_digest is not None:
        chosen = _set_tags(store, chosen, {"image.digest": image_digest})
    if before is not None and before.number != chosen.number:
        _alias(store, PREVIOUS, before)
    _alias(store, CHAMPION, chosen)
    _move(store, chosen, "Production", by=actor, why=reason)
    for other in known:
        if other.number != chosen.number and other.stage == "Production":
            _move(store, other, "Archived", by=actor, why=f"replaced by {chosen.version}: {reason}")
    if CHALLENGER in chosen.aliases:
        with answering(store.uri, RegistryError):
            store.client.delete_registered_model_alias(store.model, CHALLENGER)
    return registry.find(store, str(chosen.number))


def _demand_promotion(run: Document, gate: Document) -> None:
    if gate.get("run_id") != run["run_id"]:
        raise RegistryError(
            f"gate.json judges run {gate.get('run_id')!r}, but run.json is {run['run_id']!r}; run make pipeline again"
        )
    if gate.get("promote") is not True:
        failed = [str(check.get("name")) for check in gate.get("checks", []) if check.get("passed") is not True]
        raise RegistryError(
            f"the gate refused this model ({', '.join(failed) or 'no reason given'}); nothing is registered"
        )


def _create(store: Store, run: Document, contract: Contract, known: Versions, scratch: Path) -> Version:
    number = _next(store, run["estimator"], contract, known, scratch)
    with answering(store.uri, RegistryError):
        made = store.client.create_model_version(
            store.model,
            f"models:/{run['model_id']}",
            run_id=run["run_id"],
            tags=origin(run, contract, number),
            model_id=run["model_id"],
            description=_description(run, number),
            await_creation_for=0,
        )
    return Version.of(made)


def _tell_apart(
    store: Store, mine: Version, run: Document, contract: Contract, known: Versions, scratch: Path
) -> Version:
    """Give `mine` the next semantic version when an older number of `known` has, or will have, the same.

    Registrations at the same time may all have taken the same one. Each settles the older numbers as these settle
    themselves, so that all agree although none knows how far the others are: the lowest number keeps its version.
    """
    settled: list[Version] = []
    for one in sorted((one for one in known if one.number < mine.number), key=lambda one: one.number):
        same = one.tags.get("contract.digest") == contract.digest
        settled.append(_settled(store, one, settled, scratch, contract if same else None))
    number = _settled(store, mine, settled, scratch, contract).version
    if number == mine.version:
        return mine
    with answering(store.uri, RegistryError):
        store.client.update_model_version(store.model, str(mine.number), _description(run, number))
    return replace(_set_tags(store, mine, {VERSION: number}), version=number)


def _settled(store: Store, version: Version, older: Versions, scratch: Path, contract: Contract | None) -> Version:
    """Return `version` with the semantic version that it will have after those of `older`, which are settled.

    Its contract is asked for when it is None.
    """
    if version.stage != "None" or version.version not in {one.version for one in older}:
        return version
    contract = contract or _contract(store, version, scratch)
    return replace(version, version=_next(store, version.tags.get("estimator"), contract, older, scratch))


def _challenge(store: Store, mine: Version, known: Versions, *, by: str) -> Version:
    """Make the newest version that waits the challenger, archive the others, and return `mine` as it is then.

    Registrations at the same time end in any order, so whoever gave the alias looks whether a newer one waits.
    """
    seen = [mine, *(one for one in known if one.number != mine.number)]
    while waiting := sorted((one for one in seen if one.stage == "Staging"), key=lambda one: one.number):
        if CHALLENGER in waiting[-1].aliases:
            break
        _alias(store, CHALLENGER, waiting[-1])
        seen = registry.versions(store)
    moved = [
        _move(store, older, "Archived", by=by, why=f"superseded by {waiting[-1].version}") for older in waiting[:-1]
    ]
    return {one.number: one for one in [*seen, *moved]}[mine.number]


def _description(run: Document, number: str) -> str:
    return f"{number}: {run['estimator']} for {run['problem']}"


def _next(store: Store, estimator: str | None, contract: Contract, known: Versions, scratch: Path) -> str:
    """Return the semantic version that follows those of `known`."""
    newest = max(known, key=lambda version: parse(version.version), default=None)
    changes = _changes(store, newest, contract, scratch)
    same = newest is None or newest.tags.get("estimator") == estimator
    return next_version(newest.version if newest else None, changes, same_estimator=same)


def _changes(store: Store, base: Version | None, contract: Contract, scratch: Path) -> list[Change]:
    """Return what changed since the contract of `base`, which lies in its model folder."""
    if base is None or base.tags.get("contract.digest") == contract.digest:
        return []
    return list(compare(_contract(store, base, scratch), contract))


def _contract(store: Store, version: Version, scratch: Path) -> Contract:
    with answering(store.uri, RegistryError):
        return load_contract(download(f"models:/{store.model}/{version.number}/{models.CONTRACT}", scratch))


def _of_run(store: Store, known: Versions, run: Document) -> Version | None:
    """Keep the oldest version of `run`; others come from a request whose answer was lost and that was sent again."""
    same_run = [version for version in known if version.run_id == run["run_id"]]
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
