from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import bootstrap_github
import pytest
from github_api.plan import ENVIRONMENTS, Facts, Settings, plan

from .conftest import REPOSITORY
from .fake_gh import FakeGitHub

REPO = f"repos/{REPOSITORY}"
APPROVAL = f"variable set APPROVAL --repo {REPOSITORY}"
PRODUCTION = f"GET {REPO}/environments/production"
PERMISSIONS = f"GET {REPO}/actions/permissions"
TOKEN = f"GET {REPO}/actions/permissions/workflow"
RULESETS = f"GET {REPO}/rulesets?includes_parents=false&per_page=100&page=1"
PROTECTED = {"protected_branches": True, "custom_branch_policies": False}
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}
OCTOCAT = {"type": "User", "reviewer": {"id": 583231, "login": "octocat"}}
REVIEW: dict[str, Any] = {"type": "required_reviewers", "prevent_self_review": True, "reviewers": [OCTOCAT]}
REVIEWED: dict[str, Any] = {
    "protection_rules": [REVIEW, {"type": "branch_policy"}],
    "deployment_branch_policy": CUSTOM,
}
EMPTY_RULE = REVIEWED | {"protection_rules": [{"type": "required_reviewers", "reviewers": []}]}
UNREVIEWED = REVIEWED | {"protection_rules": [{"type": "branch_policy"}]}


def branches(name: str) -> str:
    return f"{REPO}/environments/{name}/deployment-branch-policies"


def policies(name: str) -> str:
    return f"GET {branches(name)}?per_page=100&page=1"


def taking(*names: str) -> dict[str, Any]:
    """Return what GitHub lists for an environment that takes these branches."""
    found = [{"id": number, "name": name, "type": "branch"} for number, name in enumerate(names, start=1)]
    return {"total_count": len(found), "branch_policies": found}


def an_environment(github: FakeGitHub, name: str, environment: dict[str, Any], *takes: str) -> None:
    github.answers(f"GET {REPO}/environments/{name}", environment)
    github.answers(policies(name), taking(*takes))


def test_without_apply_the_plan_is_printed_and_nobody_is_asked(
    github: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap_github.main(["--repo", REPOSITORY, "--secret", "production:KUBECONFIG=@missing"]) == 0
    printed = capsys.readouterr().out
    assert "environment production, approved by (name somebody with --reviewer)" in printed
    assert "gh secret set KUBECONFIG --repo acme/churn --env production" in printed
    assert "Other rules of the environments staging, production-review, production and of the ruleset" in printed
    assert "Add --apply to carry it out" in printed
    assert github.calls() == []


def hears(github: FakeGitHub, answers: Mapping[str, Any]) -> None:
    """Let the next read of each request have this answer; None is for what is not there."""
    for request, answer in answers.items():
        if answer is None:
            github.answers(request, status=404, says="Not Found")
        else:
            github.answers(request, answer)


def a_repository(github: FakeGitHub, **environments: dict[str, Any]) -> None:
    """Let GitHub know the reviewers and take every call, where at most `environments` were set up."""
    hears(github, {"GET users/octocat": {"id": 583231}, "GET orgs/acme/teams/platform": {"id": 77}})
    for name in ENVIRONMENTS:
        hears(github, {f"GET {REPO}/environments/{name}": environments.get(name)})
        hears(github, {f"PUT {REPO}/environments/{name}": {}, f"POST {branches(name)}": {}})
    hears(github, {PERMISSIONS: {"enabled": True, "allowed_actions": "selected"}, RULESETS: []})
    hears(github, {f"PUT {REPO}/actions/permissions": {}, f"PUT {REPO}/actions/permissions/workflow": {}})
    hears(github, {f"POST {REPO}/rulesets": {"id": 9}, APPROVAL: {}})


@pytest.fixture
def fresh(github: FakeGitHub) -> FakeGitHub:
    """Return a GitHub that knows the reviewers and takes every call, for a repository where nothing was set up."""
    a_repository(github)
    return github


REVIEWS = {
    "required_approving_review_count": 1,
    "dismiss_stale_reviews_on_push": True,
    "require_code_owner_review": True,
    "require_last_push_approval": True,
    "required_review_thread_resolution": True,
    "allowed_merge_methods": ["merge", "squash", "rebase"],
}
CHECKS = {
    "strict_required_status_checks_policy": False,
    "do_not_enforce_on_create": False,
    "required_status_checks": [{"context": "required", "integration_id": 15368}],
}
RULES: dict[str, Any] = {
    "id": 9,
    "name": "default branch",
    "target": "branch",
    "source_type": "Repository",
    "enforcement": "active",
    "conditions": {"ref_name": {"exclude": [], "include": ["refs/heads/main"]}},
    "rules": [
        {"type": "deletion"},
        {"type": "non_fast_forward"},
        {"type": "pull_request", "parameters": REVIEWS},
        {"type": "required_status_checks", "parameters": CHECKS},
    ],
}
# What GitHub answers once the plan was carried out.
HELD: dict[str, Any] = {
    f"GET {REPO}/environments/staging": UNREVIEWED,
    f"GET {REPO}/environments/production-review": UNREVIEWED,
    PRODUCTION: REVIEWED,
    **{policies(name): taking("main") for name in ENVIRONMENTS},
    PERMISSIONS: {"enabled": True, "allowed_actions": "selected", "sha_pinning_required": True, "url": "…"},
    TOKEN: {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False},
    RULESETS: [{"id": 8, "name": "another"}, {"id": 9, "name": "default branch"}],
    f"GET {REPO}/rulesets/9": RULES,
    f"GET {REPO}/actions/variables/APPROVAL": {"name": "APPROVAL", "value": "reviewers"},
}


def holds_the_plan(github: FakeGitHub, otherwise: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Let later reads answer what the plan set, except for what is held `otherwise`."""
    hears(github, {**HELD, **otherwise})


APPLY = ["--repo", REPOSITORY, "--reviewer", "octocat", "--apply"]


def test_apply_sets_everything_up_and_reads_it_back(fresh: FakeGitHub) -> None:
    holds_the_plan(fresh)
    assert bootstrap_github.main(APPLY) == 0
    sent = dict(fresh.writes())
    production = sent[f"PUT {REPO}/environments/production"]
    assert production["reviewers"] == [{"type": "User", "id": 583231}]
    assert production["prevent_self_review"] is True
    assert sent[f"PUT {REPO}/environments/staging"] == {"deployment_branch_policy": CUSTOM}
    assert sent[f"PUT {REPO}/actions/permissions"] == {
        "enabled": True,
        "allowed_actions": "selected",
        "sha_pinning_required": True,
    }
    rules = {rule["type"]: rule.get("parameters") for rule in sent[f"POST {REPO}/rulesets"]["rules"]}
    assert rules["pull_request"]["require_code_owner_review"] is True
    (check,) = rules["required_status_checks"]["required_status_checks"]
    assert check == {"context": "required", "integration_id": 15368}


def test_approval_by_a_start_needs_no_reviewer(fresh: FakeGitHub) -> None:
    holds_the_plan(fresh, {PRODUCTION: UNREVIEWED, f"GET {REPO}/actions/variables/APPROVAL": {"value": "dispatch"}})
    assert bootstrap_github.main(["--repo", REPOSITORY, "--approval", "dispatch", "--apply"]) == 0
    sent = dict(fresh.writes())
    assert sent[APPROVAL] == "dispatch"
    # A private repository on Pro or Team refuses the other fields even when they are empty.
    assert [sent[f"PUT {REPO}/environments/{name}"] for name in ENVIRONMENTS] == [
        {"deployment_branch_policy": CUSTOM}
    ] * 3


def test_a_team_can_review(fresh: FakeGitHub) -> None:
    team = REVIEW | {"reviewers": [{"type": "Team", "reviewer": {"id": 77, "slug": "platform"}}]}
    holds_the_plan(fresh, {PRODUCTION: REVIEWED | {"protection_rules": [team]}})
    assert bootstrap_github.main(["--repo", REPOSITORY, "--reviewer", "acme/platform", "--apply"]) == 0
    sent = dict(fresh.writes())
    assert sent[f"PUT {REPO}/environments/production"]["reviewers"] == [{"type": "Team", "id": 77}]


def test_a_reviewer_from_before_is_taken_away_where_nobody_is_to_review(github: FakeGitHub) -> None:
    a_repository(github, staging=REVIEWED)
    holds_the_plan(github)
    assert bootstrap_github.main(APPLY) == 0
    body = dict(github.writes())[f"PUT {REPO}/environments/staging"]
    assert (body["reviewers"], body["wait_timer"], body["prevent_self_review"]) == ([], 0, False)


def test_another_branch_from_before_loses_the_right_to_deploy(github: FakeGitHub) -> None:
    a_repository(github, production=REVIEWED)
    hears(github, {policies("production"): taking("main", "release"), f"DELETE {branches('production')}/2": {}})
    holds_the_plan(github)
    assert bootstrap_github.main(APPLY) == 0
    assert f"DELETE {branches('production')}/2" in dict(github.writes())


def test_a_second_run_changes_what_is_there_and_adds_nothing(github: FakeGitHub) -> None:
    github.answers("GET users/octocat", {"id": 583231})
    holds_the_plan(github)
    github.answers(APPROVAL)
    for path in (*(f"environments/{name}" for name in ENVIRONMENTS), "actions/permissions", "rulesets/9"):
        hears(github, {f"PUT {REPO}/{path}": {}})
    github.answers(f"PUT {REPO}/actions/permissions/workflow")
    assert bootstrap_github.main(APPLY) == 0
    assert not [request for request, _ in github.writes() if request.startswith(("POST", "DELETE"))]


@pytest.mark.parametrize(
    ("request_", "answer", "message"),
    [
        pytest.param(
            f"GET {REPO}/environments/staging",
            REVIEWED,
            "environment staging: prevent_self_review is true, planned false",
            id="a reviewer of staging",
        ),
        pytest.param(
            f"GET {REPO}/environments/production-review",
            UNREVIEWED | {"deployment_branch_policy": None},
            "environment production-review: deployment_branch_policy is null",
            id="any branch",
        ),
        pytest.param(
            PRODUCTION,
            UNREVIEWED,
            'environment production, approved by octocat: reviewers lacks {"type": "User", "id": 583231}',
            id="no reviewer",
        ),
        pytest.param(
            PRODUCTION,
            REVIEWED | {"protection_rules": [REVIEW | {"reviewers": [OCTOCAT, OCTOCAT | {"reviewer": {"id": 1}}]}]},
            'environment production, approved by octocat: reviewers also holds {"type": "User", "id": 1}',
            id="somebody else approves",
        ),
        pytest.param(
            PRODUCTION,
            REVIEWED | {"protection_rules": [REVIEW | {"prevent_self_review": False}]},
            "prevent_self_review is false, planned true",
            id="one's own work",
        ),
        pytest.param(
            PRODUCTION,
            REVIEWED | {"protection_rules": [REVIEW, {"type": "wait_timer", "wait_timer": 30}]},
            "wait_timer is 30, planned 0",
            id="a wait",
        ),
        pytest.param(PRODUCTION, None, "environment production, approved by octocat: not there", id="no production"),
        pytest.param(policies("staging"), taking(), "only main deploys to staging: not done", id="no branch"),
        pytest.param(
            policies("production"),
            taking("main", "x"),
            "x no longer deploys to production: not done",
            id="two branches",
        ),
        pytest.param(
            PERMISSIONS,
            {"enabled": True, "allowed_actions": "selected"},
            "actions only by full commit SHA: sha_pinning_required is null, planned true",
            id="actions by tag",
        ),
        pytest.param(
            TOKEN,
            {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True},
            "can_approve_pull_request_reviews is true, planned false",
            id="workflows approve",
        ),
        pytest.param(RULESETS, [], "its owners' review: not done", id="no ruleset"),
        pytest.param(
            f"GET {REPO}/rulesets/9",
            RULES | {"enforcement": "evaluate"},
            'enforcement is "evaluate", planned "active"',
            id="rules that only watch",
        ),
        pytest.param(
            f"GET {REPO}/rulesets/9", RULES | {"target": "tag"}, 'target is "tag", planned "branch"', id="rules of tags"
        ),
        pytest.param(
            f"GET {REPO}/rulesets/9",
            RULES | {"rules": [*RULES["rules"][:2], {"type": "pull_request", "parameters": {}}, RULES["rules"][3]]},
            'rules lacks {"type": "pull_request"',
            id="no review",
        ),
        pytest.param(
            f"GET {REPO}/actions/variables/APPROVAL",
            {"value": "dispatch"},
            'variable APPROVAL of the repository: value is "dispatch", planned "reviewers"',
            id="another approval",
        ),
    ],
)
def test_what_github_holds_otherwise_fails_and_is_named(
    fresh: FakeGitHub, capsys: pytest.CaptureFixture[str], request_: str, answer: object, message: str
) -> None:
    holds_the_plan(fresh, {request_: answer})
    assert bootstrap_github.main(APPLY) == 1
    printed = capsys.readouterr().out
    (line,) = (line for line in printed.splitlines() if message in line)
    assert line.startswith("not as planned: ")
    assert "required reviewers need Enterprise" in printed


def test_a_rule_that_the_plan_does_not_include_is_explained_and_the_rest_is_done(
    fresh: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = f"GET {REPO}/actions/variables/DEPLOY_ENABLED"
    holds_the_plan(fresh, {entry: {"value": "false"}})
    fresh.answers(f"variable set DEPLOY_ENABLED --repo {REPOSITORY}")
    for refused in (RULESETS, f"POST {REPO}/rulesets"):
        fresh.refuses(refused, status=403, says="Upgrade to GitHub Pro")
    assert bootstrap_github.main([*APPLY, "--variable", "DEPLOY_ENABLED=false"]) == 1
    printed = capsys.readouterr().out
    assert "Upgrade to GitHub Pro" in printed
    assert "A private one on Free has none" in printed
    assert f"PUT {REPO}/actions/permissions/workflow" in dict(fresh.writes())
    assert fresh.writes()[-1] == (f"variable set DEPLOY_ENABLED --repo {REPOSITORY}", "false")


def test_secrets_come_from_files_and_variables_and_are_never_printed(
    fresh: FakeGitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ("environments/production/secrets/KUBECONFIG", "actions/secrets/TOKEN")
    holds_the_plan(fresh, {f"GET {REPO}/{place}": {} for place in places})
    Path("prod.kubeconfig").write_text("from a file", encoding="utf-8")
    monkeypatch.setenv("TOKEN", "from a variable")
    fresh.answers(f"secret set KUBECONFIG --repo {REPOSITORY} --env production")
    fresh.answers(f"secret set TOKEN --repo {REPOSITORY}")
    secrets = ["--secret", "production:KUBECONFIG=@prod.kubeconfig", "--secret", "TOKEN"]
    assert bootstrap_github.main([*APPLY, *secrets]) == 0
    assert [body for _, body in fresh.writes()[-2:]] == ["from a file", "from a variable"]
    seen = capsys.readouterr()
    assert "from a" not in seen.out + seen.err


def test_a_secret_that_did_not_arrive_is_named(
    fresh: FakeGitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    holds_the_plan(fresh, {f"GET {REPO}/actions/secrets/TOKEN": None})
    monkeypatch.setenv("TOKEN", "from a variable")
    fresh.answers(f"secret set TOKEN --repo {REPOSITORY}")
    assert bootstrap_github.main([*APPLY, "--secret", "TOKEN"]) == 1
    assert "not as planned: secret TOKEN of the repository: not there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--apply"], "0 reviewers were named", id="nobody approves"),
        pytest.param(["--approval", "dispatch", "--reviewer", "a"], "leave it out", id="two kinds of approval"),
        pytest.param(["--reviewer", "a"] * 7, "7 reviewers were named", id="too many"),
        pytest.param(["--reviewer", "@acme/a"], "wanted a login such as octocat, or ORG/TEAM, without @", id="mention"),
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
