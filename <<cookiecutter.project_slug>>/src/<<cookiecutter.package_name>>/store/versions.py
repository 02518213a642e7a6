"""Semantic versions of a model: what a consumer has to know about the step from one to the next, and its origin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..contracts.contract import Change, Contract
from ..dataset.splitting import identity, kind

FIRST = "1.0.0"
VERSION, SPLIT, DIGEST, DATA = "version", "split", "model.sha256", "data.sha256"
LIMITS = ("ordered_by", "learned_until", "held_since")  # what `splitting.limits` adds to a split by time


def next_version(previous: str | None, changes: Iterable[Change], *, same_estimator: bool) -> str:
    """Return the version after `previous`, whose contract differs by `changes`.

    A breaking change of the contract raises MAJOR; a compatible one, or another family of estimator, MINOR;
    the same contract trained again PATCH.
    """
    if previous is None:
        return FIRST
    major, minor, patch = parse(previous)
    kinds = {change.kind for change in changes}
    if "breaking" in kinds:
        return f"{major + 1}.0.0"
    if kinds or not same_estimator:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def parse(version: str) -> tuple[int, int, int]:
    """Return MAJOR, MINOR and PATCH as numbers; ValueError when `version` has another form."""
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch


def split(run: Mapping[str, Any], contract: Contract) -> dict[str, Any]:
    """Return how the training rows of run.json were told from those held out, and by which columns."""
    noted = {
        "seed": run["seed"],
        "method": run["split"]["method"],
        "holdout": run["split"]["holdout"],
        "data": run["data"]["sha256"],
        "identity": list(identity(contract)),
        "kinds": [kind(contract[name]) for name in identity(contract)],
    }
    return noted | {name: run["split"][name] for name in LIMITS if name in run["split"]}


def origin(run: Mapping[str, Any], contract: Contract, version: str) -> dict[str, str]:
    """Return the tags of a registered `version`: what its model was made from, by the document of run.json."""
    return {
        VERSION: version,
        SPLIT: json.dumps(split(run, contract)),
        "estimator": run["estimator"],
        "model.id": run["model_id"],
        DIGEST: run["model"]["sha256"],
        "contract.version": contract.version,
        "contract.digest": contract.digest,
        DATA: run["data"]["sha256"],
        "git.commit": run["git"]["commit"] or "",
    }
