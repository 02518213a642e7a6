"""What the documents tell people to run exists, and what exists is told."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT, render

PROJECT = "<<cookiecutter.project_slug>>"
DOCUMENTS = ("README.md", "CONTRIBUTING.md")


@pytest.fixture(params=["template", "project"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the template's own repository or a generated one."""
    return ROOT if request.param == "template" else render(tmp_path)


def words(repository: Path) -> str:
    """Return everything that the documents of `repository` say."""
    return "\n".join((repository / name).read_text(encoding="utf-8") for name in DOCUMENTS)


def targets(repository: Path) -> set[str]:
    """Return the commands that `make help` lists."""
    listing = subprocess.run(["make", "-s", "help"], cwd=repository, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  make ([a-z-]+)", listing, re.MULTILINE))


def test_every_command_that_is_told_exists(repository: Path) -> None:
    told = set(re.findall(r"(?:`|\$ |&& )make ([a-z-]+)", words(repository)))
    known = targets(repository) | targets_of_both(repository)
    assert told
    assert told - known == set()


def targets_of_both(repository: Path) -> set[str]:
    """Return the generated project's commands too when the template's documents speak of them."""
    text = (ROOT / PROJECT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE)) if repository == ROOT else set()


def test_every_everyday_command_is_told(tmp_path: Path) -> None:
    project = render(tmp_path)
    told = set(re.findall(r"^\| `make ([a-z-]+)`", words(project), re.MULTILINE))
    assert told == targets(project) - {"help"}


def test_every_target_is_listed_with_its_text(repository: Path) -> None:
    declared = re.search(r"^\.PHONY: (.+)$", (repository / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert declared is not None
    assert targets(repository) == set(declared[1].split())


def test_every_file_that_the_generated_documents_name_exists(tmp_path: Path) -> None:
    project = render(tmp_path)
    names = ("report.html", "gate.json", "deployment.json", "canary.json", "serving")
    written_by_runs = {f"artifacts/{name}" for name in names}
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_.]*[a-z_])`", words(project)))
    assert {name for name in named - written_by_runs if not (project / name).exists()} == set()


def test_both_readmes_draw_the_same_pipeline() -> None:
    readmes = [(folder / "README.md").read_text(encoding="utf-8") for folder in (ROOT, ROOT / PROJECT)]
    drawn = [re.findall(r"^```mermaid\n(.+?)^```$", text, re.MULTILINE | re.DOTALL) for text in readmes]
    assert len(drawn[0]) == 1
    assert drawn[0] == drawn[1]


def test_links_between_documents_lead_somewhere(repository: Path) -> None:
    links = set(re.findall(r"\]\((?!https?:)([^)#]+)\)", words(repository)))
    assert links
    assert {link for link in links if not (repository / link).exists()} == set()
