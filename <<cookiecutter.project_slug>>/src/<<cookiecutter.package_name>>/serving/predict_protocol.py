"""`POST /predict`: rows of named columns in, predictions with probabilities and ids out."""

from __future__ import annotations

from . import bodies
from .bodies import Headers
from .bundle import Bundle
from .metrics import label_text
from .protocols import Answer, Question, as_bytes, details
from .refusals import Refusal, bad_request
from .signing import Signer

SHAPE = 'wanted {"rows": [{column: value, …}, …]}'


class Predict:
    """The service's own protocol."""

    def __init__(self, bundle: Bundle, signer: Signer | None) -> None:
        self._about = {"model": bundle.name, "version": bundle.version}
        self._names = [label_text(label) for label in bundle.classes]
        self._signer = signer

    def read(self, headers: Headers, body: bytes) -> Question:
        """Return the rows in `body`."""
        bodies.demand_json(headers)
        document = bodies.as_json(body)
        if not isinstance(document, dict) or list(document) != ["rows"] or not isinstance(document["rows"], list):
            raise bad_request(f"the body has another shape, {SHAPE}")
        return Question(document["rows"])

    def write(self, question: Question, answer: Answer) -> bytes:
        """Return predictions in the order of the rows."""
        predictions = [{"prediction": value} for value in answer.predictions]
        if self._names:
            for entry, scores in zip(predictions, answer.scores, strict=True):
                entry["probabilities"] = dict(zip(self._names, scores, strict=True))
        if self._signer:
            for entry in predictions:
                entry["id"] = self._signer.sign(entry["prediction"])
        return as_bytes({**self._about, "predictions": predictions})

    def refuse(self, refusal: Refusal) -> bytes:
        """Return the broken rules, or one entry that says what is wrong with the whole request."""
        whole = {"row": None, "column": None, "rule": None, "value": None, "message": refusal.message}
        return as_bytes({"detail": details(refusal) or [whole]})
