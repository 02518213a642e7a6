from __future__ import annotations

from typing import Any

import pytest
from check_champion import problems
from delivery.records import Pinned
from delivery.release import State

IMAGE = "ghcr.io/acme/churn@sha256:" + "a" * 64


def running(version: str | None) -> State:
    return State(image=IMAGE, verified=Pinned(IMAGE, version), applied=Pinned(IMAGE, version))


def model(compared_with: str | None) -> dict[str, Any]:
    return {"identity": {"version": "1.2.0"}, "performance": {"champion": {"version": compared_with}}}


@pytest.mark.parametrize(
    ("state", "compared_with"),
    [(State(), None), (State(), "1.0.0"), (running("1.1.0"), "1.1.0"), (running("1.2.0"), "1.0.0")],
    ids=["nothing runs", "nothing runs yet", "the champion runs", "it runs already"],
)
def test_a_model_that_was_compared_with_what_runs_may_follow(state: State, compared_with: str | None) -> None:
    assert problems(state, model(compared_with)) == []


@pytest.mark.parametrize(
    ("version", "compared_with", "words"),
    [
        ("1.1.0", "1.0.0", "compared with 1.0.0, and 1.1.0 runs"),
        ("1.1.0", None, "compared with none, and 1.1.0 runs"),
        (None, "1.0.0", "compared with 1.0.0, and an unknown model runs"),
        (None, None, "compared with none, and an unknown model runs"),
    ],
)
def test_a_model_that_was_compared_with_another_may_not(
    version: str | None, compared_with: str | None, words: str
) -> None:
    (problem,) = problems(running(version), model(compared_with))
    assert words in problem


def test_a_model_that_says_nothing_of_a_champion_may_not() -> None:
    assert len(problems(running("1.1.0"), {"identity": {"version": "1.2.0"}})) == 1
