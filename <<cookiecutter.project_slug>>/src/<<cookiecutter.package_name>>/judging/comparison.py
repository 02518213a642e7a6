"""The model in production on the same rows, and what to say when it cannot answer for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pandas as pd
from sklearn.pipeline import Pipeline

from ..contracts.contract import Contract
from ..errors import PipelineError
from ..learning import outcomes
from ..learning.metrics import Floats
from . import bootstrap
from .bootstrap import Estimate, Scores


@dataclass(frozen=True)
class Champion:
    """The model in production; without a `pipeline` it cannot be compared, and `reason` says why.

    `notice` tells what speaks against the comparison, such as rows that it knows from its training.
    """

    version: str
    contract_version: str
    pipeline: Pipeline | None
    reason: str = ""
    notice: str = ""


@dataclass(frozen=True)
class Comparison:
    """How the champion did on the same rows, and what differs; both are empty unless `status` is compared."""

    status: Literal["none", "compared", "incomparable"]
    version: str | None = None
    contract_version: str | None = None
    reason: str = ""
    notice: str = ""
    metrics: Mapping[str, Estimate] = field(default_factory=dict)
    difference: Mapping[str, Estimate] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the comparison for a JSON report."""
        return vars(self) | {
            "metrics": bootstrap.documents(self.metrics),
            "difference": bootstrap.documents(self.difference),
        }


def predictions(champion: Champion | None, frame: pd.DataFrame, contract: Contract) -> tuple[Floats | None, str]:
    """Return what the champion says about the rows of `frame`, or None and the reason why it cannot say anything."""
    if champion is None or champion.pipeline is None:
        return None, champion.reason if champion else ""
    try:
        return outcomes.predict(champion.pipeline, frame, contract), ""
    except (PipelineError, ValueError, TypeError, AttributeError) as error:
        # The champion belongs to another contract: other columns, other types, another kind of answer.
        return None, " ".join(str(error).split())


def compare(
    champion: Champion | None, reason: str, ours: Scores, theirs: Scores | None, confidence: float
) -> Comparison:
    """Return how the champion did and how far the model is from it, resample by resample."""
    if champion is None:
        return Comparison("none")
    about = Comparison("incomparable", champion.version, champion.contract_version, reason)
    if theirs is None:
        return about
    metrics, difference = theirs.estimates(confidence), ours.minus(theirs).estimates(confidence)
    return replace(about, status="compared", notice=champion.notice, metrics=metrics, difference=difference)
