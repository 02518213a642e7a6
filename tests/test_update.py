"""A generated project takes a newer template over as a merge, and keeps what its people changed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from .conftest import ROOT, Render
from .test_finishing import git

GENERATED = "<<cookiecutter.project_slug>>"


def commit(repository: Path, message: str) -> None:
    """Commit everything in `repository`."""
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", message)


def template_repository(folder: Path) -> Path:
    """Return a repository that holds the template as it is now."""
    folder.mkdir()
    for name in ("cookiecutter.json", "hooks", GENERATED):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, "version 1")
    return folder


def update(project: Path) -> subprocess.CompletedProcess[str]:
    """Run the update as CONTRIBUTING of the generated project tells."""
    command = Path(sys.executable).with_name("cookiecutter_project_upgrader")
    options = ["--context-file", ".template.json", "--merge-now", "1", "--push-template-branch-changes", "0"]
    return subprocess.run([command, *options], cwd=project, capture_output=True, text=True, check=False)


def test_an_update_merges_and_a_local_edit_survives(tmp_path: Path, generate: Render) -> None:
    template = template_repository(tmp_path / "template")
    answers = {"author_name": 'Conan "O\'Brien"', "license": "Apache-2.0", "problem_type": "regression"}
    project = generate(template=template, into=tmp_path / "work", **answers)

    with (project / "Makefile").open("a", encoding="utf-8") as makefile:
        makefile.write("\nours: ## A command of this team\n\t@echo ours\n")
    (project / "data/customers.csv").write_text("ours\n", encoding="utf-8")
    commit(project, "a local edit")

    generated = template / GENERATED
    shared = generated / "Makefile"
    shared.write_text("# A newer template.\n" + shared.read_text(encoding="utf-8"), encoding="utf-8")
    (generated / "NEWS.md").write_text("New in << cookiecutter.project_slug >>\n", encoding="utf-8")
    (generated / ".editorconfig").unlink()
    settings = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    settings["_copy_without_render"].remove(".editorconfig")
    (template / "cookiecutter.json").write_text(json.dumps(settings), encoding="utf-8")
    commit(template, "version 2")

    merged = update(project)
    assert merged.returncode == 0, merged.stdout + merged.stderr
    makefile_now = (project / "Makefile").read_text(encoding="utf-8")
    assert makefile_now.startswith("# A newer template.\n")
    assert makefile_now.endswith("\t@echo ours\n")
    assert (project / "data/customers.csv").read_text(encoding="utf-8") == "ours\n"
    assert (project / "NEWS.md").read_text(encoding="utf-8") == "New in customer-churn\n"
    assert not (project / ".editorconfig").exists()
    assert not list(project.glob("LICENSE.*")) + list(project.rglob("*.classification.*"))
    assert git(project, "status", "--porcelain") == ""


def test_the_stored_answers_name_no_folder_of_the_machine(tmp_path: Path, generate: Render) -> None:
    template = template_repository(tmp_path / "template")
    stored = json.loads((generate(template=template, into=tmp_path / "work") / ".template.json").read_text("utf-8"))
    assert stored.pop("_template") == str(template)
    assert not [name for name in stored if name.startswith("_")]
    assert str(tmp_path) not in json.dumps(stored)
