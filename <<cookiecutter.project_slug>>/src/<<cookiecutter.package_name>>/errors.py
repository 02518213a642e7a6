"""Errors that a person can act on: each says what was seen, what is wanted and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class PipelineError(Exception):
    """Root of every error that ends a step with one clear line and exit code `code`."""

    code = 2


class ConfigError(PipelineError):
    """A file in `config/` cannot be used."""


class ContractError(PipelineError):
    """The data contract is unusable, or does not fit what it is asked about."""


class DataError(PipelineError):
    """A table cannot be read, or cannot carry the step that wants it."""


class RowsRefusedError(DataError):
    """Rows break the contract: an answer and no misuse, as in validation."""

    code = 1


class EvidenceError(PipelineError):
    """A file that an earlier step should have written is missing or unreadable."""


class TrackingError(PipelineError):
    """The tracking store does not answer, or answers something unusable."""


class RegistryError(PipelineError):
    """The model registry holds something unexpected."""


def each_fault(subject: str, faults: Sequence[str]) -> str:
    """Return the message that tells all `faults` of `subject`, of several each on a line of its own."""
    if len(faults) == 1:
        return f"{subject}: {faults[0]}"
    return f"{subject} has {len(faults)} faults:\n" + "\n".join(
        f"({number}) {fault}" for number, fault in enumerate(faults, 1)
    )


def shown(message: str) -> str:
    """Return an error's `message` for a terminal: each fault on an indented line, and no other line break.

    What others wrote may stand in it, and GitHub takes a line that begins with `::`, indented or not, for a command.
    """
    return re.sub(r"[\r\n]+(?!\(\d+\) )", " ", message).replace("\n", "\n  ")


def did_you_mean(seen: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest allowed name, or nothing when none is near."""
    near = get_close_matches(seen, list(allowed), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
