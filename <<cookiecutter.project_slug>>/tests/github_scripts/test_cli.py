from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from github_api import cli as github_cli
from github_api.cli import GitHubError, api, download, output, pages, repository, run, verdict

from .fake_gh import FakeGitHub


def test_a_read_is_tried_again_after_a_failure_of_the_server(github: FakeGitHub) -> None:
    github.answers("GET thing", status=502, says="Bad Gateway")
    github.answers("GET thing", {"id": 1})
    assert api("thing") == {"id": 1}


@pytest.mark.parametrize(
    ("status", "tries"),
    [
        pytest.param(403, 1, id="forbidden"),
        pytest.param(404, 1, id="missing"),
        pytest.param(429, 3, id="too many requests"),
        pytest.param(503, 3, id="unavailable"),
        pytest.param(0, 3, id="no network"),
    ],
)
def test_only_failures_that_may_pass_are_tried_again(github: FakeGitHub, status: int, tries: int) -> None:
    github.answers("GET thing", status=status, says="error connecting to api.github.com")
    with pytest.raises(GitHubError, match="GitHub refused thing") as caught:
        api("thing")
    assert (len(github.calls()), caught.value.status) == (tries, status or None)


def test_a_write_is_never_repeated(github: FakeGitHub) -> None:
    github.answers("POST thing", status=502)
    with pytest.raises(GitHubError, match="HTTP 502"):
        api("thing", method="POST", body={"a": 1})
    assert github.calls() == [("POST thing", {"a": 1})]


def test_a_list_is_read_to_its_last_page(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github_cli, "PAGE", 2)
    github.answers("GET things?x=1&per_page=2&page=1", {"total_count": 3, "things": [1, 2]})
    github.answers("GET things?x=1&per_page=2&page=2", {"total_count": 3, "things": [3]})
    assert pages("things?x=1", "things") == [1, 2, 3]


def test_a_list_that_is_shorter_than_its_count_is_refused(github: FakeGitHub) -> None:
    github.answers("GET things?per_page=100&page=1", {"total_count": 5, "things": [1]})
    with pytest.raises(GitHubError, match="1 of 5 items were listed"):
        pages("things", "things")


@pytest.mark.parametrize("answer", [None, {}, {"things": "none"}, []], ids=["empty", "no key", "no list", "no object"])
def test_an_answer_of_another_shape_is_refused(github: FakeGitHub, answer: object) -> None:
    github.answers("GET things?per_page=100&page=1", answer)
    with pytest.raises(GitHubError, match="holds no list of things"):
        pages("things", "things")


def test_an_answer_that_is_not_json_is_refused(github: FakeGitHub, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("<html>proxy</html>", encoding="utf-8")
    github.sends("GET thing", tmp_path / "page")
    with pytest.raises(GitHubError, match="is not JSON: '<html>proxy"):
        api("thing")


def test_outside_of_a_workflow_the_checkout_names_the_repository(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY")
    github.answers("repo view --json nameWithOwner --jq .nameWithOwner", "me/mine")
    assert repository() == '"me/mine"'


@pytest.mark.parametrize("value", ["main\ntrain=true", "main\r", "main\n"], ids=repr)
def test_a_value_of_several_lines_is_no_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    with pytest.raises(GitHubError, match="the output commit is 'main.*, wanted one line"):
        output("commit", value)
    assert not (tmp_path / "out").exists()


GH = """#!/bin/sh
[ "$*" != "api refused" ] || { echo "gh: Not Found (HTTP 404)" >&2; exit 1; }
printf '{"asked": "%s", "body": %s}' "$*" "$(cat)"
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a real program `gh` on the PATH, which tells what it was asked, and return it."""
    path = tmp_path / "gh"
    path.write_text(GH, encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return path


def test_what_others_wrote_begins_no_line_of_a_refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert verdict(["run 7 is of\n::add-mask::x"], "passed") == 1
    assert capsys.readouterr().out.splitlines() == [
        "refused: run 7 is of ::add-mask::x",
        "::error title=Refused::run 7 is of ::add-mask::x",
    ]


def test_a_call_is_a_process_with_its_body_on_standard_input(program: Path) -> None:
    answer = api("a", method="POST", body={"b": 1})
    assert answer == {"asked": "api a --method POST --input -", "body": {"b": 1}}


def test_a_download_goes_into_its_file_and_a_refusal_is_told(program: Path, tmp_path: Path) -> None:
    program.write_text(GH.replace("$(cat)", "0"), encoding="utf-8")
    download("a", tmp_path / "file")
    assert json.loads((tmp_path / "file").read_bytes()) == {"asked": "api a", "body": 0}
    with pytest.raises(GitHubError, match=r"GitHub refused refused: gh: Not Found \(HTTP 404\)"):
        download("refused", tmp_path / "file")


def test_a_missing_gh_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(github_cli, "PAUSES", ())
    assert run(lambda: 0 if api("thing") else 1) == 2
    assert capsys.readouterr().err.startswith("error: the command gh is not installed")
