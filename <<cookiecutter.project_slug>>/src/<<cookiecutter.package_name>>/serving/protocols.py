"""What a wire protocol does for the service: read rows out of a body, put answers and refusals into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from .bodies import Headers
from .refusals import Refusal

Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """The rows of a request; `context` is what its protocol needs again for the answer."""

    rows: list[Any]
    context: Any = None


@dataclass(frozen=True)
class Answer:
    """Predicted labels or values of the rows, and for classes the scores of each row in the bundle's order."""

    predictions: list[Any]
    scores: list[Any] = field(default_factory=list)


class WireProtocol(Protocol):
    """One way to ask."""

    def read(self, headers: Headers, body: bytes) -> Question:
        """Return the rows in `body`; Refusal when it has not the shape of the protocol."""
        ...

    def write(self, question: Question, answer: Answer) -> bytes:
        """Return the JSON document of an answer."""
        ...

    def refuse(self, refusal: Refusal) -> bytes:
        """Return the JSON document of a refusal."""
        ...


def as_bytes(document: Any) -> bytes:
    """Return `document` as JSON."""
    return orjson.dumps(document)


def details(refusal: Refusal) -> list[dict[str, Any]]:
    """Return the broken rules as they stand in an answer."""
    return [violation.as_json() for violation in refusal.violations]


def rows_of(columns: Sequence[str], table: Sequence[Sequence[Any]]) -> list[Row]:
    """Return one object per row of a table whose rows are as long as `columns`."""
    return [dict(zip(columns, row, strict=True)) for row in table]
