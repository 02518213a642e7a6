from __future__ import annotations

from typing import Any

import check_environment
import pytest

from .conftest import REPOSITORY, RUN
from .fake_gh import FakeGitHub

REPO = f"repos/{REPOSITORY}"
PRODUCTION = f"{REPO}/environments/production"
PROTECTED = {"protected_branches": True, "custom_branch_policies": False}
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}
REVIEW: dict[str, Any] = {"type": "required_reviewers", "prevent_self_review": True, "reviewers": [{"type": "User"}]}
REVIEWED: dict[str, Any] = {
    "protection_rules": [REVIEW, {"type": "branch_policy"}],
    "deployment_branch_policy": CUSTOM,
}
EMPTY_RULE = REVIEWED | {"protection_rules": [{"type": "required_reviewers", "reviewers": []}]}
UNREVIEWED = REVIEWED | {"protection_rules": [{"type": "branch_policy"}]}
NOBODY = "it has no required reviewer"
BUILT = {
    "event": "push",
    "head_sha": "abc",
    "actor": {"login": "Ada", "type": "User"},
    "triggering_actor": {"login": "grace", "type": "User"},
}
PERSON = {"login": "barbara", "type": "User"}
STARTED = {"event": "workflow_dispatch", "actor": PERSON, "triggering_actor": PERSON}
BOT = {"login": "github-actions[bot]", "type": "Bot"}


@pytest.mark.parametrize(
    ("environment", "branches", "lacking"),
    [
        pytest.param(REVIEWED, ["main"], [], id="protected"),
        pytest.param(UNREVIEWED, ["main"], [NOBODY], id="no reviewer rule"),
        pytest.param(EMPTY_RULE, ["main"], [NOBODY], id="nobody in the rule"),
        pytest.param(
            REVIEWED | {"deployment_branch_policy": PROTECTED}, [], ["it has protected branches, wanted main alone"],
            id="protected branches",
        ),
        pytest.param(
            REVIEWED | {"deployment_branch_policy": None}, [], ["it has no branch policy, wanted main alone"],
            id="any branch",
        ),
        pytest.param(
            REVIEWED, ["main", "m*"], ["its branch policy lets m*, main deploy, wanted main alone"], id="open policy"
        ),
        pytest.param(REVIEWED, [], ["its branch policy lets nothing deploy, wanted main alone"], id="no branch"),
        pytest.param({}, [], [NOBODY, "it has no branch policy, wanted main alone"], id="just created"),
    ],
)  # fmt: skip
def test_an_environment_says_what_it_lacks(
    environment: dict[str, Any], branches: list[str], lacking: list[str]
) -> None:
    assert check_environment.problems(environment, branches, "main") == lacking


def an_environment(github: FakeGitHub, environment: dict[str, Any], *branches: str) -> None:
    github.answers(f"GET {REPO}", {"default_branch": "main"})
    github.answers(f"GET {PRODUCTION}", environment)
    listed = [{"name": name} for name in branches]
    policies = f"GET {PRODUCTION}/deployment-branch-policies?per_page=100&page=1"
    github.answers(policies, {"total_count": len(listed), "branch_policies": listed})


def test_a_protected_environment_passes(github: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    an_environment(github, REVIEWED, "main")
    assert check_environment.main([]) == 0
    assert capsys.readouterr().out == "environment production is protected\n"


def test_ways_around_the_approval_are_told(github: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    rules = [REVIEW | {"prevent_self_review": False}]
    an_environment(github, REVIEWED | {"protection_rules": rules, "can_admins_bypass": True}, "main")
    assert check_environment.main([]) == 0
    said = capsys.readouterr().out
    assert "whoever started a run may approve it" in said
    assert "administrators may deploy without approval" in said


def test_an_environment_without_a_reviewer_is_refused(github: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    an_environment(github, UNREVIEWED, "main")
    assert check_environment.main(["production"]) == 1
    assert f"refused: environment production: {NOBODY}" in capsys.readouterr().out


def test_an_environment_that_does_not_exist_is_refused(github: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    github.answers(f"GET {PRODUCTION}", status=404)
    assert check_environment.main([]) == 1
    assert "it does not exist" in capsys.readouterr().out


@pytest.mark.parametrize("status", [401, 403, 500, 0], ids=["unknown token", "forbidden", "broken", "no network"])
def test_nothing_passes_when_github_cannot_say(github: FakeGitHub, status: int) -> None:
    github.answers(f"GET {PRODUCTION}", status=status)
    assert check_environment.main([]) == 2


@pytest.fixture
def unreviewed(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> FakeGitHub:
    """Return a GitHub without required reviewers, asked from a run that somebody started by hand."""
    an_environment(github, UNREVIEWED, "main")
    github.answers(f"GET {REPO}/actions/runs/42", BUILT)
    github.answers(f"GET {REPO}/actions/runs/{RUN}", STARTED)
    github.answers(f"GET {REPO}/commits/abc", {"author": {"login": "linus"}})
    monkeypatch.setenv("APPROVAL", "dispatch")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "workflow_dispatch")
    monkeypatch.setenv("GITHUB_ACTOR", "barbara")
    monkeypatch.setenv("GITHUB_TRIGGERING_ACTOR", "barbara")
    return github


WAYS = pytest.mark.parametrize("way", [["--built-by", "42"], ["--going-back"]], ids=["a release", "a rollback"])


@WAYS
def test_a_second_person_who_starts_the_deployment_approves_it(
    unreviewed: FakeGitHub, way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_environment.main(["production", *way]) == 0
    assert "approved by barbara, who started this run by hand" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR"])
@pytest.mark.parametrize("person", ["ada", "Grace", "linus"], ids=["who pushed", "who ran again", "who wrote it"])
def test_nobody_approves_their_own_work(
    unreviewed: FakeGitHub, name: str, person: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, person)
    assert check_environment.main(["production", "--built-by", "42"]) == 1
    assert "a second person has to approve it" in capsys.readouterr().out
    assert check_environment.main(["production", "--going-back"]) == 0, "a return is nobody's new work"


@pytest.mark.parametrize("who", ["actor", "triggering_actor"])
def test_nobody_hides_behind_an_app(unreviewed: FakeGitHub, who: str, capsys: pytest.CaptureFixture[str]) -> None:
    unreviewed.answers(f"GET {REPO}/actions/runs/43", BUILT | {"event": "workflow_dispatch", who: BOT})
    assert check_environment.main(["production", "--built-by", "43"]) == 1
    assert "github-actions[bot] started run 43, which does not say for whom" in capsys.readouterr().out


@WAYS
@pytest.mark.parametrize(
    ("name", "value"),
    [("APPROVAL", "reviewers"), ("GITHUB_EVENT_NAME", "push"), ("GITHUB_ACTOR", ""), ("GITHUB_TRIGGERING_ACTOR", "")],
)
def test_only_a_start_by_hand_replaces_a_reviewer(
    unreviewed: FakeGitHub, way: list[str], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert check_environment.main(["production", *way]) == 1


@WAYS
@pytest.mark.parametrize("who", ["actor", "triggering_actor"])
def test_an_app_approves_nothing(
    unreviewed: FakeGitHub,
    way: list[str],
    who: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GITHUB_RUN_ID", "4712")
    monkeypatch.setenv(f"GITHUB_{who.upper()}", str(BOT["login"]))
    unreviewed.answers(f"GET {REPO}/actions/runs/4712", STARTED | {who: BOT})
    assert check_environment.main(["production", *way]) == 1
    assert "github-actions[bot] started this run, and only a person can approve" in capsys.readouterr().out


@WAYS
@pytest.mark.parametrize("who", ["actor", "triggering_actor"])
@pytest.mark.parametrize("known", [None, {"login": "barbara"}], ids=["nobody", "no type"])
def test_whoever_is_not_known_as_a_person_approves_nothing(
    unreviewed: FakeGitHub, way: list[str], who: str, known: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_RUN_ID", "4712")
    unreviewed.answers(f"GET {REPO}/actions/runs/4712", STARTED | {who: known})
    assert check_environment.main(["production", *way]) == 1


@WAYS
def test_nothing_is_approved_when_github_does_not_know_the_run(
    unreviewed: FakeGitHub, way: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_RUN_ID")
    assert check_environment.main(["production", *way]) == 1
    monkeypatch.setenv("GITHUB_RUN_ID", "4712")
    unreviewed.answers(f"GET {REPO}/actions/runs/4712", status=404)
    assert check_environment.main(["production", *way]) == 2


@WAYS
def test_a_start_by_hand_replaces_no_branch_policy(unreviewed: FakeGitHub, way: list[str]) -> None:
    assert check_environment.main(["production", *way]) == 0
    unreviewed.answers(f"GET {PRODUCTION}", UNREVIEWED | {"deployment_branch_policy": None})
    assert check_environment.main(["production", *way]) == 1
