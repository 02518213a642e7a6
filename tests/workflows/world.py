"""A repository whose pipeline deploys, the cluster that it deploys to, and what stands for Docker in its jobs.

An image is the real service, started with the very files that it was built from, unless a scenario wants a bad one.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..cluster.emulator import Emulator, Launcher, Program, stand_in
from .runner import Cancel, Engine, Environment, GitHub, Run, Runner, events
from .runner.origin import git
from .scenario import aliases, edited, stores

APP = "customer-churn"
STAGING, PRODUCTION = f"{APP}-staging", f"{APP}-production"
DOCKER = "#!/bin/sh\nSTAND_IN='{home}' SERVICE_PYTHON='{python}' exec '{own}' '{stand_in}' \"$@\"\n"

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

    def push(self, cancel: Cancel | None = None) -> Run:
        """Push a change that trains a model and return the pipeline's run."""
        event = events.push(self.hub, {"src/note.txt": f"{len(self.hub.runs)}"})
        return self.runner.trigger(event, cancel=cancel)["pipeline.yml"]

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


def programs(folder: Path, make: str, project: Path) -> dict[str, Path]:
    """Write what stands for make and docker into `folder`, and return where each lies."""
    python, docker = project / ".venv" / "bin" / "python", Path(__file__).with_name("stand_in_docker.py")
    texts = {"make": make, "docker": DOCKER.format(home=folder, python=python, own=sys.executable, stand_in=docker)}
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return {name: folder / name for name in texts}


def end_containers(home: Path) -> None:
    """End what a failed job left running."""
    for file in home.glob("*.pid"):
        if not Path(f"{file}.exit").exists():
            with suppress(ProcessLookupError):
                os.killpg(int(file.read_text()), signal.SIGKILL)


@contextmanager
def deployed(hub: GitHub, engine: Engine, project: Path, make: str, folder: Path) -> Iterator[World]:
    """Yield `hub` with a cluster that an administrator has prepared; `project` is where its libraries are installed."""
    cluster = Emulator()
    cluster.launcher = images = Built(hub, project)
    with ExitStack() as stack:
        stack.callback(end_containers, folder)
        stack.enter_context(cluster)
        runner = stack.enter_context(Runner(hub, engine, executables=programs(folder, make, project)))
        made = World(runner, cluster, images)
        prepare(made, project)
        yield made


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
