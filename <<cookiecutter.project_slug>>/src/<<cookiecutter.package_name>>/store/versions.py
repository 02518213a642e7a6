"""Semantic versions of a model: what a consumer has to know about the step from one version to the next."""

from __future__ import annotations

from collections.abc import Iterable

from ..contracts.contract import Change

FIRST = "1.0.0"


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
