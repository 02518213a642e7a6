"""The scripts that set up a GitHub repository do so, and refuse an approval that nobody has to give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .runner import Runner
from .runner.origin import git

ENVIRONMENTS = ("staging", "production-review", "production")


def script(runner: Runner, name: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run a script as the repository's administrator and return exit code and what it printed."""
    folder = runner.hub.folder / "clone"
    if not folder.exists():
        git(runner.hub.folder, "clone", "--quiet", str(runner.hub.origin.path), str(folder))
    command = [sys.executable, str(Path("scripts", name)), *arguments]
    known = {**runner.environment("owner"), "GITHUB_REPOSITORY": runner.hub.repository, **environment}
    done = subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def bootstrap(runner: Runner, *options: str, **environment: str) -> tuple[int, str]:
    """Run bootstrap_github.py with one reviewer and one variable."""
    chosen = ("--repo", runner.hub.repository, "--reviewer", "owner", "--variable", "production:NAMESPACE=churn")
    return script(runner, "bootstrap_github.py", *chosen, *options, **environment)


def test_bootstrap_plans_without_a_network_and_then_applies_the_plan(new: Runner) -> None:
    hub = new.hub
    code, plan = bootstrap(new, GITHUB_API_URL="http://127.0.0.1:9", GH_TOKEN="")
    assert code == 0, plan
    assert "environment production, approved by owner" in plan
    assert "nothing was done" in plan
    assert (hub.environments, hub.settings, hub.rulesets) == ({}, {}, {})
    assert script(new, "check_environment.py", "production")[0] == 1

    code, done = bootstrap(new, "--apply")
    assert code == 0, done
    production = hub.environments["production"]
    assert (production.reviewers, production.prevent_self_review, production.branches) == (["owner"], True, ["main"])
    assert production.variables == {"NAMESPACE": "churn"}
    assert hub.environments["staging"].reviewers == []
    assert hub.environments["staging"].branches == ["main"]
    (ruleset,) = hub.rulesets.values()
    (status,) = [rule for rule in ruleset["rules"] if rule["type"] == "required_status_checks"]
    assert [check["context"] for check in status["parameters"]["required_status_checks"]] == ["required"]
    assert script(new, "check_environment.py", "production") == (0, "environment production is protected\n")

    code, again = bootstrap(new, "--apply")
    assert code == 0, str(again)
    assert len(hub.rulesets) == 1
    assert production.branches == ["main"]


def test_bootstrap_fails_when_the_plan_of_the_account_has_no_reviewers(new: Runner) -> None:
    new.hub.private = True
    code, said = bootstrap(new, "--apply")
    assert code == 1, said
    assert "not as planned: environment production, approved by owner: not there" in said
    assert "need Enterprise" in said


def test_approval_by_a_start_is_set_up_where_the_plan_has_no_reviewers(new: Runner) -> None:
    hub = new.hub
    hub.private = True
    dispatch = ("--repo", hub.repository, "--approval", "dispatch", "--apply")
    code, said = script(new, "bootstrap_github.py", *dispatch)
    assert code == 0, said
    assert {name: one.branches for name, one in hub.environments.items()} == {key: ["main"] for key in ENVIRONMENTS}
    assert hub.variables == {"APPROVAL": "dispatch"}

    hub.environments["production"].branches = ["release", "main"]
    code, said = script(new, "bootstrap_github.py", *dispatch)
    assert code == 0, said
    assert hub.environments["production"].branches == ["main"]


def test_a_change_of_mind_takes_the_reviewers_away(new: Runner) -> None:
    assert bootstrap(new, "--apply")[0] == 0
    dispatch = ("--repo", new.hub.repository, "--approval", "dispatch", "--apply")
    code, said = script(new, "bootstrap_github.py", *dispatch)
    assert code == 0, said
    assert new.hub.environments["production"].reviewers == []


def test_bootstrap_does_what_a_private_repository_on_free_allows_and_says_what_that_leaves_out(new: Runner) -> None:
    hub = new.hub
    hub.private = True
    hub.settings["plan"] = "free"
    code, said = bootstrap(new, "--apply")
    assert code == 1, said
    actions = "/repo/actions/permissions"
    assert hub.settings[actions]["sha_pinning_required"] is True
    assert hub.settings[f"{actions}/workflow"]["default_workflow_permissions"] == "read"
    assert (hub.environments, hub.rulesets) == ({}, {})
    assert "Upgrade to GitHub Pro or make this repository public" in said
    assert "A private one on Free has none" in said


def test_an_environment_that_nobody_approves_is_refused(new: Runner) -> None:
    code, said = script(new, "check_environment.py", "production")
    assert code == 1
    assert "it does not exist" in said
    new.hub.environment("production")
    code, said = script(new, "check_environment.py", "production")
    assert code == 1
    assert "refused: environment production: it has no required reviewer" in said
