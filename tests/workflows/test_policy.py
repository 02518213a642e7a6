"""Every check passes on a good repository and fails, with its own message, on one bad change to it."""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from .conftest import FIXTURES
from .policy import CHECKS, Repository, unknown_options, violations

CASES = tomllib.loads((FIXTURES / "bad_changes.toml").read_text())
STAGE = "workflows/stage.yml"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Return a copy of the good repository."""
    folder = tmp_path / "good"
    shutil.copytree(FIXTURES / "good", folder)
    return folder


def change(root: Path, file: str, old: str, new: str) -> Repository:
    """Make one bad change."""
    path = root / ".github" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return Repository(root)


def test_a_good_repository_has_no_violation(good: Path) -> None:
    """The checks agree with each other."""
    assert violations(Repository(good)) == []


@pytest.mark.parametrize("name", CASES)
def test_a_bad_change_is_found(good: Path, name: str) -> None:
    """The message and the place are those of the check that is meant."""
    case = CASES[name]
    found = violations(change(good, case["file"], case["old"], case["new"]))
    message = next(check.__doc__ for check in CHECKS if check.__name__ == case["check"])
    assert any(line.startswith(f"{message}: ") and case["place"] in line for line in found), found


def test_every_check_has_a_bad_change() -> None:
    """A check that was never seen to fail is no check."""
    assert {case["check"] for case in CASES.values()} == {check.__name__ for check in CHECKS}


def test_options_are_held_against_the_help_of_the_script(good: Path) -> None:
    """Only those that `--help` shows pass."""
    python = Path(sys.executable)
    assert list(unknown_options(Repository(good), python)) == []
    bad = change(good, STAGE, "--data ", "--date ")
    (found,) = unknown_options(bad, python)
    assert found.endswith("step 'Report': scripts/report.py --date")
