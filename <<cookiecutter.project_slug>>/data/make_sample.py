"""Make the sample table: synthetic customers whose best possible score is known.

The label is drawn from a probability that depends only on what the table shows, missing cells included, so no model
can beat that probability and `--best` prints what it scores. README.md beside this file describes the process.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PROBLEM = "<< cookiecutter.problem_type >>"
PROBLEMS = ("classification", "regression")
TARGETS = {"classification": "churned", "regression": "yearly_value"}
LIST_PRICE = {"basic": 19.0, "plus": 39.0, "pro": 79.0}
NOISE = 90.0  # standard deviation of the yearly value around its expectation, in currency units
FIRST_DAY, DAYS = np.datetime64("2025-01-01"), 365


def sample(rows: int, seed: int, problem: str, *, drifted: bool = False) -> pd.DataFrame:
    """Return `rows` customers, oldest first, with the target of `problem` as the last column."""
    rng = np.random.default_rng(seed)
    frame = customers(rows, rng, drifted=drifted)
    if problem == "classification":
        target = (rng.random(rows) < churn_probability(frame)).astype(int)
    else:
        # Three uniforms: unit variance like a normal, but never beyond 3, so that the contract's limits always hold.
        noise = rng.uniform(-1, 1, (rows, 3)).sum(axis=1)
        target = (expected_value(frame) + NOISE * noise).round(2)
    return frame.assign(**{TARGETS[problem]: target})


def customers(rows: int, rng: np.random.Generator, *, drifted: bool = False) -> pd.DataFrame:
    """Return the feature columns; a drifted batch has other plans, less use and fewer answers, by the same rules."""
    day = FIRST_DAY + (np.sort(rng.integers(0, DAYS, rows)) + drifted * DAYS).astype("timedelta64[D]")
    plan = rng.choice(list(LIST_PRICE), rows, p=[0.25, 0.35, 0.40] if drifted else [0.50, 0.32, 0.18])
    auto_renew = rng.random(rows) < 0.65
    fee = pd.Series(plan).map(LIST_PRICE).to_numpy() * rng.uniform(0.8, 1.25, rows)
    hours = rng.gamma(2.0, 2.5 if drifted else 4.0, rows).clip(0, 100)
    satisfaction = rng.normal(6.8, 1.9, rows).clip(1, 10)
    return pd.DataFrame(
        {
            "customer_id": [f"C{number:06d}" for number in range(1, rows + 1)],
            "observed_on": day.astype(str),
            "region": rng.choice(["north", "south", "east", "west"], rows, p=[0.35, 0.30, 0.20, 0.15]),
            "plan": plan,
            "payment": _hide(rng.choice(["card", "invoice", "transfer"], rows, p=[0.6, 0.25, 0.15]), 0.02, rng),
            "auto_renew": np.where(auto_renew, "true", "false"),
            "tenure_months": rng.gamma(1.6, 16.0, rows).clip(0, 240).astype(int),
            "monthly_fee": _hide(fee.round(2), 0.03, rng),
            # No telemetry from people who uninstalled the app: missing means more than an average value would.
            "weekly_hours": _hide(hours.round(1), np.where(auto_renew, 0.06, 0.16), rng),
            "support_calls": rng.poisson(1.3, rows).clip(0, 30),
            "satisfaction": _hide(satisfaction.round(1), 0.27 if drifted else 0.15, rng),
        }
    )


def churn_probability(frame: pd.DataFrame) -> np.ndarray:
    """Return the probability that each customer leaves, between 0 and 1."""
    logit = (
        -2.75
        + frame["plan"].map({"basic": 0.5, "plus": 0.0, "pro": -0.6}).to_numpy(float)
        + frame["region"].map({"north": 0.0, "south": 0.1, "east": -0.1, "west": 0.3}).to_numpy(float)
        + np.where(frame["payment"].eq("transfer"), 0.5, 0.0)
        + np.where(frame["auto_renew"].eq("false"), 1.0, 0.0)
        - 0.035 * frame["tenure_months"].clip(upper=48)
        + 0.45 * frame["support_calls"].clip(upper=6)
        + np.where(frame["plan"].eq("basic") & frame["support_calls"].ge(3), 0.5, 0.0)
        + (0.05 * (frame["monthly_fee"] - frame["plan"].map(LIST_PRICE).astype(float))).fillna(0.0)
        + (-0.16 * (frame["weekly_hours"] - 8.0)).fillna(0.9)
        + (-0.55 * (frame["satisfaction"] - 6.8)).fillna(0.5)
    )
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def expected_value(frame: pd.DataFrame) -> np.ndarray:
    """Return the expected value of each customer's next year, in currency units: fees kept, less calls answered."""
    fee = frame["monthly_fee"].fillna(frame["plan"].map(LIST_PRICE).astype(float))
    return np.asarray(12.0 * fee * (1.0 - 0.6 * churn_probability(frame)) - 12.0 * frame["support_calls"])


def best(problem: str, rows: int = 100_000) -> tuple[str, float]:
    """Return the metric and the highest value that any model can expect of it."""
    frame = customers(rows, np.random.default_rng(0))
    if problem == "classification":
        return "roc_auc", _expected_auc(churn_probability(frame))
    signal = float(expected_value(frame).var())
    return "r2", signal / (signal + NOISE**2)


def _expected_auc(probability: np.ndarray) -> float:
    """Return P(score of a leaver > score of a stayer) when the score is the true probability (no ties)."""
    p = np.sort(probability)
    stayers_below = np.cumsum(1.0 - p) - (1.0 - p)
    return float((p * stayers_below).sum() / (p.sum() * (1.0 - p).sum() - (p * (1.0 - p)).sum()))


def _hide(values: np.ndarray, share: float | np.ndarray, rng: np.random.Generator) -> pd.Series:
    return pd.Series(values).mask(rng.random(len(values)) < share)


# What `--corrupted` breaks: rule -> (column, rows, what it writes there).
CORRUPTIONS: Mapping[str, tuple[str, int, Callable[[pd.Series], Any]]] = {
    "minimum": ("monthly_fee", 20, lambda _: -5.0),
    "maximum": ("satisfaction", 8, lambda _: 99.0),
    "enum": ("plan", 15, lambda _: "platinum"),
    "type": ("support_calls", 10, lambda _: "many"),
    "null": ("region", 12, lambda _: None),
    "format": ("observed_on", 4, lambda _: "2025-02-30"),
    "pattern": ("customer_id", 3, lambda column: "customer " + column.str.slice(1)),
    "unique": ("customer_id", 6, lambda column: column.iloc[0]),
}


def corrupt(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return `frame` with each of CORRUPTIONS in rows of its own, chosen by `seed` (the first row stays whole)."""
    broken = frame.astype(object)
    rows = np.random.default_rng([seed, 1]).permutation(np.arange(1, len(frame)))
    for column, count, write in CORRUPTIONS.values():
        chosen, rows = rows[:count], rows[count:]
        broken.loc[chosen, column] = write(frame[column])
    return broken


def main(argv: Sequence[str] | None = None) -> int:
    """Write the table that the options describe, or print the best possible score."""
    options = _parser().parse_args(argv)
    if options.best:
        print("{} {:.3f}".format(*best(options.problem)))
        return 0
    frame = sample(options.rows, options.seed, options.problem, drifted=options.drifted)
    if options.corrupted:
        frame = corrupt(frame, options.seed)
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(options.out, index=False, lineterminator="\n")
    except OSError as error:
        print(f"error: {options.out}: cannot be written ({error.strerror or error})", file=sys.stderr)
        return 2
    print(f"{options.out}: {len(frame)} rows")
    return 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description="Make the sample table.", allow_abbrev=False)
    made.add_argument("--rows", type=_rows, default=5000, metavar="N", help="[%(default)s]")
    made.add_argument("--seed", type=int, default=7, metavar="S", help="[%(default)s]")
    made.add_argument("--problem", choices=PROBLEMS, default=PROBLEM, help="which target [%(default)s]")
    made.add_argument("--out", type=Path, default=Path(__file__).with_name("customers.csv"), metavar="PATH")
    kind = made.add_mutually_exclusive_group()
    kind.add_argument("--drifted", action="store_true", help="valid rows of a later year that behaves otherwise")
    kind.add_argument("--corrupted", action="store_true", help="rows that break the contract in several named ways")
    kind.add_argument("--best", action="store_true", help="only print the best score that any model can reach")
    return made


def _rows(text: str) -> int:
    smallest = 1 + sum(count for _, count, _ in CORRUPTIONS.values())
    rows = int(text)
    if rows < smallest:
        raise argparse.ArgumentTypeError(f"{rows} is too few, wanted at least {smallest}")
    return rows


if __name__ == "__main__":
    sys.exit(main())
