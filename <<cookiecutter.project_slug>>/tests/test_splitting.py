"""Rows held out for the judgement: the same ones every time, refused where they cannot carry it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from <<cookiecutter.package_name>>.dataset.splitting import split
from <<cookiecutter.package_name>>.errors import DataError

from tests.contracts import make_contract


@dataclass(frozen=True)
class Plan:
    """How to split."""

    holdout: float = 0.25
    method: Literal["random", "time"] = "random"


def make_frame(labels: list[Any], days: int = 100) -> pd.DataFrame:
    """Return a frame of the example contract with these labels, later rows being newer."""
    start = np.datetime64("2024-01-01T00:00:00.000000")
    times = [start + np.timedelta64(number % days, "D") for number in range(len(labels))]
    ids = [f"r{number}" for number in range(len(labels))]
    return pd.DataFrame({"id": ids, "fee": np.arange(float(len(labels))), "day": times, "won": labels})


@settings(max_examples=30, deadline=None)
@given(counts=st.tuples(st.integers(2, 60), st.integers(2, 60)), share=st.floats(0.05, 0.95), seed=st.integers(0, 9))
def test_a_random_split_is_repeatable_complete_and_keeps_the_shares(
    counts: tuple[int, int], share: float, seed: int
) -> None:
    frame = make_frame([0] * counts[0] + [1] * counts[1])
    train, holdout = split(frame, make_contract(), Plan(share), seed)
    again, _ = split(frame.copy(), make_contract(), Plan(share), seed)
    assert train.index.equals(again.index)
    assert sorted([*train.index, *holdout.index]) == list(frame.index)
    for label, count in enumerate(counts):
        held = int((holdout["won"] == label).sum())
        assert 1 <= held <= count - 1
        assert abs(held - count * share) <= 1 + 5 * (count * share * (1 - share)) ** 0.5


def test_a_row_that_was_held_out_stays_held_out_when_the_table_grows() -> None:
    grown = make_frame([0, 1] * 300)
    _, before = split(grown.iloc[100:400], make_contract(), Plan(), 7)
    train, after = split(grown, make_contract(), Plan(), 7)
    assert set(before.index) <= set(after.index)
    assert len(after) + len(train) == len(grown)


def test_another_seed_holds_out_other_rows() -> None:
    frame = make_frame([0, 1] * 50)
    parts = {tuple(split(frame, make_contract(), Plan(), seed)[1].index) for seed in range(5)}
    assert len(parts) == 5


def test_a_split_is_the_same_in_every_release() -> None:
    _, holdout = split(make_frame([0, 1] * 10), make_contract(), Plan(), 7)
    assert list(holdout.index) == [2, 10, 11, 17]


def test_a_split_by_time_holds_out_the_newest_rows() -> None:
    frame = make_frame([0, 1] * 10).iloc[::-1].reset_index(drop=True)
    train, holdout = split(frame, make_contract(), Plan(method="time"), 7)
    assert len(holdout) == 5 and holdout["day"].min() > train["day"].max()


@pytest.mark.parametrize(
    ("labels", "plan", "message"),
    [
        ([1] * 10, Plan(), r"too few rows of a class in column 'won' of the table \(0: 0\), wanted 2 of each"),
        ([1] * 9 + [0], Plan(), r"\(0: 1\), wanted 2 of each"),
        ([1, None, 0, 1, 0], Plan(), r"'won' \(target\) is empty in row 2"),
        ([1] * 15 + [0] * 5, Plan(method="time"), r"of the older part of the table \(0: 0\)"),
    ],
    ids=["single class", "lone row", "no label", "class only in the newest"],
)
def test_rows_that_cannot_carry_a_split_are_refused(labels: list[Any], plan: Plan, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(make_frame(labels), make_contract(), plan, 7)


def test_too_few_rows_for_two_parts_are_refused() -> None:
    contract = make_contract({"won": {"type": "number", "x-role": "target"}})
    with pytest.raises(DataError, match="3 rows split into . and ., wanted 2 in each part"):
        split(make_frame([1.0, 2.0, 3.0]), contract, Plan(), 7)


def test_a_split_by_time_needs_a_timestamp() -> None:
    with pytest.raises(DataError, match="needs a column with x-role 'timestamp'"):
        split(make_frame([0, 1] * 4), make_contract({"day": None}), Plan(method="time"), 7)
