"""From a push to production and back: the generated workflows, the project's real scripts, real kubectl, a cluster."""

from __future__ import annotations

import pytest
import yaml

from .runner import Cancel, events
from .scenario import document, edited, failures, learns_nothing, pull_request, same_model, version
from .world import APP, PRODUCTION, STAGING, World

pytestmark = pytest.mark.slow


def test_the_digest_that_staging_tested_reaches_production_after_the_approval(world: World) -> None:
    run = world.push()
    assert run.waiting == ["production"], str(run)
    (image,) = (f"{one.name}@{one.digest}" for one in world.hub.images)
    assert (world.running(STAGING), world.running(PRODUCTION)) == (image, "")
    page = run.jobs["review"].summary
    assert f"`{image}`" in page
    assert "## What staging showed" in page
    assert "| roc" in page
    assert "What a deployment changes in production" in page
    assert world.champion() == 1

    world.approve(run)
    assert run.conclusion == "success", str(run)
    assert world.running(PRODUCTION) == image
    assert world.champion() == 2
    assert document(run, "deployment-production", "deployment.json")["image"] == image
    assert [one.environment for one in world.hub.deployments] == ["staging", "production-review", "production"]


def test_a_second_release_goes_through_a_canary_and_comes_back_on_request(world: World) -> None:
    first = world.approve(world.push())
    before = world.running(PRODUCTION)
    second = world.approve(world.push())
    assert second.conclusion == "success", str(second)
    assert world.running(PRODUCTION) != before
    assert "% (asked for 50 %)" in second.jobs["production / rollout"].log
    assert (world.canaries(), world.champion()) == (0, 3)
    assert version(first) != version(second)

    run = world.dispatch("rollback.yml", by="dev", environment="production", reason="too many complaints")
    assert run.waiting == ["production"], str(run)
    world.approve(run)
    assert run.conclusion == "success", str(run)
    assert world.running(PRODUCTION) == before
    assert world.champion() == 2
    assert version(first) in run.jobs["rollback"].log


def test_a_rejected_release_changes_nothing_in_production(world: World) -> None:
    run = world.approve(world.push(), yes=False)
    assert run.conclusions["production / rollout"] == "failure"
    assert (world.running(PRODUCTION), world.canaries(), world.champion()) == ("", 0, 1)


def test_a_release_that_fails_in_staging_asks_nobody(world: World) -> None:
    world.images.breaks = 0
    run = world.push()
    assert failures(run) == ["Roll out and verify"], str(run)
    assert run.waiting == []
    assert run.conclusions["production"] == "skipped"
    assert document(run, "deployment-staging", "deployment.json")["outcome"] == "rolled-back"
    assert "golden set" in run.jobs["staging / rollout"].summary


def test_a_canary_that_fails_leaves_the_release_before(world: World) -> None:
    world.approve(world.push())
    before = world.running(PRODUCTION)
    second = world.push()
    world.images.breaks = 1  # what staging showed does not hold in production
    world.approve(second)
    assert failures(second) == ["Try it on a canary"], str(second)
    assert (world.running(PRODUCTION), world.canaries(), world.champion()) == (before, 0, 2)
    assert second.conclusions["production / promote"] == "skipped"


@pytest.mark.parametrize(
    ("patience", "undone_by"),
    [
        pytest.param(15.0, "Roll out and verify", id="told to stop"),
        pytest.param(0.0, "Undo what was cut off", id="killed"),
    ],
)
def test_a_rollout_that_is_cancelled_leaves_the_release_before(world: World, patience: float, undone_by: str) -> None:
    world.push()
    before = world.running(STAGING)
    run = world.push(Cancel("staging / rollout", "Roll out and verify", after=f"{APP}: ", patience=patience))
    assert run.conclusion == "cancelled", str(run)
    assert world.running(STAGING) == before
    assert before in run.jobs["staging / rollout"].steps(undone_by).log
    assert document(run, "deployment-staging", "deployment.json")["running"]["image"] == before
    assert run.conclusions["production"] == "skipped"


def test_a_rollout_that_is_killed_leaves_the_release_before(world: World) -> None:
    world.push()
    before = world.running(STAGING)
    run = world.push(Cancel("staging / rollout", "Roll out and verify", after=f"{APP}: ", crash=True))
    assert failures(run) == ["Roll out and verify"], str(run)
    assert world.running(STAGING) == before
    assert before in run.jobs["staging / rollout"].steps("Undo what was cut off").log
    assert document(run, "deployment-staging", "deployment.json")["running"]["image"] == before


def test_a_rollback_that_is_killed_is_finished(world: World) -> None:
    world.push()
    before = world.running(STAGING)
    world.push()
    assert world.running(STAGING) != before
    crash = Cancel("rollback", "Roll back", after=f"{APP}: ", crash=True)
    inputs = {"environment": "staging", "reason": "too many complaints"}
    asked = events.workflow_dispatch(world.hub, "rollback.yml", inputs, actor="owner")
    run = world.runner.trigger(asked, cancel=crash)["rollback.yml"]
    assert failures(run) == ["Roll back"], str(run)
    assert world.running(STAGING) == before
    assert before in run.jobs["rollback"].steps("Finish what was cut off").log


def test_a_canary_that_is_cancelled_is_gone(world: World) -> None:
    world.approve(world.push())
    before = world.running(PRODUCTION)
    run = world.approve(world.push(Cancel("production / rollout", "Try it on a canary", after="50 %", patience=0)))
    assert run.conclusion == "cancelled", str(run)
    assert (world.running(PRODUCTION), world.canaries(), world.champion()) == (before, 0, 2)


def test_production_without_a_reviewer_is_refused(world: World) -> None:
    world.hub.environments["production"].reviewers = []
    run = world.push()
    assert failures(run) == ["The environment is protected"], str(run)
    assert "it has no required reviewer" in run.jobs["production / preflight"].log
    assert world.running(PRODUCTION) == ""


def test_a_start_by_hand_replaces_the_reviewer_for_a_second_person_only(world: World) -> None:
    world.hub.environments["production"].reviewers = []
    world.hub.variables["APPROVAL"] = "dispatch"
    run = world.push()
    assert run.conclusion == "success", str(run)
    assert run.conclusions["production"] == "skipped"
    image = world.running(STAGING)
    assert f"-f image={image}" in run.jobs["review"].summary

    order = {"environment": "production", "image": image, "run_id": str(run.id)}
    own = world.dispatch("deploy.yml", by="dev", **order)
    assert failures(own) == ["The environment is protected"], str(own)
    assert "dev made what is to be deployed" in own.jobs["preflight"].log
    assert world.running(PRODUCTION) == ""

    app = world.dispatch("deploy.yml", by="github-actions[bot]", **order)
    assert failures(app) == ["The environment is protected"], str(app)
    assert "github-actions[bot] started this run, and only a person can approve" in app.jobs["preflight"].log
    assert world.running(PRODUCTION) == ""

    second = world.dispatch("deploy.yml", by="owner", **order)
    assert second.conclusion == "success", str(second)
    assert (world.running(PRODUCTION), world.champion()) == (image, 2)
    notes = world.cluster.object("Deployment", PRODUCTION, APP)["metadata"]["annotations"]
    assert notes["release/actor"] == "owner"


def test_a_start_by_hand_rolls_out_the_commit_that_was_staged(world: World) -> None:
    world.hub.environments["production"].reviewers = []
    world.hub.variables["APPROVAL"] = "dispatch"
    run = world.push()
    image = world.running(STAGING)
    moved = edited(world.hub, "k8s/base/deployment.yaml", "progressDeadlineSeconds: 3000", "progressDeadlineSeconds: 6")
    later = events.push(world.hub, moved, actor="owner")  # its own pipeline has not run yet
    order = {"environment": "production", "image": image, "run_id": str(run.id)}
    approved = world.dispatch("deploy.yml", by="owner", **order)
    assert approved.conclusion == "success", str(approved)
    assert approved.event.sha == later.sha
    assert world.running(PRODUCTION) == image
    assert world.cluster.object("Deployment", PRODUCTION, APP)["spec"]["progressDeadlineSeconds"] == 3000


def test_a_start_by_hand_deploys_only_what_staging_tested(world: World) -> None:
    world.hub.environments["production"].reviewers = []
    world.hub.variables["APPROVAL"] = "dispatch"
    run = world.push()
    image = f"{world.running(STAGING).partition('@')[0]}@sha256:{'0' * 64}"
    other = world.dispatch("deploy.yml", environment="production", image=image, run_id=str(run.id))
    assert failures(other) == ["Staging runs this very image"], str(other)
    assert world.running(PRODUCTION) == ""


def test_another_run_than_the_pipelines_is_no_evidence(world: World) -> None:
    judged = pull_request(world.runner, same_model(world.hub))
    image = f"ghcr.io/octo/model@sha256:{'0' * 64}"
    for environment in ("staging", "production"):
        run = world.dispatch("deploy.yml", environment=environment, image=image, run_id=str(judged.id))
        assert failures(run) == ["The run is the pipeline's own"], str(run)
        assert "it ran .github/workflows/ci.yml, wanted pipeline.yml" in run.jobs["preflight"].log
    run = world.dispatch("build-image.yml", run_id=str(judged.id))
    assert failures(run) == ["The run is the pipeline's own"], str(run)


def test_who_made_a_model_cannot_run_its_approved_deployment_again(world: World) -> None:
    world.hub.environments["production"].reviewers = []
    world.hub.variables["APPROVAL"] = "dispatch"
    built = world.push()
    order = {"environment": "production", "image": world.running(STAGING), "run_id": str(built.id)}
    run = world.dispatch("deploy.yml", by="owner", **order)
    assert run.conclusion == "success", str(run)
    world.runner.repeat(run, "rollout", by="dev")
    assert failures(run) == ["The environment is still protected"], str(run)


def test_a_model_that_was_compared_with_another_than_what_runs_waits_for_a_new_judgement(world: World) -> None:
    first, second = world.push(), world.push()
    world.approve(first)
    assert first.conclusion == "success", str(first)
    before = world.running(PRODUCTION)
    assert second.waiting == ["production"], str(second)
    rollback = world.dispatch("rollback.yml", environment="production", reason="too many complaints")
    assert rollback.waiting == ["production"], "a release that waits for its approval keeps nobody from going back"
    world.approve(second)
    assert failures(second) == ["It was compared with what runs"], str(second)
    assert world.running(PRODUCTION) == before


def test_a_rollback_goes_only_where_production_was_before(world: World) -> None:
    first = world.approve(world.push())
    before = world.running(PRODUCTION)
    second = world.push()
    image = world.running(STAGING)
    order = {"environment": "production", "image": image, "reason": "a way around the approval"}
    never = world.dispatch("rollback.yml", **order, run_id=str(second.id))
    assert failures(never) == ["Take over what it recorded"], str(never)
    other = world.dispatch("rollback.yml", **order, run_id=str(first.id))
    assert failures(other) == ["The image ran there before"], str(other)
    nothing = world.dispatch("rollback.yml", **order)
    assert failures(nothing) == ["The run is this repository's own"], str(nothing)
    assert world.running(PRODUCTION) == before


def test_an_image_that_was_built_elsewhere_is_not_deployed(world: World) -> None:
    run = world.push()
    image = world.running(STAGING)
    world.hub.attestations.clear()
    other = world.dispatch("deploy.yml", environment="staging", image=image, run_id=str(run.id))
    assert failures(other) == ["The image was built here, on the default branch"], str(other)
    assert other.conclusions["rollout"] == "skipped"


def test_a_model_that_the_gate_refuses_becomes_no_image(world: World) -> None:
    run = world.runner.trigger(events.push(world.hub, learns_nothing(world.hub)))["pipeline.yml"]
    assert failures(run) == ["Decide"], str(run)
    assert (world.hub.images, world.running(STAGING)) == ([], "")


def test_each_environment_has_an_identity_that_cannot_reach_the_other(world: World) -> None:
    secrets = {name: one.secrets["KUBECONFIG"] for name, one in world.hub.environments.items()}
    users = {name: yaml.safe_load(text)["users"][0]["user"]["token"] for name, text in secrets.items()}
    assert len(set(users.values())) == 3
    world.hub.environments["production"].secrets["KUBECONFIG"] = secrets["staging"]
    run = world.approve(world.push())
    assert run.conclusions["production / rollout"] == "failure"
    assert world.running(PRODUCTION) == ""
