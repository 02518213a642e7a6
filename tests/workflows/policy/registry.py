"""The checks and how they are run: each check's docstring is the message when it fails, before the place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .documents import Repository

Check = Callable[[Repository], Iterator[str]]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    """Register a check."""
    CHECKS.append(function)
    return function


def violations(repository: Repository) -> list[str]:
    """Return every violation of every check, as `message: place`."""
    return [f"{item.__doc__}: {place}" for item in CHECKS for place in item(repository)]
