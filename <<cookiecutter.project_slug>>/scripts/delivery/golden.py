"""The golden set: what a service answers to rows that training never saw, beside what training answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .evidence import Evidence
from .records import Check
from .service import Answer


def compare(answer: Answer, evidence: Evidence) -> Check:
    """Check that rows that training never saw are answered as the training pipeline answered them."""
    wanted = f"{len(evidence.rows)} rows answered as in training, within {evidence.tolerance:g}"
    answers = predictions(answer)
    if answer.status != 200 or len(answers) != len(evidence.rows):
        return Check("golden set", False, str(answer), wanted)
    wrong = [(number, fault) for number, one in enumerate(answers) if (fault := difference(evidence, number, one))]
    told = f"; row {wrong[0][0]}: {wrong[0][1]}" if wrong else ""
    return Check("golden set", not wrong, f"{len(answers) - len(wrong)} of {len(answers)} rows alike{told}", wanted)


def predictions(answer: Answer) -> Sequence[Mapping[str, Any]]:
    """Return the list of predictions in an answer; empty when there is none."""
    body = answer.json()
    found = body.get("predictions") if isinstance(body, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def difference(evidence: Evidence, number: int, answered: Mapping[str, Any]) -> str:
    """Return how an answer differs from that of training to the golden row `number`; nothing when it does not."""
    wanted, seen = evidence.predictions[number], answered.get("prediction")
    regression = evidence.probabilities is None
    if not (_close(seen, wanted, evidence.tolerance) if regression else _same(seen, wanted)):
        return f"{seen!r} instead of {wanted!r}"
    if evidence.probabilities is None:
        return ""
    shares = answered.get("probabilities") or {}
    for label, share in zip(evidence.classes, evidence.probabilities[number], strict=True):
        seen = shares.get(label_text(label))
        if not _close(seen, share, evidence.tolerance):
            return f"probability of {label!r} is {seen} instead of {share}"
    return ""


def label_text(label: object) -> str:
    """Return a class as the service writes it for a key of JSON."""
    return label if isinstance(label, str) else json.dumps(label)


def _close(seen: object, wanted: Any, tolerance: float) -> bool:
    number = isinstance(seen, int | float) and not isinstance(seen, bool)
    return number and abs(float(seen) - wanted) <= tolerance  # type: ignore[arg-type]


def _same(seen: object, wanted: object) -> bool:
    return isinstance(seen, bool) == isinstance(wanted, bool) and seen == wanted
