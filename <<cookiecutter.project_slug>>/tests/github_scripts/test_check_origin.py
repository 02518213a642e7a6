from __future__ import annotations

from pathlib import Path
from typing import Any

import check_origin
import pytest

from .conftest import REPOSITORY
from .fake_gh import FakeGitHub

SHA = "c" * 40
OWN: dict[str, Any] = {
    "path": ".github/workflows/pipeline.yml",
    "event": "push",
    "head_repository": {"full_name": REPOSITORY},
    "head_branch": "main",
    "head_sha": SHA,
}


@pytest.fixture(autouse=True)
def _repository(github: FakeGitHub) -> None:
    github.answers(f"GET repos/{REPOSITORY}", {"default_branch": "main"})
    github.answers(f"GET repos/{REPOSITORY}/branches/main", {"commit": {"sha": "h" * 40}})
    github.answers(f"GET repos/{REPOSITORY}/compare/{'h' * 40}...{SHA}", {"status": "behind"})


def verdict(github: FakeGitHub, *arguments: str, **changes: object) -> int:
    github.answers(f"GET repos/{REPOSITORY}/actions/runs/42", OWN | changes)
    return check_origin.main(["42", *arguments])


@pytest.mark.parametrize("path", ["pipeline.yml", "retrain.yml", "retrain.yml@refs/heads/main"])
def test_runs_of_the_pipeline_on_the_default_branch_may_speak(github: FakeGitHub, path: str) -> None:
    assert verdict(github, path=f".github/workflows/{path}") == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"path": ".github/workflows/evil.yml"}, "it ran .github/workflows/evil.yml", id="another file"),
        pytest.param(
            {"path": ".github/workflows/deploy.yml"}, "wanted pipeline.yml or retrain.yml", id="another stage"
        ),
        pytest.param({"event": "pull_request"}, "started by 'pull_request'", id="a pull request"),
        pytest.param({"head_branch": "topic"}, "(topic) is not on main", id="another branch"),
        pytest.param({"head_repository": {"full_name": "eve/churn"}}, "of eve/churn", id="a fork"),
        pytest.param({"head_repository": None}, "of None", id="a deleted fork"),
    ],
)
def test_no_other_run_may_speak(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str], changes: dict[str, object], message: str
) -> None:
    assert verdict(github, **changes) == 1
    assert message in capsys.readouterr().out


def test_the_commit_of_an_own_run_is_handed_on(github: FakeGitHub, tmp_path: Path) -> None:
    assert verdict(github) == 0
    assert (tmp_path / "output").read_text(encoding="utf-8") == f"commit={SHA}\n"


def test_the_commit_of_a_strange_run_is_not_handed_on(github: FakeGitHub, tmp_path: Path) -> None:
    assert verdict(github, event="pull_request") == 1
    assert not (tmp_path / "output").exists()


def test_a_commit_beside_the_default_branch_is_refused(github: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    github.answers(f"GET repos/{REPOSITORY}/compare/{'h' * 40}...{'d' * 40}", {"status": "diverged"})
    assert verdict(github, head_sha="d" * 40) == 1
    assert "is not on main" in capsys.readouterr().out


def test_a_refusal_is_shown_on_the_page_of_the_run(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert verdict(github, event="pull_request") == 1
    assert "::error title=Refused::run 42: it was started by" in capsys.readouterr().out


def test_another_workflow_can_be_allowed(github: FakeGitHub) -> None:
    assert verdict(github, "--or", "build-image.yml", path=".github/workflows/build-image.yml") == 0


@pytest.mark.parametrize("number", ["", "4²", "42/../7", "-1"])
def test_what_is_no_number_is_misuse(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_origin.main(["--", number]) == 2
    assert "is not a number" in capsys.readouterr().err
