"""What the reader of a result should know besides: few rows to judge by, or rows that the champion knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..config import Config
from ..contracts.contract import Contract
from ..dataset.splitting import identity
from ..learning import outcomes

LEAST_ROWS = 30
LEAST_OF_CLASS = 10
SHOWN = 3
WIDE = "so that intervals are wide and chance decides much; add rows, or raise split.holdout"


def few_rows(holdout: pd.DataFrame, contract: Contract) -> Iterator[str]:
    """Say what is scarce in the rows that a model is judged by."""
    if len(holdout) < LEAST_ROWS:
        yield f"only {len(holdout)} rows are held out, {WIDE}"
    yield from _repeated_ids(holdout, contract)
    if contract.problem == "regression":
        return
    labels = outcomes.labels(contract)
    counts = np.bincount(outcomes.codes(holdout, contract), minlength=len(labels)).tolist()
    scarce = [f"{count} of {label!r}" for label, count in zip(labels, counts, strict=True) if count < LEAST_OF_CLASS]
    if scarce:
        shown = ", ".join(scarce[:SHOWN]) + (f" and {len(scarce) - SHOWN} more" if len(scarce) > SHOWN else "")
        yield f"the held-out rows hold few of a class ({shown}), {WIDE}"


def _repeated_ids(holdout: pd.DataFrame, contract: Contract) -> Iterator[str]:
    again = int(holdout.duplicated(list(contract.ids)).sum()) if contract.ids else 0
    if again:
        yield (
            f"the {len(holdout)} held-out rows share {len(holdout) - again} ids, and rows of one id are alike: "
            "intervals, which take rows for independent, are too narrow"
        )


def seen_rows(split: Mapping[str, Any] | None, config: Config, contract: Contract) -> str:
    """Say that a model split off by `split` (as `versions.origin` notes it) may have learned from held-out rows.

    Returns nothing when it has not: the same rows are held out today, or part of them. None means that the split is
    unknown.
    """
    if split is None or "identity" not in split:
        return "the champion may have seen part of these rows in training: its split was not recorded"
    plan = config.split
    if plan.method == split["method"] == "random" and split["identity"] != list(identity(contract)):
        return (
            "the champion saw part of these rows in training (a random split goes by the ids, or without ids by all "
            "columns, and these are others today), which flatters it"
        )
    same = split["method"] == plan.method and (plan.method == "time" or split["seed"] == config.seed)
    if same and plan.holdout <= split["holdout"]:
        return ""
    theirs = f"seed {split['seed']}, hold-out {split['holdout']}" + (" by time" if split["method"] == "time" else "")
    return f"the champion saw part of these rows in training ({theirs}), which flatters it"
