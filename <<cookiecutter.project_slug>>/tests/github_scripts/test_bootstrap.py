from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import bootstrap_github
import check_environment
import pytest
from github_api.plan import ENVIRONMENTS, Facts, Settings, plan

from .conftest import REPOSITORY
from .fake_gh import FakeGitHub

REPO = f"repos/{REPOSITORY}"
APPROVAL = f"variable set APPROVAL --repo {REPOSITORY}"
PROTECTED = {"protected_branches": True, "custom_branch_policies": False}
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}
REVIEWED: dict[str, Any] = {
    "protection_rules": [{"type": "required_reviewers", "reviewers": [{"type": "User"}]}, {"type": "branch_policy"}],
    "deployment_branch_policy": CUSTOM,
}
EMPTY_RULE = REVIEWED | {"protection_rules": [{"type": "required_reviewers", "reviewers": []}]}
UNREVIEWED = REVIEWED | {"protection_rules": [{"type": "branch_policy"}]}


@pytest.mark.parametrize(
    ("environment", "branches", "lacking"),
    [
        pytest.param(REVIEWED, ["main"], [], id="protected"),
        pytest.param(REVIEWED | {"deployment_branch_policy": PROTECTED}, [], [], id="protected branches"),
        pytest.param(UNREVIEWED, ["main"], ["it has no required reviewer"], id="no reviewer rule"),
        pytest.param(EMPTY_RULE, ["main"], ["it has no required reviewer"], id="nobody in the rule"),
        pytest.param(REVIEWED | {"deployment_branch_policy": None}, [], ["it has no branch policy"], id="any branch"),
        pytest.param(REVIEWED, ["main", "**"], ["its branch policy '**' lets every branch deploy"], id="open policy"),
        pytest.param({}, [], ["it has no required reviewer", "it has no branch policy"], id="just created"),
    ],
)
def test_an_environment_says_what_it_lacks(
    environment: dict[str, Any], branches: list[str], lacking: list[str]
) -> None:
    assert check_environment.problems(environment, branches) == lacking


def an_environment(github: FakeGitHub, name: str, environment: dict[str, Any], *branches: str) -> None:
    github.answers(f"GET {REPO}/environments/{name}", environment)
    listed = {"total_count": len(branches), "branch_policies": [{"name": branch} for branch in branches]}
    github.answers(f"GET {REPO}/environments/{name}/deployment-branch-policies?per_page=100&page=1", listed)


def test_the_preflight_lets_a_protected_environment_pass(github: FakeGitHub) -> None:
    an_environment(github, "production", REVIEWED, "main")
    assert check_environment.main([]) == 0


def test_the_preflight_refuses_an_environment_without_a_reviewer(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    an_environment(github, "production", UNREVIEWED, "main")
    assert check_environment.main(["production"]) == 1
    assert "refused: environment production: it has no required reviewer" in capsys.readouterr().out


def test_the_preflight_refuses_an_environment_that_does_not_exist(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    github.answers(f"GET {REPO}/environments/production", status=404)
    assert check_environment.main([]) == 1
    assert "it does not exist" in capsys.readouterr().out


BUILT = {"head_sha": "abc", "actor": {"login": "Ada"}, "triggering_actor": {"login": "grace"}}


@pytest.fixture
def unreviewed(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> FakeGitHub:
    """Return a GitHub without required reviewers, asked from a run that somebody started by hand."""
    an_environment(github, "production", UNREVIEWED, "main")
    github.answers(f"GET {REPO}/actions/runs/42", BUILT)
    github.answers(f"GET {REPO}/commits/abc", {"author": {"login": "linus"}})
    monkeypatch.setenv("APPROVAL", "dispatch")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "workflow_dispatch")
    monkeypatch.setenv("GITHUB_ACTOR", "barbara")
    monkeypatch.setenv("GITHUB_TRIGGERING_ACTOR", "barbara")
    return github


def test_a_second_person_who_starts_the_deployment_approves_it(
    unreviewed: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_environment.main(["production", "--built-by", "42"]) == 0
    assert "approved by barbara, who started this run by hand" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR"])
@pytest.mark.parametrize("person", ["ada", "Grace", "linus"], ids=["who pushed", "who ran again", "who wrote it"])
def test_nobody_approves_their_own_work(
    unreviewed: FakeGitHub, name: str, person: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, person)
    assert check_environment.main(["production", "--built-by", "42"]) == 1
    assert "a second person has to approve it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"),
    [("APPROVAL", "reviewers"), ("GITHUB_EVENT_NAME", "push"), ("GITHUB_ACTOR", ""), ("GITHUB_TRIGGERING_ACTOR", "")],
)
def test_only_a_start_by_hand_replaces_a_reviewer(
    unreviewed: FakeGitHub, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert check_environment.main(["production", "--built-by", "42"]) == 1


def test_a_start_by_hand_replaces_no_branch_policy(unreviewed: FakeGitHub) -> None:
    assert check_environment.main(["production", "--built-by", "42"]) == 0
    unreviewed.answers(f"GET {REPO}/environments/production", UNREVIEWED | {"deployment_branch_policy": None})
    assert check_environment.main(["production", "--built-by", "42"]) == 1


def test_approval_by_a_start_needs_no_reviewer(fresh: FakeGitHub) -> None:
    holds_the_plan(fresh, UNREVIEWED)
    assert bootstrap_github.main(["--repo", REPOSITORY, "--approval", "dispatch", "--apply"]) == 0
    sent = dict(fresh.writes())
    assert sent[APPROVAL] == "dispatch"
    assert sent[f"PUT {REPO}/environments/production"]["reviewers"] == []


@pytest.mark.parametrize("status", [401, 403, 500, 0], ids=["unknown token", "forbidden", "broken", "no network"])
def test_the_preflight_never_passes_when_github_cannot_say(github: FakeGitHub, status: int) -> None:
    github.answers(f"GET {REPO}/environments/production", status=status)
    assert check_environment.main([]) == 2


def test_without_apply_the_plan_is_printed_and_nobody_is_asked(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap_github.main(["--repo", REPOSITORY, "--secret", "production:KUBECONFIG=@missing"]) == 0
    printed = capsys.readouterr().out
    assert "environment production, approved by (name somebody with --reviewer)" in printed
    assert "gh secret set KUBECONFIG --repo acme/churn --env production" in printed
    assert "Add --apply to carry it out" in printed
    assert github.calls() == []


@pytest.fixture
def fresh(github: FakeGitHub) -> FakeGitHub:
    """Return a GitHub that knows the reviewer and takes every call, for a repository where nothing was set up."""
    github.answers("GET users/octocat", {"id": 583231})
    github.answers("GET orgs/acme/teams/platform", {"id": 77})
    github.answers(APPROVAL)
    for name in ENVIRONMENTS:
        github.answers(f"GET {REPO}/environments/{name}", status=404)
        github.answers(f"PUT {REPO}/environments/{name}", {})
        github.answers(f"POST {REPO}/environments/{name}/deployment-branch-policies", {})
    github.answers(f"GET {REPO}/actions/permissions", {"enabled": True, "allowed_actions": "selected"})
    github.answers(f"PUT {REPO}/actions/permissions")
    github.answers(f"PUT {REPO}/actions/permissions/workflow")
    github.answers(f"GET {REPO}/rulesets?includes_parents=false&per_page=100&page=1", [])
    github.answers(f"POST {REPO}/rulesets", {"id": 9})
    return github


def holds_the_plan(github: FakeGitHub, production: dict[str, Any] = REVIEWED) -> None:
    """Let later reads answer what the plan set."""
    an_environment(github, "production", production, "main")
    github.answers(f"GET {REPO}/actions/permissions", {"sha_pinning_required": True})
    github.answers(f"GET {REPO}/actions/permissions/workflow", {"default_workflow_permissions": "read"})
    rulesets = f"GET {REPO}/rulesets?includes_parents=false&per_page=100&page=1"
    github.answers(rulesets, [{"id": 8, "name": "another"}, {"id": 9, "name": "default branch"}])
    checks = {"parameters": {"required_status_checks": [{"context": "required"}]}}
    github.answers(f"GET {REPO}/rulesets/9", {"rules": [{"type": "deletion"}, checks]})


APPLY = ["--repo", REPOSITORY, "--reviewer", "octocat", "--apply"]


def test_apply_sets_everything_up_and_reads_it_back(fresh: FakeGitHub) -> None:
    holds_the_plan(fresh)
    assert bootstrap_github.main(APPLY) == 0
    sent = dict(fresh.writes())
    production = sent[f"PUT {REPO}/environments/production"]
    assert production["reviewers"] == [{"type": "User", "id": 583231}]
    assert production["prevent_self_review"] is True
    assert sent[f"PUT {REPO}/environments/staging"]["reviewers"] == []
    assert sent[f"PUT {REPO}/actions/permissions"] == {
        "enabled": True,
        "allowed_actions": "selected",
        "sha_pinning_required": True,
    }
    rules = {rule["type"]: rule.get("parameters") for rule in sent[f"POST {REPO}/rulesets"]["rules"]}
    assert rules["pull_request"]["require_code_owner_review"] is True
    (check,) = rules["required_status_checks"]["required_status_checks"]
    assert check == {"context": "required", "integration_id": 15368}


def test_a_team_can_review(fresh: FakeGitHub) -> None:
    holds_the_plan(fresh)
    assert bootstrap_github.main(["--repo", REPOSITORY, "--reviewer", "acme/platform", "--apply"]) == 0
    sent = dict(fresh.writes())
    assert sent[f"PUT {REPO}/environments/production"]["reviewers"] == [{"type": "Team", "id": 77}]


def test_a_second_run_changes_what_is_there_and_adds_nothing(github: FakeGitHub) -> None:
    github.answers("GET users/octocat", {"id": 583231})
    for name in ("staging", "production-review"):
        an_environment(github, name, REVIEWED, "main")
    holds_the_plan(github)
    github.answers(APPROVAL)
    for path in (*(f"environments/{name}" for name in ENVIRONMENTS), "actions/permissions", "rulesets/9"):
        github.answers(f"PUT {REPO}/{path}", {})
    github.answers(f"PUT {REPO}/actions/permissions/workflow")
    assert bootstrap_github.main(APPLY) == 0
    assert not [request for request, _ in github.writes() if request.startswith("POST")]


def test_a_production_that_ended_without_a_reviewer_fails_and_says_why(
    fresh: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    holds_the_plan(fresh, UNREVIEWED)
    assert bootstrap_github.main(APPLY) == 1
    printed = capsys.readouterr().out
    assert "not as planned: environment production: it has no required reviewer" in printed
    assert "required reviewers need Enterprise" in printed


def test_a_rule_that_the_plan_does_not_include_is_explained_and_the_rest_is_done(
    fresh: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    holds_the_plan(fresh)
    arguments = [*APPLY, "--variable", "DEPLOY_ENABLED=false"]
    fresh.answers(f"variable set DEPLOY_ENABLED --repo {REPOSITORY}")
    fresh.refuses(f"POST {REPO}/rulesets", status=403, says="Upgrade to GitHub Pro")
    assert bootstrap_github.main(arguments) == 1
    assert "Upgrade to GitHub Pro" in capsys.readouterr().out
    assert fresh.writes()[-1] == (f"variable set DEPLOY_ENABLED --repo {REPOSITORY}", "false")


def test_secrets_come_from_files_and_variables_and_are_never_printed(
    fresh: FakeGitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    holds_the_plan(fresh)
    Path("prod.kubeconfig").write_text("from a file", encoding="utf-8")
    monkeypatch.setenv("TOKEN", "from a variable")
    fresh.answers(f"secret set KUBECONFIG --repo {REPOSITORY} --env production")
    fresh.answers(f"secret set TOKEN --repo {REPOSITORY}")
    secrets = ["--secret", "production:KUBECONFIG=@prod.kubeconfig", "--secret", "TOKEN"]
    assert bootstrap_github.main([*APPLY, *secrets]) == 0
    assert [body for _, body in fresh.writes()[-2:]] == ["from a file", "from a variable"]
    seen = capsys.readouterr()
    assert "from a" not in seen.out + seen.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--apply"], "0 reviewers were named", id="nobody approves"),
        pytest.param(["--approval", "dispatch", "--reviewer", "a"], "leave it out", id="two kinds of approval"),
        pytest.param(["--reviewer", "a"] * 7, "7 reviewers were named", id="too many"),
        pytest.param(["--variable", "NAME"], "wanted [ENV:]NAME=VALUE", id="variable without value"),
        pytest.param(["--secret", "NAME=hunter2"], "--secret 'NAME': wanted", id="secret on the command line"),
        pytest.param(["--reviewer", "a", "--apply", "--secret", "UNSET_X"], "the value is empty", id="empty secret"),
    ],
)
def test_misuse_is_one_clear_line(
    github: FakeGitHub, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap_github.main(["--repo", REPOSITORY, *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said and "hunter2" not in said
    assert github.calls() == []


@pytest.mark.parametrize(
    "remote", ["git@github.com:acme/churn.git", "https://github.com/acme/churn", "ssh://git@github.com/acme/churn.git"]
)
def test_the_checkout_names_the_repository(github: FakeGitHub, remote: str) -> None:
    Path(".git").mkdir()
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "remote", "add", "origin", remote], check=True)
    assert bootstrap_github.origin() == REPOSITORY


def test_the_plan_is_data_that_json_can_hold() -> None:
    settings = Settings("o/r", "main", ("a", "b/c"), 1, False, False, (), ())
    bodies = [json.loads(call.stdin) for call in plan(settings, Facts()) if call.stdin and call.arguments[0] == "api"]
    reviewers = next(body["reviewers"] for body in bodies if body.get("reviewers"))
    assert [reviewer["type"] for reviewer in reviewers] == ["User", "Team"]
