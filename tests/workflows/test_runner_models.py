"""The models of remote actions, and the part of the API that a person's scripts use."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import FIXTURES, Start
from .runner import events
from .runner.actions.build_context import context_files
from .runner.results import Run
from .runner.runner import Runner


@pytest.fixture
def models(begin: Start) -> Runner:
    """Return a runner for the fixture repository `models`."""
    runner = begin("models", executables={"kubectl": None})
    runner.hub.secrets["KUBECONFIG"] = "kind: Config"
    runner.hub.vulnerabilities.add("HIGH")
    return runner


def push(runner: Runner, text: str) -> Run:
    """Change the lock file."""
    return runner.trigger(events.push(runner.hub, {"uv.lock": text}))["models.yml"]


def test_a_cache_is_saved_once_and_found_by_key_or_prefix(models: Runner) -> None:
    """`cache-hit` is empty, false for a similar key and true for the very key."""
    logs = [push(models, text).jobs["tools"].steps("report").log.splitlines() for text in ("a", "b", "b")]
    assert [lines[-2] for lines in logs] == ["3.12 [] ", "3.12 [false] wheel", "3.12 [true] wheel"]
    assert [lines[-1] for lines in logs] == ["2", "3", "4"]


def test_an_image_is_pushed_after_the_login_only(models: Runner) -> None:
    """Its digest follows from its content, and its tags are lower case."""
    run = push(models, "a")
    image = run.jobs["image"]
    assert "denied: requested access to the resource is denied" in image.steps("early").log
    short = run.event.sha[:7]
    names = ["1.2.3", f"sha-{short}", "main"]
    assert image.outputs["tags"].split() == [f"ghcr.io/octo/model:{name}" for name in names], str(run)
    assert [item.digest for item in models.hub.images] == [image.steps("build").outputs["digest"]]
    assert models.hub.images[0].labels["org.opencontainers.image.revision"] == run.event.sha


def test_a_build_sees_what_dockerignore_leaves(tmp_path: Path) -> None:
    """The last line that matches a file or one of its folders decides."""
    (tmp_path / ".dockerignore").write_text("# all but\n*\n!src\n!lock-*.txt\n**/__pycache__\n")
    for name in ("src/a.py", "src/b/__pycache__/b.pyc", "lock-a.txt", "other/lock-a.txt", "secret"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in context_files(tmp_path)] == ["lock-a.txt", "src/a.py"]


def test_a_scan_needs_an_image_that_there_is(begin: Start) -> None:
    """Neither loaded by the job nor pushed before: the name is wrong."""
    runner = begin("models", executables={"kubectl": None})
    workflow = ".github/workflows/models.yml"
    text = (FIXTURES / "models" / workflow).read_text()
    wrong = text.replace("image-ref: ghcr.io/octo/model@", "image-ref: ghcr.io/octo/other@")
    run = runner.trigger(events.push(runner.hub, {workflow: wrong}))["models.yml"]
    assert "unable to find the specified image 'ghcr.io/octo/other@" in run.jobs["image"].steps("scan").log


def test_a_scan_finds_what_the_test_planted(models: Runner) -> None:
    """A severity that is asked for fails the step."""
    assert "found vulnerabilities: HIGH" in push(models, "a").jobs["image"].steps("scan").log


def test_signing_needs_a_token_for_it(models: Runner) -> None:
    """Without `id-token: write` there is nothing to sign with."""
    assert "missing `id-token: write` permission" in push(models, "a").jobs["image"].steps("attest").log


def test_identities_without_an_environment_name_the_branch(models: Runner) -> None:
    """The secret in the kubeconfig is masked."""
    run = push(models, "a")
    assert run.conclusions["identities"] == "success", str(run)
    assert {(item.provider, item.role) for item in models.hub.identities} == {
        ("google", "deployer@example.com"), ("azure", "client"),
    }  # fmt: skip
    assert {item.subject for item in models.hub.identities} == {"repo:octo@1001/model@2002:ref:refs/heads/main"}
    assert run.jobs["identities"].steps("kubeconfig").log == "***"


def gh(runner: Runner, *arguments: str, actor: str = "owner", text: str = "") -> subprocess.CompletedProcess[str]:
    """Run `gh` as a person."""
    environment = runner.environment(actor)
    return subprocess.run(["gh", *arguments], env=environment, input=text, capture_output=True, text=True, check=False)


def test_an_administrator_protects_an_environment(models: Runner) -> None:
    """Reviewers, branches, variables and secrets can be set and read back."""
    reviewer = gh(models, "api", "users/owner", "--jq", ".id").stdout.strip()
    rules = (
        f'{{"prevent_self_review": true, "reviewers": [{{"type": "User", "id": {reviewer}}}],'
        ' "deployment_branch_policy": {"protected_branches": false, "custom_branch_policies": true}}'
    )
    path = "repos/{owner}/{repo}/environments/production"
    assert gh(models, "api", "-X", "PUT", path, "--input", "-", text=rules).returncode == 0
    assert gh(models, "api", f"{path}/deployment-branch-policies", "-f", "name=main").returncode == 0
    for _ in range(2):
        gh(models, "variable", "set", "ROLE", "--env", "production", "--body", "deployer")
    gh(models, "secret", "set", "TOKEN", "--env", "production", text="hunter2")
    production = models.hub.environments["production"]
    assert (production.reviewers, production.prevent_self_review, production.branches) == (["owner"], True, ["main"])
    assert (production.variables, production.secrets) == ({"ROLE": "deployer"}, {"TOKEN": "hunter2"})
    query = '.protection_rules[] | select(.type == "required_reviewers") | .reviewers[].reviewer.login'
    assert gh(models, "api", path, "--jq", query).stdout == "owner\n"


def test_settings_are_remembered_by_address(models: Runner) -> None:
    """Branch protection that nobody set is not found."""
    path = "repos/octo/model/branches/main/protection"
    assert "Branch not protected (HTTP 404)" in gh(models, "api", path).stderr
    gh(models, "api", "-X", "PUT", path, "--input", "-", text='{"enforce_admins": true}')
    assert gh(models, "api", path, "--jq", ".enforce_admins").stdout == "true\n"


def test_only_an_administrator_changes_settings(models: Runner) -> None:
    """Write access is not enough."""
    done = gh(models, "variable", "set", "ENABLED", "--body", "true", actor="dev")
    assert "HTTP 403" in done.stderr
    assert models.hub.variables == {}


def test_deployments_are_listed_newest_first(models: Runner) -> None:
    """A script can record one and give it a state."""
    for digest in ("a", "b"):
        body = f'{{"ref": "main", "environment": "production", "payload": {{"digest": "{digest}"}}}}'
        gh(models, "api", "repos/octo/model/deployments", "--input", "-", text=body)
    number = gh(models, "api", "repos/octo/model/deployments?environment=production", "--jq", ".[0].id").stdout.strip()
    gh(models, "api", f"repos/octo/model/deployments/{number}/statuses", "-f", "state=success")
    assert models.hub.deployments[-1].payload == {"digest": "b"}
    assert models.hub.deployments[-1].states == ["success"]
