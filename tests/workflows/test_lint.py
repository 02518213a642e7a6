"""The linters pass on a good repository and each finds what it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest

from .lint import LINTERS, parser
from .policy import Repository
from .runner import Engine
from .test_policy import STAGE, change, good

__all__ = ["good"]

BAD = {
    "zizmor": ("template-injection", "scripts/finish.sh", "echo ${{ github.head_ref }}"),
    "schema": ("'red' is not one of ['read', 'write', 'none']", "contents: read", "contents: red"),
    "yamllint": ("trailing-spaces", "name: stage\n", "name: stage \n"),
    "shellcheck": ("SC2086", '--data "$DATA"', "--data $DATA"),
}


def test_github_accepts_the_good_repository(good: Path, engine: Engine) -> None:
    """GitHub's own parser has no objection."""
    assert parser(Repository(good), engine) == []


def test_github_objects_to_a_misspelt_context(good: Path, engine: Engine) -> None:
    """The message has its line and column."""
    found = parser(change(good, STAGE, "vars.REPORT", "var.REPORT"), engine)
    assert any("(Line: 33, Col: 14): Unrecognized named-value: 'var'" in line for line in found), found


@pytest.mark.parametrize("name", LINTERS)
def test_a_linter_passes_the_good_repository(good: Path, name: str) -> None:
    """No finding, so that any finding is news."""
    assert LINTERS[name](Repository(good)) == []


@pytest.mark.parametrize("name", LINTERS)
def test_a_linter_finds_what_it_is_there_for(good: Path, name: str) -> None:
    """One bad change, one finding of the right kind."""
    expected, old, new = BAD[name]
    found = "\n".join(LINTERS[name](change(good, STAGE, old, new)))
    assert expected in found


def test_zizmor_does_not_pass_over_a_file_that_it_cannot_read(good: Path) -> None:
    """Without strict collection it would only warn."""
    assert LINTERS["zizmor"](change(good, STAGE, "uses: actions/checkout", "uses: [unfinished"))
