"""Environments, reviewers, identities and concurrency groups behave as on GitHub."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import FIXTURES, Start
from .runner import Environment, events
from .runner.runner import Runner


@pytest.fixture
def delivery(begin: Start) -> Runner:
    """Return a runner for `delivery`, whose production waits for the owner."""
    runner = begin("delivery", executables={"kubectl": None})
    for name in ("staging", "production"):
        runner.hub.environments[name] = Environment(name, variables={"ROLE": f"deploy-{name}"}, branches=["main"])
    production = runner.hub.environments["production"]
    production.reviewers, production.prevent_self_review = ["owner", "dev"], True
    production.secrets["PASSWORD"] = "hunter2"
    return runner


def test_production_waits_for_a_reviewer_and_gets_the_digest_that_staging_had(delivery: Runner) -> None:
    """The same run goes on after the approval."""
    run = delivery.trigger(events.push(delivery.hub))["delivery.yml"]
    assert run.status == "waiting", str(run)
    assert run.waiting == ["production"]
    assert [call.args[-1] for call in delivery.calls("kubectl")] == [f"model={delivery.hub.images[0].digest}"]
    delivery.review(run, "production", approve=True, by="owner")
    assert run.conclusion == "success", str(run)
    staging, production = (call.args for call in delivery.calls("kubectl"))
    assert staging == production
    assert run.executed() == ["image", "staging / rollout", "production / rollout"]


def test_each_stage_has_its_own_identity_secrets_and_deployment(delivery: Runner) -> None:
    """The OIDC subject names the environment."""
    run = delivery.trigger(events.push(delivery.hub))["delivery.yml"]
    delivery.review(run, "production", approve=True, by="owner")
    subjects = {identity.role: identity.subject.rpartition(":")[2] for identity in delivery.hub.identities}
    assert subjects == {"deploy-staging": "staging", "deploy-production": "production"}
    urls = {deployment.environment: deployment.url for deployment in delivery.hub.deployments}
    assert urls["production"] == "https://production.example.com/with-password"
    assert urls["staging"] == "https://staging.example.com/"
    assert [deployment.states[-1] for deployment in delivery.hub.deployments] == ["success", "success"]


def test_a_role_refuses_the_wrong_environment(delivery: Runner) -> None:
    """Trust is bound to the subject of the environment."""
    delivery.hub.environments["staging"].variables["ROLE"] = "deploy-production"
    delivery.hub.trust["deploy-production"] = "repo:octo@1001/model@2002:environment:production"
    run = delivery.trigger(events.push(delivery.hub))["delivery.yml"]
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in run.jobs["staging / rollout"].log
    assert run.conclusions["production"] == "skipped"


def test_a_rejection_fails_the_job(delivery: Runner) -> None:
    """Nothing is deployed."""
    run = delivery.trigger(events.push(delivery.hub))["delivery.yml"]
    delivery.review(run, "production", approve=False, by="owner")
    assert run.conclusions["production / rollout"] == "failure"
    assert run.jobs["production / rollout"].message == "Deployment to production was rejected by owner"
    assert len(delivery.calls("kubectl")) == 1


@pytest.mark.parametrize("person", ["dev", "stranger"])
def test_only_another_reviewers_answer_counts(delivery: Runner, person: str) -> None:
    """Who started the run cannot approve it, nor can somebody who is no reviewer."""
    run = delivery.trigger(events.push(delivery.hub))["delivery.yml"]
    delivery.review(run, "production", approve=True, by=person)
    assert run.status == "waiting"


def test_naming_an_environment_creates_it_unprotected(begin: Start) -> None:
    """A preflight therefore has to look at the reviewers."""
    runner = begin("delivery", executables={"kubectl": None})
    runner.hub.variables["ROLE"] = "deploy"
    run = runner.trigger(events.push(runner.hub))["delivery.yml"]
    assert run.conclusion == "success", str(run)
    assert runner.hub.environments["production"].reviewers == []


def test_a_branch_that_may_not_deploy_is_stopped(delivery: Runner) -> None:
    """The branch policy of the environment decides."""
    delivery.hub.environments["staging"].branches = ["release/*"]
    run = delivery.trigger(events.push(delivery.hub))["delivery.yml"]
    assert 'Branch "main" is not allowed to deploy to staging' in run.jobs["staging / rollout"].message


def test_a_run_waits_for_its_concurrency_group(delivery: Runner) -> None:
    """The third push replaces the second, which goes on when the first has ended."""
    first, second, third = (
        delivery.trigger(events.push(delivery.hub, {"a": str(number)}))["delivery.yml"] for number in range(3)
    )
    assert [run.status for run in (first, second, third)] == ["waiting", "completed", "pending"]
    assert second.conclusion == "cancelled"
    delivery.review(first, "production", approve=True, by="owner")
    assert third.status == "waiting"


def test_replaced_programs_run_their_script(begin: Start, tmp_path: Path) -> None:
    """What they print and how they exit is up to the test."""
    script = tmp_path / "kubectl.sh"
    script.write_text("#!/bin/sh\necho broken cluster; exit 7\n")
    script.chmod(0o755)
    runner = begin("delivery", executables={"kubectl": script})
    runner.hub.variables["ROLE"] = "deploy"
    run = runner.trigger(events.push(runner.hub))["delivery.yml"]
    assert "broken cluster\nError: Process completed with exit code 7." in run.jobs["staging / rollout"].log
    assert runner.calls("kubectl")[0].args[:2] == ("set", "image")


def test_a_job_waits_for_its_own_concurrency_group(delivery: Runner) -> None:
    """Another run's job that waits for approval holds the group, and one place is all there is for those who wait."""
    deploy = ".github/workflows/deploy.yml"
    text = (FIXTURES / "delivery" / deploy).read_text()
    group = "permissions: {}\nconcurrency: deploy-${{ inputs.environment }}\n"
    pipeline = ".github/workflows/delivery.yml"
    free = (FIXTURES / "delivery" / pipeline).read_text().replace("group: delivery", "group: ${{ github.run_id }}")
    edits = {deploy: text.replace("permissions: {}\n", group), pipeline: free}
    first = delivery.trigger(events.push(delivery.hub, edits))["delivery.yml"]
    second = delivery.trigger(events.push(delivery.hub, {"a": "1"}))["delivery.yml"]
    assert (first.waiting, second.waiting) == (["production"], [])
    assert "production / rollout" not in second.jobs
    third = delivery.trigger(events.push(delivery.hub, {"a": "2"}))["delivery.yml"]
    delivery.review(first, "production", approve=False, by="owner")
    assert (second.conclusions["production"], second.conclusion) == ("cancelled", "cancelled")
    assert third.waiting == ["production"]


def test_a_job_runs_again_by_itself(delivery: Runner) -> None:
    """What it needs keeps its result, what needs it follows, its environment asks anew, and the asker is known."""
    run = delivery.trigger(events.push(delivery.hub))["delivery.yml"]
    delivery.review(run, "production", approve=True, by="owner")
    before = dict(run.jobs)
    delivery.repeat(run, "production / rollout", by="dev2")
    assert (run.attempt, run.waiting) == (2, ["production"])
    delivery.review(run, "production", approve=True, by="owner")
    assert run.conclusion == "success", str(run)
    assert {path for path, job in run.jobs.items() if job is not before[path]} == {"production / rollout"}
