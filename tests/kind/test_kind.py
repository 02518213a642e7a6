"""A real cluster: its scheduler, kubelet, admission and proxy, with images that its node pulls by digest.

`make test-kind` makes the cluster. These tests run against the context that TEMPLATE_KIND_CONTEXT names, and no other,
with images in TEMPLATE_REGISTRY. They build on each other: what one leaves is where the next begins.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..engine import docker, make, registered, replace

pytestmark = pytest.mark.kind

APP = "customer-churn"
STAGING, PRODUCTION = f"{APP}-staging", f"{APP}-production"
CONTEXT, REGISTRY = (os.environ.get(f"TEMPLATE_{name}", "") for name in ("KIND_CONTEXT", "REGISTRY"))
# One step and one window, with requests of the pipeline's own; the node of a small machine holds few pods.
QUICK = {
    "steps": "[50]", "max_share": "50.0", "initial_delay_seconds": "0.0", "count": "2",
    "interval_seconds": "5.0", "failure_limit": "0", "min_requests": "20", "min_predictions": "20",
    "max_p99_seconds": "5.0", "max_p99_ratio": "20.0", "synthetic": "true", "requests_per_second": "20.0",
}  # fmt: skip
BROKEN = 'FROM {image}\nENTRYPOINT ["python", "-c", "raise SystemExit(3)"]\n'


@dataclass(frozen=True)
class Release:
    """An image in the registry, and the documents that it was built from."""

    image: str
    model: Path

    @property
    def order(self) -> tuple[str, ...]:
        """Return the arguments that deploy it."""
        return ("--image", self.image, "--model", str(self.model))


@dataclass(frozen=True)
class Site:
    """A project, the cluster that an administrator prepared for it, and its releases."""

    project: Path
    first: Release
    second: Release
    broken: Release

    def admin(self, *words: str) -> str:
        """Return what kubectl answers an administrator."""
        done = kubectl("--context", CONTEXT, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kubeconfig(self, account: str, namespace: str) -> Path:
        """Return a kubeconfig with the token of a service account, and with nothing of the administrator's."""
        path = self.project / f"{account}-{namespace}.kubeconfig"
        config = json.loads(self.admin("config", "view", "--minify", "--flatten", "--output=json"))
        token = self.admin("--namespace", namespace, "create", "token", account).strip()
        config["users"] = [{"name": account, "user": {"token": token}}]
        config["contexts"][0]["context"] |= {"user": account, "namespace": namespace}
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path

    def script(self, name: str, *words: str, account: str = "deployer") -> subprocess.CompletedProcess[str]:
        """Run a script of the project as a step of its workflow does."""
        namespace = STAGING if words[0] == "staging" else PRODUCTION
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig(account, namespace))}
        command = [sys.executable, f"scripts/{name}.py", *words]
        return subprocess.run(
            command, cwd=self.project, env=environment, capture_output=True, text=True, check=False, timeout=900
        )

    def running(self, namespace: str) -> str:
        """Return the one image of the pods that take requests."""
        words = ("get", "pods", "--selector=track=stable", "--output=json")
        pods = json.loads(self.admin("--namespace", namespace, *words))["items"]
        images = {pod["spec"]["containers"][0]["image"] for pod in pods if is_ready(pod)}
        assert len(images) == 1, images
        return str(images.pop())

    def canaries(self) -> int:
        """Return how many pods of the canary production is to have."""
        found = json.loads(self.admin("--namespace", PRODUCTION, "get", "deployments", "--output=json"))["items"]
        return sum(one["spec"]["replicas"] for one in found if one["metadata"]["name"] == f"{APP}-canary")

    def record(self, name: str = "deployment") -> dict[str, Any]:
        """Return the record that the last delivery, or the last canary, left."""
        return dict(json.loads((self.project / "artifacts" / f"{name}.json").read_text()))


def kubectl(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["kubectl", *words], input=given, capture_output=True, text=True, check=False, timeout=300)


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    leaving = "deletionTimestamp" in pod["metadata"]
    return not leaving and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def pushed(name: str) -> str:
    """Push an image and return it by its digest."""
    docker("push", name)
    repository = name.rpartition(":")[0]
    digests = json.loads(docker("image", "inspect", "--format={{json .RepoDigests}}", name))
    return next(str(digest) for digest in digests if digest.startswith(f"{repository}@"))


def released(project: Path, number: int) -> Release:
    """Train, export and build, and return the release."""
    make(project, "pipeline")
    make(project, "export")
    name = f"{REGISTRY}/{APP}:{number}"
    make(project, "image", f"IMAGE={name}")
    return Release(pushed(name), shutil.copytree(project / "artifacts" / "serving", project / f"serving-{number}"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Build two good images and a broken one, and prepare the cluster as an administrator does."""
    if not (CONTEXT and REGISTRY):
        pytest.skip("TEMPLATE_KIND_CONTEXT and TEMPLATE_REGISTRY name no cluster to throw away; see `make test-kind`")
    project = registered(tmp_path_factory.mktemp("kind"))
    for key, value in QUICK.items():
        replace(project / "config" / "delivery.toml", rf"^{key} = (\[.*\]|[\w.]+)", f"{key} = {value}")
    deployment = project / "k8s" / "base" / "deployment.yaml"
    replace(
        deployment, r"memory: 512Mi\n +ephemeral-storage: 64Mi", "memory: 128Mi\n              ephemeral-storage: 64Mi"
    )
    replace(deployment, r"cpu: 500m", "cpu: 100m")
    first, second = (released(project, number) for number in (1, 2))
    name = f"{REGISTRY}/{APP}:broken"
    subprocess.run(["docker", "build", "--tag", name, "-"], input=BROKEN.format(image=first.image).encode(), check=True)
    made = Site(project, first, second, Release(pushed(name), second.model))
    for stage in ("staging", "production", "production-review"):
        made.admin("apply", "--server-side", "--kustomize", str(project / "k8s" / "cluster" / stage))
    yield made
    made.admin("delete", "namespace", STAGING, PRODUCTION, "--wait=false")


def test_staging_takes_a_release_that_its_node_pulls_by_digest(site: Site) -> None:
    done = site.script("deploy", "staging", *site.first.order)
    assert done.returncode == 0, done.stderr
    assert site.running(STAGING) == site.first.image
    assert {"ready", "golden set", "load: errors"} <= {check["name"] for check in site.record()["checks"]}


def test_a_release_that_does_not_start_is_explained_and_the_one_before_is_back(site: Site) -> None:
    replace(site.project / "k8s" / "base" / "deployment.yaml", r"Seconds: 300", "Seconds: 60")
    done = site.script("deploy", "staging", *site.broken.order)
    assert done.returncode == 1
    assert "exit code 3" in done.stderr and f"{site.first.image} is back" in done.stderr
    assert site.record()["outcome"] == "rolled-back"
    assert site.running(STAGING) == site.first.image


def test_a_canary_that_keeps_its_limits_becomes_the_release(site: Site) -> None:
    done = site.script("deploy", "production", *site.first.order)
    assert done.returncode == 0, done.stderr
    done = site.script("canary", "production", *site.second.order)
    assert done.returncode == 0, done.stderr
    assert site.record("canary")["outcome"] == "passed" and site.canaries() > 0
    done = site.script("deploy", "production", *site.second.order)
    assert done.returncode == 0, done.stderr
    assert (site.running(PRODUCTION), site.canaries()) == (site.second.image, 0)


def test_a_rollback_returns_to_the_release_before(site: Site) -> None:
    done = site.script("rollback", "production", "--reason", "a rehearsal")
    assert done.returncode == 0, done.stderr
    assert site.running(PRODUCTION) == site.first.image


def test_a_canary_that_breaks_a_limit_is_taken_away(site: Site) -> None:
    settings = site.project / "config" / "delivery.toml"
    kept = settings.read_bytes()
    replace(settings, r"^max_p99_seconds = [\d.]+", "max_p99_seconds = 0.000001")
    done = site.script("canary", "production", *site.second.order)
    settings.write_bytes(kept)
    assert done.returncode == 1, done.stderr
    assert "p99 latency" in done.stderr
    assert (site.running(PRODUCTION), site.canaries()) == (site.first.image, 0)


def test_the_reviewer_sees_what_would_change_and_can_change_nothing(site: Site) -> None:
    done = site.script("deploy", "production", *site.second.order, "--diff", account="reviewer")
    assert done.returncode == 0, done.stderr
    assert site.second.image in done.stdout
    reviewer = ("--kubeconfig", str(site.kubeconfig("reviewer", PRODUCTION)))
    change = ("patch", "deployment", APP, '--patch={"spec": {"minReadySeconds": 3}}')
    assert kubectl(*reviewer, *change, "--dry-run=server").returncode == 0
    refused = kubectl(*reviewer, *change)
    assert refused.returncode != 0
    assert "may only rehearse changes of production" in refused.stderr


@pytest.mark.parametrize("wish", ["get secrets", "create pods/exec", "delete deployments", "create rolebindings"])
@pytest.mark.parametrize("account", ["deployer", "reviewer"])
def test_neither_account_reaches_further(site: Site, account: str, wish: str) -> None:
    words = ("auth", "can-i", *wish.split(), "--quiet")
    assert kubectl("--kubeconfig", str(site.kubeconfig(account, PRODUCTION)), *words).returncode == 1
    assert kubectl("--kubeconfig", str(site.kubeconfig(account, PRODUCTION)), *words, "-n", STAGING).returncode == 1
