"""Which rows are held out: the same ones every time."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.contract import Column, Contract
from ..errors import DataError

SHOWN = 5  # rows named in an error
LEAST = 2  # rows of each class, and of each part of a split


class SplitPlan(Protocol):
    """How much of a table to hold out, and which rows."""

    @property
    def holdout(self) -> float:
        """Share of the rows, between 0 and 1."""

    @property
    def method(self) -> Literal["random", "time"]:
        """By chance, which keeps the classes' shares on average, or the newest rows."""


def split(frame: pd.DataFrame, contract: Contract, plan: SplitPlan, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows to train on and the rows held out, in the order of `frame` and with its index.

    The same frame, plan and seed give the same parts, and a random split keeps each row on its side when others come
    or go. Both parts hold every class. Raises DataError when the rows cannot carry the split.
    """
    _demand_rows(frame, contract)
    if plan.method == "time":
        held = _newest(frame, contract, plan.holdout)
    else:
        held = _drawn(frame, contract, plan.holdout, seed)
    train, holdout = frame[~held], frame[held]
    if min(len(train), len(holdout)) < LEAST:
        raise DataError(f"{len(frame)} rows split into {len(train)} and {len(holdout)}, wanted {LEAST} in each part")
    if contract.classes and plan.method == "time":
        _demand_classes(train[contract.target.name], contract, 1, "the older part of the table")
    return train, holdout


def _demand_rows(frame: pd.DataFrame, contract: Contract) -> None:
    target = frame[contract.target.name]
    if target.isna().any():
        rows = (np.flatnonzero(target.isna())[:SHOWN] + 1).tolist()
        raise DataError(f"column {target.name!r} (target) is empty in row {', '.join(map(str, rows))}")
    if contract.classes:
        _demand_classes(target, contract, LEAST, "the table")


def _demand_classes(target: pd.Series, contract: Contract, least: int, where: str) -> None:
    counts = [(label, int((target == label).sum())) for label in contract.classes]
    if few := [f"{label!r}: {count}" for label, count in counts if count < least]:
        raise DataError(
            f"too few rows of a class in column {target.name!r} of {where} ({', '.join(few)}), wanted {least} of each; "
            "collect more rows, or drop the class from the contract"
        )


def _newest(frame: pd.DataFrame, contract: Contract, share: float) -> NDArray[np.bool_]:
    if contract.timestamp is None:
        raise DataError(
            "a split by time needs a column with x-role 'timestamp'; add one or set split.method = \"random\""
        )
    order = np.argsort(frame[contract.timestamp.name].to_numpy(), kind="stable")
    held = np.zeros(len(frame), bool)
    held[order[len(frame) - _share(len(frame), share) :]] = True
    return held


def _drawn(frame: pd.DataFrame, contract: Contract, share: float, seed: int) -> NDArray[np.bool_]:
    """Hold out the rows whose key falls into the lowest `share` of all keys, and at least one row of each class.

    The key is the row's own, so a row that was held out stays held out when the table grows: a champion that learned
    from the smaller table is never asked for rows that it knows.
    """
    keys = _keys(frame, contract, seed)
    held: NDArray[np.bool_] = keys / 2.0**64 < share
    target = frame[contract.target.name].to_numpy()
    for rows in [np.flatnonzero(target == label) for label in contract.classes] or [np.arange(len(frame))]:
        if not held[rows].any():
            held[rows[int(np.argmin(keys[rows]))]] = True
        elif held[rows].all():
            held[rows[int(np.argmax(keys[rows]))]] = False
    return held


def identity(contract: Contract) -> tuple[str, ...]:
    """Return the columns that tell one row from another in a random split: the ids; without any, all that are read."""
    return contract.ids or contract.used


def kind(column: Column) -> str:
    """Return what the values of `column` are when a key is made of them: the same cell, read otherwise, has another."""
    if column.role == "timestamp":
        return "time"
    if column.numeric and column.role in {"feature", "target"}:
        return "number"
    types = {"number" if name == "integer" else name for name in column.types}
    return f"{' or '.join(sorted(types))} as text"


def limits(train: pd.DataFrame, holdout: pd.DataFrame, contract: Contract, plan: SplitPlan) -> dict[str, str]:
    """Return the column that a split by time goes by, the newest time learned from and the oldest held out.

    Times are ISO 8601 in UTC; a random split has no limits.
    """
    if plan.method != "time" or contract.timestamp is None:
        return {}
    name = contract.timestamp.name
    return {"ordered_by": name, "learned_until": _iso(train[name].max()), "held_since": _iso(holdout[name].min())}


def _iso(moment: pd.Timestamp) -> str:
    return moment.isoformat(timespec="microseconds")  # one width, so that texts compare like times


def _keys(frame: pd.DataFrame, contract: Contract, seed: int) -> NDArray[np.uint64]:
    """Return a number per row, evenly spread, that depends on `seed` and on the row's `identity`."""
    mixed = pd.util.hash_pandas_object(frame[list(identity(contract))], index=False).to_numpy(np.uint64)
    # SplitMix64 (Steele, Lea and Flood 2014) spreads every bit of the seed over the key.
    mixed = mixed + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _share(rows: int, share: float) -> int:
    """Return `share` of `rows`, rounded, but with at least one row on either side."""
    return min(max(int(rows * share + 0.5), 1), max(rows - 1, 0))
