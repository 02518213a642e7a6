"""`POST /feedback`: what turned out to be true, for a prediction that this service signed."""

from __future__ import annotations

import logging
from typing import Any

from ..contracts.contract import Contract
from ..contracts.vocabulary import same
from . import bodies, logs
from .metrics import Metrics
from .refusals import Refusal, bad_request, broken
from .rules import RowRules
from .signing import IdError, Signed, Signer

STATUSES = {"malformed": 400, "forged": 403, "expired": 410, "repeated": 409}
MEANINGS = {
    "malformed": "is no id of a prediction",
    "forged": "was not signed by this service",
    "expired": "is older than feedback is taken for",
    "repeated": "was answered before",
}


class Feedback:
    """Counts true answers under the version and variant (the track) that predicted."""

    def __init__(self, contract: Contract, signer: Signer | None, metrics: Metrics) -> None:
        self._target = contract.target.name
        self._numbers = not contract.classes
        self._rules = RowRules.of_answers(contract)
        self._signer = signer
        self._metrics = metrics

    def take(self, body: bytes) -> None:
        """Count the feedback in `body`; Refusal when it cannot be used."""
        if self._signer is None:
            raise self._refused("disabled", Refusal(503, "FEEDBACK_KEY is not set, so feedback is not taken"))
        document = self._document(body)
        name, actual = document["id"], document["actual"]
        if violations := self._rules.violations([{self._target: actual}]):
            raise self._refused("invalid", broken(violations))
        try:
            signed = self._signer.read(name)
        except IdError as error:
            refusal = Refusal(STATUSES[error.reason], f"the id {MEANINGS[error.reason]}")
            raise self._refused(error.reason, refusal) from error
        self._count(signed, actual)

    def _document(self, body: bytes) -> dict[str, Any]:
        try:
            document = bodies.as_json(body)
        except Refusal as refusal:
            raise self._refused("malformed", refusal) from refusal
        if not isinstance(document, dict) or set(document) != {"id", "actual"} or not isinstance(document["id"], str):
            shape = 'wanted {"id": the id of a prediction, "actual": what turned out to be true}'
            raise self._refused("malformed", bad_request(f"the body has another shape, {shape}"))
        return document

    def _count(self, signed: Signed, actual: Any) -> None:
        about = (signed.version, signed.track)
        if self._numbers:
            self._metrics.feedback_error.at(*about).add(abs(float(signed.prediction) - float(actual)))
            outcome = "measured"
        else:
            outcome = "correct" if same(signed.prediction, actual) else "wrong"
            self._metrics.feedback.values[outcome, *about] += 1
        logs.say(logging.DEBUG, "feedback", outcome=outcome, version=signed.version, track=signed.track)

    def _refused(self, reason: str, refusal: Refusal) -> Refusal:
        self._metrics.feedback_refused.values[reason,] += 1
        return refusal
