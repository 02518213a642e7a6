"""The last step of a generation: variants are settled, the first commit is made, the next steps are printed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hooks.post_gen_project import first_commit, keep_chosen

from .conftest import Render, files

ANSWERS = {
    "license": "BSD-3-Clause",
    "problem_type": "regression",
    "cluster_credentials": "gcp",
    "traffic_split": "replicas",
    "author_name": "Conan O'Brien",
    "author_email": "conan@example.com",
}


def git(project: Path, *command: str) -> str:
    """Return what Git prints in `project`."""
    return subprocess.run(["git", *command], cwd=project, capture_output=True, text=True, check=True).stdout.strip()


def program(path: Path, shell: str) -> None:
    """Write a program that does what `shell` says."""
    path.write_text(f"#!/bin/sh\n{shell}\n", encoding="utf-8")
    path.chmod(0o755)


def test_the_chosen_variant_takes_the_plain_name_and_the_others_go(tmp_path: Path) -> None:
    names = ["LICENSE.MIT", "LICENSE.BSD-3-Clause", "LICENSE.Apache-2.0", "config/pipeline.toml"]
    names += ["data/customers.classification.csv", "data/customers.regression.csv"]
    theirs = ["data/sales.classification.csv", "data/sales.regression.csv"]  # of a folder that was there
    for name in [*names, *theirs]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    keep_chosen(ANSWERS, str(tmp_path))
    kept = {str(path.relative_to(tmp_path)): path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == {
        "LICENSE": "LICENSE.BSD-3-Clause",
        "config/pipeline.toml": "config/pipeline.toml",
        "data/customers.csv": "data/customers.regression.csv",
        **{name: name for name in theirs},
    }


def test_a_folder_that_only_another_choice_fills_goes_with_its_empty_parents(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()  # somebody else's
    components, overlay = tmp_path / "k8s/components/gateway-api", tmp_path / "k8s/overlays/staging"
    for folder in (components, overlay):
        folder.mkdir(parents=True)
        for name in ("httproute", "kustomization"):
            (folder / f"{name}.gateway-api.yaml").touch()
    (overlay / "kustomization.replicas.yaml").touch()
    keep_chosen(ANSWERS, str(tmp_path))
    kept = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert kept == ["empty", "k8s", "k8s/overlays", "k8s/overlays/staging", "k8s/overlays/staging/kustomization.yaml"]


def test_the_first_commit_holds_every_file_and_is_the_authors(generate: Render) -> None:
    project = generate(author_name="Łukasz O'Brien", author_email="lo@example.com")
    tracked = git(project, "-c", "core.quotePath=false", "ls-files").splitlines()
    assert sorted(map(Path, tracked)) == files(project)
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "branch", "--show-current") == "main"
    assert git(project, "rev-list", "--count", "HEAD") == "1"
    (pack,) = (project / ".git").rglob("*.pack")  # what the first push sends
    assert pack.stat().st_size < sum((project / path).stat().st_size for path in files(project)) / 2


def test_the_answers_sign_the_commit_when_git_knows_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert first_commit(ANSWERS) == "a Git repository with a first commit"
    assert git(tmp_path, "log", "--format=%an <%ae> %cn <%ce>") == " ".join(["Conan O'Brien <conan@example.com>"] * 2)


def test_no_setting_of_the_machine_disturbs_the_first_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "reference-transaction"):
        program(hooks / name, "exit 1")
    (tmp_path / "ignore").write_text("*.csv\n", encoding="utf-8")
    config = f"[core]\nhooksPath = {hooks}\nexcludesFile = {tmp_path / 'ignore'}\n[commit]\ngpgSign = true\n"
    (tmp_path / ".gitconfig").write_text(config, encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))  # as inside a Git hook of the caller
    project = tmp_path / "project"
    project.mkdir()
    (project / "table.csv").touch()
    monkeypatch.chdir(project)
    assert first_commit(ANSWERS) == "a Git repository with a first commit"
    monkeypatch.delenv("GIT_DIR")
    assert git(project, "ls-files") == "table.csv"
    assert not (tmp_path / "elsewhere").exists()


def test_a_machine_without_git_still_gets_a_complete_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert first_commit(ANSWERS) == "Git is not installed, so there is no repository yet"


def test_a_commit_that_fails_is_told_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "git", "exit 9")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert first_commit(ANSWERS) == "the files are complete, but Git could not make the first commit (exit 9)"


def test_a_git_that_cannot_be_started_is_told_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "complete, but Git could not make the first commit ([Errno 13] Permission denied" in first_commit(ANSWERS)


@pytest.mark.parametrize(
    "setting",
    ["symbolic-ref HEAD refs/heads/master", "config core.fileMode false"],
    ids=["git-without-default-branch", "everything-looks-executable"],
)
def test_what_git_sets_up_by_itself_does_not_change_the_commit(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, project = shutil.which("git"), tmp_path / "project"
    program(tmp_path / "git", f'case "$*" in *" init "*) {real} "$@" && exec {real} {setting};; esac; exec {real} "$@"')
    project.mkdir()
    (project / "file").touch()
    (project / "file").chmod(0o755 if "fileMode" in setting else 0o644)
    monkeypatch.chdir(project)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        assert first_commit(ANSWERS) == "a Git repository with a first commit"
    assert git(project, "log", "--all", "--format=%D") == "HEAD -> main"
    assert git(project, "ls-files", "--stage").startswith("100644 ")


def test_of_a_folder_that_was_there_only_what_git_would_add_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitignore").write_text(".venv/\n", encoding="utf-8")
    names = [".venv/token", "another/file", "data/Łódź 1.csv", '"quoted"', "back\\slash", "line\nbreak", "run.sh"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("kept", encoding="utf-8")
    (tmp_path / "run.sh").chmod(0o755)
    git(tmp_path, "init", "another")
    (tmp_path / "folder").symlink_to("data")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    assert first_commit(ANSWERS) == "a Git repository with a first commit"
    rows = [row.split("\t") for row in git(tmp_path, "ls-files", "-s", "-z").split("\0") if row]
    assert {name: about[:6] for about, name in rows} == {
        '"quoted"': "100644",
        ".gitignore": "100644",
        "back\\slash": "100644",
        "dangling": "120000",
        "data/Łódź 1.csv": "100644",
        "folder": "120000",
        "line\nbreak": "100644",
        "run.sh": "100755",
    }
    assert git(tmp_path, "status", "--porcelain") == "?? another/"
    assert git(tmp_path, "fsck", "--strict") == ""


def test_a_repository_that_is_already_there_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere", encoding="utf-8")  # what a work tree has
    monkeypatch.chdir(tmp_path)
    assert first_commit(ANSWERS) == "the repository that was here is untouched"


@pytest.mark.parametrize(("init_git", "says"), [(True, "with a first commit"), (False, "no Git repository, as asked")])
def test_the_next_steps_fit_into_ten_lines(
    init_git: bool, says: str, generate: Render, capfd: pytest.CaptureFixture[str]
) -> None:
    project = generate(init_git=init_git)
    printed = capfd.readouterr().out
    assert says in printed.splitlines()[0]
    assert f"cd {project}" in printed
    assert printed.count("\n") < 10
    assert (project / ".git").exists() is init_git


def test_the_next_steps_can_be_pasted_wherever_the_project_lies(
    tmp_path: Path, generate: Render, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Ann's $HOME").mkdir()
    project = generate(into=tmp_path / "Ann's $HOME", init_git=False)
    (command,) = (line for line in capfd.readouterr().out.splitlines() if line.startswith("  cd "))
    assert subprocess.check_output(["sh", "-c", f"{command} && pwd"], text=True) == f"{project}\n"
