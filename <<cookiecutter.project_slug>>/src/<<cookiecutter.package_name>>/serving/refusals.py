"""Why a request gets no prediction, in a form that each protocol can put into its own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

RETRY_AFTER = (("retry-after", "1"),)
SHOWN_LETTERS = 100
IN_64_BITS = range(-(1 << 63), 1 << 64)  # the integers that the JSON library writes
SHOWN_VIOLATIONS = 5


@dataclass(frozen=True)
class Violation:
    """A rule of the contract that a value of a request breaks; `row` is its position in the request, from 0."""

    row: int
    column: str
    rule: str
    value: Any
    message: str

    def as_json(self) -> dict[str, Any]:
        """Return the violation as it stands in an answer; long values are shortened."""
        return {
            "row": self.row,
            "column": self.column,
            "rule": self.rule,
            "value": short(self.value),
            "message": self.message,
        }


class Refusal(Exception):
    """A request that is answered with the HTTP status `status` instead of predictions."""

    def __init__(
        self,
        status: int,
        message: str,
        violations: Sequence[Violation] = (),
        *,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.violations = tuple(violations)
        self.headers = tuple(headers)


class Disconnected(Exception):
    """The client went away before its request was complete."""


def broken(violations: Sequence[Violation]) -> Refusal:
    """Return the refusal of rows that break the contract."""
    said = [f"row {each.row}, column {each.column!r}: {each.message}" for each in violations[:SHOWN_VIOLATIONS]]
    more = len(violations) - len(said)
    rest = f"; and {more} more" if more > 0 else ""
    return Refusal(422, f"the rows break the contract: {'; '.join(said)}{rest}", violations)


def bad_request(message: str) -> Refusal:
    """Return the refusal of a body that has not the shape of its protocol."""
    return Refusal(400, message)


def short(value: Any) -> Any:
    """Return `value` if it is a scalar that can be shown, else what stands for it.

    Long text and the digits of an integer beyond 64 bits are cut; lists and objects become the name of their kind.
    """
    if isinstance(value, str):
        return value if len(value) <= SHOWN_LETTERS else value[:SHOWN_LETTERS] + "…"
    if isinstance(value, list | dict):
        return "an array" if isinstance(value, list) else "an object"
    if isinstance(value, int) and value not in IN_64_BITS:
        return str(value)[:SHOWN_LETTERS]
    return value
