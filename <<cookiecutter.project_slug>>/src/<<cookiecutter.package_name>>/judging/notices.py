"""What the reader of a result should know besides: few rows to judge by, or rows that the champion knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..contracts.contract import Contract
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


def strange_values(holdout: pd.DataFrame, champions: Contract) -> str:
    """Say in how many rows the champion meets a category that its own contract, `champions`, does not know."""
    strange = pd.Series(data=False, index=holdout.index)
    columns = []
    for name in champions.categorical_features:
        known = [value for value in champions[name].categories or () if isinstance(value, str)]
        if known and name in holdout:
            odd = holdout[name].notna() & ~holdout[name].isin(known)
            strange |= odd
            columns += [repr(name)] if odd.any() else []
    if not columns:
        return ""
    return (
        f"the champion's own contract refuses {int(strange.sum())} of the {len(holdout)} held-out rows "
        f"({', '.join(columns[:SHOWN])}{' …' if len(columns) > SHOWN else ''}): it never saw these categories, "
        "and the comparison flatters the new model"
    )


def seen_rows(then: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    """Say that a model split off as `then` may have learned from rows that are held out as `now`.

    Both are what `versions.split` says, `then` None when it is unknown. Returns nothing when the model learned from
    none of these rows.
    """
    if then is None or "identity" not in then:
        return "the champion may have seen part of these rows in training: its split was not recorded"
    if then["method"] != now["method"]:
        return _seen(then)
    return _by_time(then, now) if now["method"] == "time" else _by_key(then, now)


def _by_key(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Compare two random splits: a row stays on its side as long as the seed and what its key is made of do."""
    # Versions of earlier releases do not note the kinds.
    if any(then.get(name, now[name]) != now[name] for name in ("identity", "kinds")):
        return (
            "the champion may have seen part of these rows in training (a random split goes by the ids, or without ids "
            "by all columns, and these are others today or read otherwise), which flatters it"
        )
    return "" if then["seed"] == now["seed"] and now["holdout"] <= then["holdout"] else _seen(then)


def _by_time(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Compare two splits by time: in another table the same share ends elsewhere, and only the times tell where."""
    until, since = then.get("learned_until"), now.get("held_since")
    if then.get("ordered_by", now.get("ordered_by")) != now.get("ordered_by"):
        return _seen(then)
    if then["data"] == now["data"]:
        return "" if now["holdout"] <= then["holdout"] else _seen(then)
    if until is None or since is None:
        return (
            "the champion may have seen part of these rows in training: the table has changed, and until which time "
            "the champion learned was not recorded"
        )
    if since > until:
        return ""
    return (
        f"the champion may have seen part of these rows in training: it learned from rows until {until}, and rows "
        f"since {since} are held out, which flatters it"
    )


def _seen(then: Mapping[str, Any]) -> str:
    split = f"seed {then['seed']}, hold-out {then['holdout']}" + (" by time" if then["method"] == "time" else "")
    return f"the champion saw part of these rows in training ({split}), which flatters it"
