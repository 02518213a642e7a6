"""Generated projects are used as people use them: installed, checked, run, compared and made to refuse."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from hooks.answers import TAKEN

from .conftest import ROOT, render

REPRESENTATIVES: dict[str, dict[str, str]] = {
    "default": {},
    "regression": {
        "project_name": 'Łukasz\' "Value" & co',
        "project_slug": "v",
        "description": "Says how much; costs $3, {{ more }} or 100 %.",
        "author_name": "Conan O'Brien",
        "problem_type": "regression",
        "license": "Proprietary",
        "python_version": "3.12",
        "cluster_credentials": "aws",
        "traffic_split": "gateway-api",
    },
    "oldest": {
        "license": "Apache-2.0",
        "python_version": "3.11",
        "cluster_credentials": "gcp",
        "package_name": "a" * 40,
    },
    "newest": {
        "problem_type": "regression",
        "license": "BSD-3-Clause",
        "python_version": "3.14",
        "cluster_credentials": "azure",
    },
}
QUICK = ("default",)
UNMEASURED = "--no-cov -W ignore::pytest_cov.CovDisabledWarning"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            answers, id=name, marks=[pytest.mark.xdist_group(name), *([] if name in QUICK else [pytest.mark.slow])]
        )
        for name, answers in REPRESENTATIVES.items()
    ],
)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a generated project that `make setup` has installed."""
    into = str(tmp_path_factory.mktemp("generated"))
    made = Path(cookiecutter(str(ROOT), no_input=True, output_dir=into, extra_context=request.param))
    assert run(made, "make", "setup") == 0
    return made


def run(project: Path, *command: str, **variables: str) -> int:
    """Run a command as from a terminal in `project` and return its exit code; pytest shows what it prints."""
    ours = ("PYTEST_", "PYTHON", "MAKE", "MFLAGS", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment["PYTEST_XDIST_AUTO_NUM_WORKERS"] = "0"  # the other core has tests of the template to run
    environment["PYTEST_DEBUG_TEMPROOT"] = str(project.parent)  # else it would tidy the folders of this run away
    environment |= variables
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    print(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}(exit {done.returncode})")
    return done.returncode


def read(project: Path, artifact: str) -> dict[str, object]:
    """Return a JSON file that a step wrote."""
    return dict(json.loads((project / "artifacts" / artifact).read_text(encoding="utf-8")))


def versions(project: Path) -> int:
    """Return how many model versions the project's registry holds."""
    with closing(sqlite3.connect(project / "mlflow.db")) as registry:
        return int(registry.execute("select count(*) from model_versions").fetchone()[0])


def test_check_passes(project: Path, request: pytest.FixtureRequest) -> None:
    # Coverage hardly depends on the answers and takes a third of the time, so that it is measured once.
    variables = {} if request.node.callspec.id in QUICK else {"PYTEST_ADDOPTS": UNMEASURED}
    assert run(project, "make", "check", **variables) == 0


def test_a_second_setup_finds_nothing_to_do(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "make", "setup") == 0
    assert ".venv is up to date" in capsys.readouterr().out


def test_the_pipeline_accepts_compares_and_refuses(project: Path, tmp_path: Path) -> None:
    assert run(project, "make", "pipeline") == 0
    assert read(project, "gate.json")["promote"] is True
    assert run(project, "make", "promote") == 0

    assert run(project, "make", "pipeline") == 0
    champion = read(project, "metrics.json")["champion"]
    assert isinstance(champion, dict)
    assert champion["status"] == "compared"
    accepted = versions(project)

    corrupted = str(tmp_path / "corrupted.csv")
    assert run(project, ".venv/bin/python", "data/make_sample.py", "--corrupted", "--out", corrupted) == 0
    assert run(project, ".venv/bin/python", "scripts/pipeline.py", "--data", corrupted) == 1
    assert read(project, "data-report.json")["valid"] is False

    settings = (project / "config/pipeline.toml").read_text(encoding="utf-8")
    baseline = re.sub(r'(?m)^estimator = "\w+"', 'estimator = "baseline"', settings)
    (project / "config/baseline.toml").write_text(baseline, encoding="utf-8")
    assert run(project, ".venv/bin/python", "scripts/pipeline.py", "--config", "config/baseline.toml") == 1
    (project / "config/baseline.toml").unlink()
    assert read(project, "gate.json")["promote"] is False
    assert versions(project) == accepted

    assert run(project, "make", "predict", "OUT=artifacts/predictions.csv") == 0
    assert run(project, "make", "compare") == 0
    assert run(project, "make", "report") == 0
    assert (project / "artifacts/report.html").stat().st_size > 10_000
    assert subprocess.run(["git", "status", "--porcelain"], cwd=project, capture_output=True, check=True).stdout == b""


def test_names_that_the_installed_libraries_import_are_refused_as_package_names(project: Path) -> None:
    listing = "from importlib.metadata import packages_distributions; print(*packages_distributions())"
    command = [".venv/bin/python", "-c", listing]
    names = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout.split()
    usable = {name for name in names if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)}
    own = json.loads((project / ".template.json").read_text(encoding="utf-8"))["package_name"]
    assert usable - TAKEN - {own} == set()


def test_before_setup_the_commands_say_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(render(tmp_path), "make", "check") != 0
    assert "error: .venv/bin/python not found; run 'make setup' first\n" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["a b.csv", "it's.csv", '"$HOME`id`.csv', "data/*.csv", "--help"])
def test_a_path_reaches_the_script_as_it_was_typed(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = render(tmp_path)
    shown = project / "bin" / "python"
    shown.parent.mkdir()
    shown.write_text('#!/bin/sh\nprintf "[%s]" "$@"\n', encoding="utf-8")
    shown.chmod(0o755)
    assert run(project, "make", "pipeline", "BIN=bin", f"DATA={path.replace('$', '$$')}") == 0
    assert f"[scripts/pipeline.py][--data][{path}]" in capsys.readouterr().out


@pytest.mark.parametrize("package_name", ["a", "zz", "a" * 40], ids=["shortest", "last", "longest"])
@pytest.mark.parametrize("command", [["format", "--check"], ["check"]], ids=["format", "lint"])
def test_code_is_clean_whatever_the_package_is_called(command: list[str], package_name: str, tmp_path: Path) -> None:
    project = render(tmp_path, package_name=package_name)
    ruff = Path(sys.executable).with_name("ruff")
    checked = subprocess.run([ruff, *command, "."], cwd=project, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
