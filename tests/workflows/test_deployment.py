"""From a push to production and back: the generated workflows, the project's real scripts, real kubectl, a cluster.

An image is the real service, started with the very files that it was built from, unless a scenario wants a bad one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ..cluster.emulator import Emulator, Launcher, Program, stand_in
from .conftest import MAKE, take_over
from .runner import Engine, Environment, GitHub, Run, Runner, events
from .runner.origin import git
from .scenario import aliases, document, edited, failures, learns_nothing, stores, version
from .test_build_image import DOCKER, end_containers

APP = "customer-churn"
STAGING, PRODUCTION = f"{APP}-staging", f"{APP}-production"
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployment")]

# Real seconds, as the cluster's clock runs fast and kubectl's does not; and the one step that a test has time for.
QUICK = {
    "load_seconds": "0", "pause_seconds": "0.1", "poll_seconds": "0.1", "lock_seconds": "5.0", "ready_seconds": "10.0",
    "requests": "3", "latency_ms": "5000.0", "steps": "[50]", "max_share": "50.0", "initial_delay_seconds": "0.0",
    "interval_seconds": "1.0", "count": "1", "failure_limit": "0", "min_requests": "5", "min_predictions": "5",
    "max_p99_seconds": "5.0", "max_p99_ratio": "20.0", "synthetic": "true", "requests_per_second": "20.0",
}  # fmt: skip


class Built(Launcher):
    """Runs the service for each image that the pipeline pushed; for images pushed after `breaks`, a broken one."""

    def __init__(self, hub: GitHub, project: Path) -> None:
        super().__init__()
        self.hub, self.project = hub, project
        self.breaks: int | None = None

    def find(self, image: str) -> Program | None:
        """Return what an image runs; nothing when it was never pushed."""
        for number, pushed in enumerate(self.hub.images):
            if image == f"{pushed.name}@{pushed.digest}":
                run = next(run for run in self.hub.runs if run.id == pushed.run_id)
                model = run.artifacts["serving"].folder
                bad = self.breaks is not None and number >= self.breaks
                return stand_in(MODEL_DIR=model, errors="1.0") if bad else self._service(model)
        return None

    def _service(self, model: Path) -> Program:
        python = str(self.project / ".venv" / "bin" / "python")
        environment = {"MODEL_DIR": str(model), "PYTHONPATH": str(self.project / "src")}
        return Program((python, "-m", APP.replace("-", "_") + ".serving"), environment)


@dataclass
class World:
    """A repository whose pipeline deploys, and the cluster that it deploys to."""

    runner: Runner
    cluster: Emulator
    images: Built

    @property
    def hub(self) -> GitHub:
        """Return the repository."""
        return self.runner.hub

    def push(self) -> Run:
        """Push a change that trains a model and return the pipeline's run."""
        number = len(self.hub.runs)
        return self.runner.trigger(events.push(self.hub, {"src/note.txt": f"{number}"}))["pipeline.yml"]

    def approve(self, run: Run, *, yes: bool = True) -> Run:
        """Let the owner answer for production."""
        return self.runner.review(run, "production", approve=yes, by="owner")

    def running(self, namespace: str) -> str:
        """Return the image of the stable Deployment, empty before the first release."""
        for deployment in self.cluster.objects("Deployment", namespace):
            if deployment["metadata"]["name"] == APP:
                return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])
        return ""

    def canaries(self) -> int:
        """Return how many canary pods there are in production."""
        return len(self.cluster.pods(PRODUCTION, track="canary"))

    def champion(self) -> int | None:
        """Return the number of the champion in the newest store."""
        return aliases(stores(self.hub)[-1]).get("champion")

    def dispatch(self, workflow: str, *, by: str = "owner", **inputs: str) -> Run:
        """Let somebody start a workflow by hand."""
        named = {name.replace("_", "-"): value for name, value in inputs.items()}
        return self.runner.trigger(events.workflow_dispatch(self.hub, workflow, named, actor=by))[workflow]


@pytest.fixture
def world(engine: Engine, project: Path, interpreter: Path, pushed: GitHub, tmp_path: Path) -> Iterator[World]:
    """Return a repository with a champion and a cluster that an administrator has prepared."""
    python = project / ".venv" / "bin" / "python"
    docker = Path(__file__).with_name("stand_in_docker.py")
    texts = {
        "make": MAKE.format(python=interpreter),
        "docker": DOCKER.format(home=tmp_path, python=python, own=sys.executable, stand_in=docker),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    hub = GitHub(tmp_path / "hub", project)
    take_over(hub, pushed)
    cluster = Emulator()
    cluster.launcher = images = Built(hub, project)
    with ExitStack() as stack:
        stack.callback(end_containers, tmp_path)
        stack.enter_context(cluster)
        runner = stack.enter_context(Runner(hub, engine, executables={name: tmp_path / name for name in texts}))
        made = World(runner, cluster, images)
        prepare(made, project)
        yield made


def story(run: Run) -> str:
    """Return how each job ended, and the end of the log of those that failed."""
    logs = [f"--- {path}\n{job.log[-2000:]}" for path, job in run.jobs.items() if job.conclusion == "failure"]
    return "\n".join([str(dict(run.conclusions)), *logs])


def prepare(world: World, project: Path) -> None:
    """Do what the administrators of repository and cluster do once, and shorten what the scripts wait for."""
    hub, cluster = world.hub, world.cluster
    for stage in ("staging", "production", "production-review"):
        manifests = cluster.kubectl("kustomize", str(project / "k8s" / "cluster" / stage)).stdout
        # The emulator evaluates no admission policies.
        cluster.apply(one for one in yaml.safe_load_all(manifests) if not one["kind"].startswith("ValidatingAdmission"))
    who = {"staging": (STAGING, "deployer"), "production": (PRODUCTION, "deployer")}
    who["production-review"] = (PRODUCTION, "reviewer")
    for name, (namespace, account) in who.items():
        kubeconfig = cluster.kubeconfig_for(f"{namespace}/{account}", namespace=namespace).read_text()
        hub.environments[name] = Environment(name, secrets={"KUBECONFIG": kubeconfig}, branches=["main"])
    production = hub.environments["production"]
    production.reviewers, production.prevent_self_review = ["owner"], True
    hub.variables["DEPLOY_ENABLED"] = "true"
    path, text = "config/delivery.toml", git(hub.origin.path, "show", "main:config/delivery.toml")
    for key, value in QUICK.items():
        text, count = re.subn(rf"^{key} = (\[.*\]|[\w.]+)", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count, f"{path} has no {key}"
    slow = edited(hub, "k8s/base/deployment.yaml", "progressDeadlineSeconds: 300", "progressDeadlineSeconds: 3000")
    events.push(hub, {path: text, **slow})


def test_the_digest_that_staging_tested_reaches_production_after_the_approval(world: World) -> None:
    run = world.push()
    assert run.waiting == ["production"], story(run)
    (image,) = (f"{one.name}@{one.digest}" for one in world.hub.images)
    assert (world.running(STAGING), world.running(PRODUCTION)) == (image, "")
    page = run.jobs["review"].summary
    assert f"`{image}`" in page
    assert "## What staging showed" in page
    assert "| roc" in page
    assert "What a deployment changes in production" in page
    assert world.champion() == 1

    world.approve(run)
    assert run.conclusion == "success", story(run)
    assert world.running(PRODUCTION) == image
    assert world.champion() == 2
    assert document(run, "deployment-production", "deployment.json")["image"] == image
    assert [one.environment for one in world.hub.deployments] == ["staging", "production-review", "production"]


def test_a_second_release_goes_through_a_canary_and_comes_back_on_request(world: World) -> None:
    first = world.approve(world.push())
    before = world.running(PRODUCTION)
    second = world.approve(world.push())
    assert second.conclusion == "success", story(second)
    assert world.running(PRODUCTION) != before
    assert "% (asked for 50 %)" in second.jobs["production / rollout"].log
    assert (world.canaries(), world.champion()) == (0, 3)
    assert version(first) != version(second)

    run = world.dispatch("rollback.yml", by="dev", environment="production", reason="too many complaints")
    assert run.waiting == ["production"], story(run)
    world.approve(run)
    assert run.conclusion == "success", story(run)
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
    assert failures(run) == ["Roll out and verify"], story(run)
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
    assert failures(second) == ["Try it on a canary"], story(second)
    assert (world.running(PRODUCTION), world.canaries(), world.champion()) == (before, 0, 2)
    assert second.conclusions["production / promote"] == "skipped"


def test_production_without_a_reviewer_is_refused(world: World) -> None:
    world.hub.environments["production"].reviewers = []
    run = world.push()
    assert failures(run) == ["The environment is protected"], story(run)
    assert "it has no required reviewer" in run.jobs["production / preflight"].log
    assert world.running(PRODUCTION) == ""


def test_a_start_by_hand_replaces_the_reviewer_for_a_second_person_only(world: World) -> None:
    world.hub.environments["production"].reviewers = []
    world.hub.variables["APPROVAL"] = "dispatch"
    run = world.push()
    assert run.conclusion == "success", story(run)
    assert run.conclusions["production"] == "skipped"
    image = world.running(STAGING)
    assert f"-f image={image}" in run.jobs["review"].summary

    order = {"environment": "production", "image": image, "run_id": str(run.id)}
    own = world.dispatch("deploy.yml", by="dev", **order)
    assert failures(own) == ["The environment is protected"], story(own)
    assert "dev made what is to be deployed" in own.jobs["preflight"].log
    assert world.running(PRODUCTION) == ""

    second = world.dispatch("deploy.yml", by="owner", **order)
    assert second.conclusion == "success", story(second)
    assert (world.running(PRODUCTION), world.champion()) == (image, 2)
    notes = world.cluster.object("Deployment", PRODUCTION, APP)["metadata"]["annotations"]
    assert notes["release/actor"] == "owner"


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64], ids=["an image that nobody built"])
def test_a_start_by_hand_deploys_only_what_staging_tested(world: World, digest: str) -> None:
    run = world.push()
    image = f"{world.running(STAGING).partition('@')[0]}@{digest}"
    other = world.dispatch("deploy.yml", environment="production", image=image, run_id=str(run.id))
    assert failures(other) == ["Staging runs this very image"], story(other)
    assert world.running(PRODUCTION) == ""


def test_a_model_that_the_gate_refuses_becomes_no_image(world: World) -> None:
    run = world.runner.trigger(events.push(world.hub, learns_nothing(world.hub)))["pipeline.yml"]
    assert failures(run) == ["Decide"], story(run)
    assert (world.hub.images, world.running(STAGING)) == ([], "")


def test_each_environment_has_an_identity_that_cannot_reach_the_other(world: World) -> None:
    secrets = {name: one.secrets["KUBECONFIG"] for name, one in world.hub.environments.items()}
    users = {name: yaml.safe_load(text)["users"][0]["user"]["token"] for name, text in secrets.items()}
    assert len(set(users.values())) == 3
    world.hub.environments["production"].secrets["KUBECONFIG"] = secrets["staging"]
    run = world.approve(world.push())
    assert run.conclusions["production / rollout"] == "failure"
    assert world.running(PRODUCTION) == ""
