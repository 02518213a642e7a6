"""Labels that differ in case or in blanks only, and are most often one that several people typed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from ..contracts.semantics import Json

SHOWN = 4  # labels of a notice


def merged(counts: Mapping[Json, int]) -> dict[str, str]:
    """Return what to write for each text in `counts`: in small letters, without blanks around it.

    A spelling that some rows have would be another in the next batch of the table, which the contract then refuses.
    """
    texts = sorted((value for value in counts if isinstance(value, str)), key=lambda text: (-counts[text], text))
    return {text: " ".join(text.casefold().split()) for text in texts}


def alike(counts: Mapping[Json, int]) -> str:
    """Return the labels in `counts` that differ in case or blanks only, with their rows, or nothing."""
    groups: dict[str, list[str]] = {}
    for text, label in merged(counts).items():
        groups.setdefault(label, []).append(text)
    same = [text for group in groups.values() if len(group) > 1 for text in group]
    shown = ", ".join(f"{text!r} ({counts[text]} rows)" for text in same[:SHOWN])
    return f"{shown}{' …' if len(same) > SHOWN else ''} differ in case or blanks only" if same else ""


def merging(column: str, mend: str) -> str:
    """Return how to make one of the labels of `column` that are alike, by the command `mend` when there is one."""
    return f"run: {mend} --merge {shlex.quote(column)}" if mend else "store them alike"
