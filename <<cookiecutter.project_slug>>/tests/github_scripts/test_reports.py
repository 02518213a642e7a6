from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pull_request_comment
import pytest
import report_refusal

from .conftest import REPOSITORY, RUN, Start
from .fake_gh import FakeGitHub

COMMENTS = f"repos/{REPOSITORY}/issues/12/comments"
ISSUES = f"repos/{REPOSITORY}/issues"
OPEN = f"GET {ISSUES}?state=open&labels=retraining-refused&per_page=100&page=1"
RUN_URL = f"https://github.com/{REPOSITORY}/actions/runs/{RUN}"


def pull(repo: str | None = REPOSITORY) -> dict[str, object]:
    head = {"sha": "abcdef0123", "repo": {"full_name": repo} if repo else None}
    return {"pull_request": {"number": 12, "head": head}}


@pytest.fixture
def reports(github: FakeGitHub) -> Path:
    """Return a folder with the reports of both stages."""
    for stage, text in (("gate", "<!-- model-report -->\n\n# Refused\n\n| check | seen |"), ("data", "# Data")):
        Path("reports", stage).mkdir(parents=True)
        Path("reports", stage, "report.md").write_text(text, encoding="utf-8")
    Path("reports/gate/gate.json").write_text('{"format": "gate/1", "promote": false}', encoding="utf-8")
    Path("reports/data/data-report.json").write_text('{"format": "data-report/1", "valid": true}', encoding="utf-8")
    return Path("reports")


@pytest.fixture(autouse=True)
def results(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"plan": {"result": "success"}, "validate-data": {"result": "success"}, "train": {"result": "success"}}
    monkeypatch.setenv("NEEDS", json.dumps(needs | {"gate": {"result": "failure"}}))
    monkeypatch.setenv("REPORT_URL", "https://example.org/report")


def mine(number: int, kind: str = "Bot", text: str = "old") -> dict[str, Any]:
    return {"id": number, "user": {"type": kind}, "body": f"{pull_request_comment.MARKER}\n{text}"}


def test_the_first_comment_shows_stages_report_and_links(github: FakeGitHub, reports: Path, starts: Start) -> None:
    starts("pull_request", pull())
    github.answers(f"GET {COMMENTS}?per_page=100&page=1", [])
    github.answers(f"POST {COMMENTS}", {"id": 1})
    assert pull_request_comment.main(["--reports", "reports"]) == 0
    ((_, sent),) = github.writes()
    assert sent["body"] == (
        "<!-- model-report -->\n✅ validate data · ✅ train · ❌ gate\n\n"
        f"[report with plots](https://example.org/report) · [run]({RUN_URL}) · commit abcdef0\n\n"
        "# Refused\n\n| check | seen |\n"
    )


def test_a_later_push_updates_the_same_comment(github: FakeGitHub, reports: Path, starts: Start) -> None:
    starts("pull_request", pull())
    quoted = mine(8, "User")
    github.answers(f"GET {COMMENTS}?per_page=100&page=1", [quoted, mine(9), {"id": 10, "user": None, "body": "hi"}])
    github.answers(f"PATCH {ISSUES}/comments/9", {"id": 9})
    assert pull_request_comment.main(["--reports", "reports"]) == 0
    assert [request for request, _ in github.writes()] == [f"PATCH {ISSUES}/comments/9"]


@pytest.mark.parametrize("repo", ["somebody/churn", None], ids=["fork", "deleted fork"])
def test_a_fork_gets_no_comment_and_is_told(
    github: FakeGitHub, reports: Path, starts: Start, repo: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    starts("pull_request", pull(repo))
    assert pull_request_comment.main(["--reports", "reports"]) == 0
    assert github.calls() == []
    assert "::notice::the branch lies in a fork" in capsys.readouterr().out


def test_a_read_only_token_is_told_too(
    github: FakeGitHub, reports: Path, starts: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    starts("pull_request", pull())
    github.answers(f"GET {COMMENTS}?per_page=100&page=1", [])
    github.answers(f"POST {COMMENTS}", status=403, says="Resource not accessible by integration")
    assert pull_request_comment.main(["--reports", "reports"]) == 0
    assert "::notice::the token of this run may not comment" in capsys.readouterr().out


def test_another_failure_of_the_api_is_an_error(github: FakeGitHub, reports: Path, starts: Start) -> None:
    starts("pull_request", pull())
    github.answers(f"GET {COMMENTS}?per_page=100&page=1", status=500)
    assert pull_request_comment.main(["--reports", "reports"]) == 2


def test_outside_of_a_pull_request_it_is_misuse(github: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert pull_request_comment.main(["--reports", "reports"]) == 2
    assert capsys.readouterr().err == "error: this is not a run of a pull request\n"


def test_without_the_gate_the_data_report_is_shown(reports: Path) -> None:
    Path("reports/gate/report.md").unlink()
    assert pull_request_comment.report(reports) == "# Data"


def test_a_changed_contract_stands_below_the_report(reports: Path) -> None:
    Path("reports/data/contract-change.md").write_text("**Contract**: breaking\n", encoding="utf-8")
    assert pull_request_comment.report(reports) == "# Refused\n\n| check | seen |\n\n**Contract**: breaking"


def test_without_any_report_the_comment_says_where_to_look(github: FakeGitHub) -> None:
    body = pull_request_comment.compose({}, pull_request_comment.report(Path("reports")), "", RUN_URL, "abc")
    assert "No report was written: a step failed before it" in body
    assert "report with plots" not in body


def test_a_report_that_is_too_long_is_cut_at_a_line_and_says_so() -> None:
    body = pull_request_comment.compose({}, "| row |\n" * 20_000, "https://page", RUN_URL, "abc")
    assert len(body) <= pull_request_comment.LONGEST
    assert body.endswith("| row |\n\n*The report goes on: this is what fits here.*\n")


def test_a_refused_run_opens_one_issue_with_the_table(github: FakeGitHub, reports: Path) -> None:
    github.answers(OPEN, [])
    github.answers(f"POST repos/{REPOSITORY}/labels", {})
    github.answers(f"POST {ISSUES}", {"number": 5})
    assert report_refusal.main(["--reports", "reports", "--result", "failure"]) == 0
    issue = github.writes()[-1][1]
    assert issue["title"] == "The gate refused the new model"
    assert issue["labels"] == ["retraining-refused"]
    assert issue["body"].startswith(report_refusal.MARKER)
    assert "| check | seen |" in issue["body"] and RUN_URL in issue["body"]


def test_a_run_that_ended_in_a_time_out_counts_as_failed(github: FakeGitHub) -> None:
    github.answers(OPEN, [])
    github.answers(f"POST repos/{REPOSITORY}/labels", {})
    github.answers(f"POST {ISSUES}", {"number": 5})
    assert report_refusal.main(["--reports", "reports", "--result", "cancelled"]) == 0
    assert github.writes()[-1][1]["title"] == "Retraining failed before the gate"


def test_the_label_may_be_there_already(github: FakeGitHub, reports: Path) -> None:
    github.answers(OPEN, [])
    github.answers(f"POST repos/{REPOSITORY}/labels", status=422, says="already_exists")
    github.answers(f"POST {ISSUES}", {"number": 5})
    assert report_refusal.main(["--reports", "reports", "--result", "failure"]) == 0


def an_open_issue(github: FakeGitHub, body: str) -> None:
    others = [{"number": 3, "body": "somebody else used the label"}, {"number": 2, "body": None}]
    github.answers(OPEN, [*others, {"number": 5, "body": f"{report_refusal.MARKER}\n{body}"}])
    github.answers(f"POST {ISSUES}/5/comments", {})
    github.answers(f"PATCH {ISSUES}/5", {})


def test_a_second_refusal_updates_the_issue_and_tells_its_followers(github: FakeGitHub, reports: Path) -> None:
    an_open_issue(github, "an earlier run")
    assert report_refusal.main(["--reports", "reports", "--result", "failure"]) == 0
    (said, comment), (changed, issue) = github.writes()
    assert (said, changed) == (f"POST {ISSUES}/5/comments", f"PATCH {ISSUES}/5")
    assert comment["body"] == f"The gate refused the new model, again: [run]({RUN_URL})"
    assert "| check | seen |" in issue["body"]


def test_a_repeated_job_says_nothing_twice(github: FakeGitHub, reports: Path) -> None:
    an_open_issue(github, f"[this run]({RUN_URL})")
    assert report_refusal.main(["--reports", "reports", "--result", "failure"]) == 0
    assert [request for request, _ in github.writes()] == [f"PATCH {ISSUES}/5"]


def test_a_run_that_passes_closes_the_issue(github: FakeGitHub) -> None:
    an_open_issue(github, "an earlier run")
    assert report_refusal.main(["--reports", "reports", "--result", "success"]) == 0
    (_, comment), (_, issue) = github.writes()
    assert comment["body"] == f"Retraining passes again: [run]({RUN_URL})"
    assert issue == {"state": "closed", "state_reason": "completed"}


def test_a_run_that_passes_without_an_open_issue_writes_nothing(github: FakeGitHub) -> None:
    github.answers(OPEN, [])
    assert report_refusal.main(["--reports", "reports", "--result", "success"]) == 0
    assert github.writes() == []


@pytest.mark.parametrize(
    ("gate", "data", "title"),
    [
        pytest.param('{"promote": false}', '{"valid": true}', "The gate refused the new model", id="refused"),
        pytest.param(
            '{"promote": true}',
            '{"valid": true}',
            "Retraining ended after the gate: a release failed, or was rejected",
            id="after the gate",
        ),
        pytest.param(None, '{"valid": false}', "The data breaks its contract", id="bad data"),
        pytest.param(None, '{"valid": true}', "Retraining failed before the gate", id="training broke"),
        pytest.param(None, None, "Retraining failed before the gate", id="nothing was written"),
        pytest.param("{", "[]", "Retraining failed before the gate", id="unreadable"),
        pytest.param('{"promote": "yes"}', None, "The gate refused the new model", id="not a clear yes"),
    ],
)
def test_the_issue_is_named_by_what_stopped_the_run(
    reports: Path, gate: str | None, data: str | None, title: str
) -> None:
    for path, text in ((reports / "gate/gate.json", gate), (reports / "data/data-report.json", data)):
        path.unlink()
        if text is not None:
            path.write_text(text, encoding="utf-8")
    assert report_refusal.stopped_by(reports) == title
