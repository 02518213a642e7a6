from __future__ import annotations

import subprocess
from pathlib import Path

import plan_changes
import pytest
from github_api.cli import event

from .conftest import Start
from .fake_gh import FakeGitHub


@pytest.mark.parametrize(
    ("changed", "trains"),
    [
        pytest.param(["README.md", "docs/how/to.md"], False, id="documents"),
        pytest.param(["tests/test_features.py"], False, id="tests"),
        pytest.param(["data/README.md", "LICENSE", ".github/CODEOWNERS"], False, id="notes beside data"),
        pytest.param(["README.md", "src/churn/features.py"], True, id="code among documents"),
        pytest.param(["config/gates.toml"], True, id="gates"),
        pytest.param(["contract/data.schema.json"], True, id="contract"),
        pytest.param(["data/customers.csv"], True, id="data"),
        pytest.param(["requirements/train.txt"], True, id="dependencies"),
        pytest.param([".github/workflows/train.yml"], True, id="workflows"),
        pytest.param(["something/new.bin"], True, id="a folder nobody thought of"),
        pytest.param([], True, id="an empty commit, or nothing to compare with"),
    ],
)
def test_a_model_is_trained_unless_nothing_that_shapes_it_changed(changed: list[str], trains: bool) -> None:
    assert plan_changes.shapes_model(changed) is trains


@pytest.mark.parametrize(
    ("name", "payload", "commit"),
    [
        pytest.param("pull_request", {}, "HEAD^1", id="pull request"),
        pytest.param("merge_group", {"merge_group": {"base_sha": "b2"}}, "b2", id="merge queue"),
        pytest.param("push", {"before": "b3"}, "b3", id="push"),
        pytest.param("schedule", {"before": "b4"}, None, id="schedule"),
        pytest.param("workflow_dispatch", {}, None, id="by hand"),
    ],
)
def test_the_event_says_what_to_compare_with(
    github: FakeGitHub, starts: Start, name: str, payload: dict[str, object], commit: str | None
) -> None:
    starts(name, payload)
    assert plan_changes.base(event()) == commit


@pytest.fixture
def history(github: FakeGitHub) -> list[str]:
    """Return the commits of a repository: code first, then a document, then a moved file."""
    _git("init", "-q", "-b", "main")
    for file in ("code.py", "notes.md"):
        Path(file).write_text(file, encoding="utf-8")
        _git("add", ".")
        _git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", file)
    _git("mv", "code.py", "code.md")
    _git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "move")
    return _git("rev-list", "--reverse", "HEAD").split()


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def test_the_plan_compares_commits_and_hands_its_answer_on(history: list[str], tmp_path: Path, starts: Start) -> None:
    _git("checkout", "-q", history[1])
    starts("push", {"before": history[0]})
    assert plan_changes.main([]) == 0
    assert (tmp_path / "output").read_text(encoding="utf-8") == "train=false\n"


def test_code_that_was_renamed_to_a_document_still_counts(history: list[str], tmp_path: Path) -> None:
    assert plan_changes.main(["--base", history[1]]) == 0
    assert (tmp_path / "output").read_text(encoding="utf-8") == "train=true\n"


@pytest.mark.parametrize("before", ["0" * 40, "f" * 40], ids=["first push", "rewritten history"])
def test_a_commit_that_is_not_there_means_everything(
    history: list[str], tmp_path: Path, starts: Start, before: str
) -> None:
    starts("push", {"before": before})
    assert plan_changes.main([]) == 0
    assert (tmp_path / "output").read_text(encoding="utf-8") == "train=true\n"
