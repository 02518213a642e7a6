"""The generated workflows are clean for every answer that changes them."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from ..conftest import QUESTIONS, render
from .lint import LINTERS, parser
from .policy import Repository, unknown_options, violations
from .runner import Engine

# The choices that change a file below .github, and texts as hostile as the questions accept.
CHOICES = {name: QUESTIONS[name] for name in ("python_version", "cluster_credentials")}
TEXTS = {
    "github_owner": "a-1",
    "retraining_cron": "*/59 0,12 1-31/2 * MON-FRI",
    "project_name": 'Łukasz\' "Value" & co',
}
# No file depends on two of them, so each is tried beside the defaults.
COMBINATIONS = [{name: value} for name, values in CHOICES.items() for value in values]


def answers(combination: dict[str, str]) -> str:
    """Name a combination."""
    return " ".join(combination.values())


@pytest.fixture(scope="module", params=[*COMBINATIONS, TEXTS], ids=[*map(answers, COMBINATIONS), "texts"])
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a rendered project."""
    return Repository(render(tmp_path_factory.mktemp("rendered"), **request.param))


def test_github_accepts_every_file(repository: Repository, engine: Engine) -> None:
    assert parser(repository, engine) == []


@pytest.mark.parametrize("linter", LINTERS)
def test_no_linter_finds_anything(repository: Repository, linter: str) -> None:
    assert LINTERS[linter](repository) == []


# Among the rules: full commits of the pin list, time limits and permissions of every job, at most five lines in a run.
def test_no_house_rule_is_broken(repository: Repository) -> None:
    assert violations(repository) == []


def test_scripts_in_workflows_have_one_line_at_the_median(repository: Repository) -> None:
    assert statistics.median(len(step.run.splitlines()) for step in repository.steps() if step.run) == 1


def test_options_in_scripts_are_known(project: Path, interpreter: Path) -> None:
    assert list(unknown_options(Repository(project), interpreter)) == []


def test_no_other_choice_changes_the_workflows(tmp_path: Path) -> None:
    before = contents(render(tmp_path / "default"))
    for name, choices in QUESTIONS.items():
        if isinstance(choices, list) and not name.startswith("_") and name not in CHOICES:
            for choice in choices[1:]:
                changed = contents(render(tmp_path / f"{name} {choice}".replace("/", "-"), **{name: choice}))
                assert changed == before, f"{name} changes .github: name it in CHOICES"


def contents(project: Path) -> dict[str, str]:
    """Return the files below .github."""
    found = (path for path in (project / ".github").rglob("*") if path.is_file())
    return {str(path.relative_to(project)): path.read_text() for path in found}
