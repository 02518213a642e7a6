"""What GitHub refuses is refused with its reason; what is not modelled fails the test."""

from __future__ import annotations

import pytest

from .conftest import FIXTURES, Start
from .runner import RunnerError, events
from .runner.actions import MODELS
from .runner.events import Event
from .runner.matrix import expand
from .runner.pins import load_pins
from .runner.runner import Runner
from .runner.triggers import matches

CASES = sorted(path.name for path in (FIXTURES / "refused").iterdir())


def refusal(runner: Runner, event: Event) -> str:
    """Return why a run failed to start or to go on, or what the runner raised."""
    try:
        run = runner.trigger(event)["refused.yml"]
        return " ".join([run.message, *(job.message for job in run.jobs.values())])
    except RunnerError as error:
        return str(error)


@pytest.mark.parametrize("case", CASES)
def test_a_bad_workflow_is_refused_with_its_reason(begin: Start, case: str) -> None:
    """Each folder of `refused` holds the expected message beside the workflow."""
    runner = begin(f"refused/{case}")
    expected = (FIXTURES / "refused" / case / "expected.txt").read_text().strip()
    assert expected in refusal(runner, events.push(runner.hub))


def test_every_pinned_action_has_a_model() -> None:
    """The list of pins and the models name the same actions."""
    assert set(load_pins()) == set(MODELS)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("main", "main", True),
        ("release/*", "release/a/b", False),
        ("release/**", "release/a/b", True),
        ("**.md", "docs/a.md", True),
        ("v[0-9].x", "v1.x", True),
        ("v1.x", "v11x", False),
        ("jsx?", "js", True),
        ("**/k8s/**", "k8s/base/a.yaml", True),
    ],
)
def test_filter_patterns(pattern: str, name: str, expected: bool) -> None:
    """Stars stop at a slash, two stars do not; `?` repeats the character before it."""
    assert matches([pattern], name) is expected


def test_the_last_matching_pattern_decides() -> None:
    """An exclusion can be taken back by a later pattern."""
    assert not matches(["src/**", "!src/docs/**"], "src/docs/a")
    assert matches(["src/**", "!src/docs/**", "src/docs/a"], "src/docs/a")


def test_a_matrix_of_includes_only_is_a_list_of_combinations() -> None:
    """Without axes every entry stands by itself."""
    assert expand("job", {"matrix": {"include": [{"a": 1}, {"a": 2}]}}) == [{"a": 1}, {"a": 2}]
