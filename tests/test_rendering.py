"""Every combination of options gives the same tree of well-formed files."""

from __future__ import annotations

import ast
import itertools
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml

from hooks.post_gen_project import VARIANTS

from .conftest import QUESTIONS, ROOT, files, render

GENERATED = ROOT / "<<cookiecutter.project_slug>>"
OPTIONS = {name: choices for name, choices in QUESTIONS.items() if isinstance(choices, list) and name[0] != "_"}

# Licence and version of Python decide lines that nothing else decides, so that a few pairs of them tell nearly all.
PAIRS = list(itertools.product(OPTIONS["license"], OPTIONS["python_version"]))
QUICK_PAIRS = list(zip(OPTIONS["license"], OPTIONS["python_version"], strict=True))
EXPRESSION = re.compile(r"<<.*>>|<%.*%>|<#.*#>")


@cache
def parse(suffix: str, text: str) -> None:
    """Raise when `text` is not what its suffix promises; equal files of several renders are read once."""
    match suffix:
        case ".py":
            ast.parse(text)
        case ".json":
            json.loads(text)
        case ".toml":
            tomllib.loads(text)
        case ".yml" | ".yaml":
            list(yaml.safe_load_all(text))


def expected_files(package: str, answers: Mapping[str, object]) -> list[Path]:
    """Return the exact list of files of a project; a line may end in the choice that brings it, `NAME=CHOICE`."""
    listed = (Path(__file__).parent / "generated_files.txt").read_text(encoding="utf-8").splitlines()
    chosen = {f"{question}={choice}" for question, choice in answers.items()}
    lines = [line.replace("PACKAGE", package).split(" ") for line in listed]
    return sorted(Path(name) for name, *conditions in lines if chosen.issuperset(conditions))


@pytest.mark.parametrize(
    ("licence", "python_version"),
    [pytest.param(*pair, marks=[] if pair in QUICK_PAIRS else [pytest.mark.slow]) for pair in PAIRS],
)
def test_every_combination_of_options_gives_the_exact_list_of_well_formed_files(
    licence: str, python_version: str, tmp_path: Path
) -> None:
    others = {name: choices for name, choices in OPTIONS.items() if name not in ("license", "python_version")}
    for combination in itertools.product(*others.values()):
        answers = dict(zip(others, combination, strict=True))
        project = render(tmp_path, license=licence, python_version=python_version, **answers)
        assert files(project) == expected_files("customer_churn", answers), answers
        for path in files(project):
            text = (project / path).read_text(encoding="utf-8")
            assert path.suffix == ".csv" or not EXPRESSION.search(text), f"{path} keeps an expression with {answers}"
            assert text or path.suffix in (".typed", ".py"), f"{path} is empty with {answers}"
            parse(path.suffix, text)
        shutil.rmtree(project)


def test_no_file_keeps_a_word_of_the_template(tmp_path: Path) -> None:
    """Copied folders are filled with plain answers only: an expression of any other kind would stay."""
    project = render(tmp_path, package_name="some_name", project_slug="some-slug")
    for path in files(project):
        assert path.name == ".template.json" or b"cookiecutter." not in (project / path).read_bytes(), path


def test_every_pattern_of_copied_files_still_matches_something() -> None:
    assert [pattern for pattern in QUESTIONS["_copy_without_render"] if not list(GENERATED.glob(pattern))] == []


def test_the_hook_knows_every_choice_and_every_file_that_has_variants() -> None:
    assert {question: sorted(choices) for question, (choices, _) in VARIANTS.items()} == {
        question: sorted(QUESTIONS[question]) for question in VARIANTS
    }
    for choices, names in VARIANTS.values():
        ends = re.compile(rf"\.({'|'.join(map(re.escape, choices))})(?=\.|$)")
        found = {ends.sub(".*", str(path)) for path in files(GENERATED)}
        assert {name for name in found if ".*" in name} == set(names)


def test_every_question_has_a_prompt_and_every_choice_a_label() -> None:
    asked = {name: value for name, value in QUESTIONS.items() if not name.startswith("_")}
    prompts = QUESTIONS["__prompts__"]
    assert list(prompts) == list(asked)
    assert len(asked) <= 14
    labels = {name: list(value)[1:] for name, value in prompts.items() if isinstance(value, dict)}
    assert labels == {name: value for name, value in asked.items() if isinstance(value, list)}


@pytest.mark.parametrize(
    ("licence", "identifier", "words"),
    [
        ("MIT", "MIT", "MIT License\n\nCopyright (c) Ada Lovelace\n"),
        ("Apache-2.0", "Apache-2.0", "Apache License\n"),
        ("BSD-3-Clause", "BSD-3-Clause", "BSD 3-Clause License\n\nCopyright (c) Ada Lovelace\n"),
        ("Proprietary", "LicenseRef-Proprietary", "Copyright (c) Ada Lovelace. All rights reserved.\n"),
    ],
    ids=OPTIONS["license"],
)
def test_the_licence_is_the_chosen_one_in_file_and_metadata(
    licence: str, identifier: str, words: str, tmp_path: Path
) -> None:
    project = render(tmp_path, license=licence)
    assert words in (project / "LICENSE").read_text(encoding="utf-8")
    assert tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"] == identifier


@pytest.mark.parametrize(
    ("problem_type", "numeric"), [("classification", False), ("regression", True)], ids=OPTIONS["problem_type"]
)
def test_the_sample_contract_is_of_the_chosen_problem(problem_type: str, numeric: bool, tmp_path: Path) -> None:
    project = render(tmp_path, problem_type=problem_type)
    columns = json.loads((project / "contract/data.schema.json").read_text(encoding="utf-8"))["properties"]
    header = (project / "data/customers.csv").read_text(encoding="utf-8").splitlines()[0]
    assert list(columns) == header.split(","), "tests of the sample are left out for another table"
    schema = json.loads((project / "contract/data.schema.json").read_text(encoding="utf-8"))
    (target,) = (column for column in schema["properties"].values() if column["x-role"] == "target")
    assert ("enum" not in target) is numeric


def test_the_chosen_python_is_the_one_that_setup_looks_for(tmp_path: Path) -> None:
    project = render(tmp_path, python_version="3.12")
    assert "PYTHON ?= 3.12\n" in (project / "Makefile").read_text(encoding="utf-8")


def test_everything_that_the_project_imports_is_asked_for_by_name(tmp_path: Path) -> None:
    project = render(tmp_path)
    lists = [path for path in (project / "requirements").glob("*.in") if path.name != "dev.in"]
    lines = [line for path in lists for line in path.read_text(encoding="utf-8").splitlines()]
    asked = {re.split(r"[<=>\[;#\s]", line)[0].removesuffix("-skinny").replace("-", "_") for line in lines}
    imported = {
        name.partition(".")[0]
        for folder in ("src", "scripts", "data")
        for path in (project / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in imports(node)
    }
    own = {"customer_churn", *(path.stem for path in (project / "scripts").iterdir())}
    names = {"sklearn": "scikit_learn"}
    wanted = {names.get(name, name) for name in imported - sys.stdlib_module_names - own}
    assert wanted - asked == set()


def imports(node: ast.AST) -> list[str]:
    """Return the absolute names that a statement imports from."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
