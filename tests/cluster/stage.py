"""A rendered project, a cluster that an administrator prepared, and the deployer who runs the project's scripts."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from .emulator import Emulator, Program, stand_in

APP = "customer-churn"
REPOSITORY = "ghcr.io/acme/churn"
NAMESPACE = f"{APP}-staging"
SETTINGS = {  # real seconds, as the emulated cluster's clock runs fast and kubectl's does not
    "load_seconds": "0",
    "pause_seconds": "0.1",
    "poll_seconds": "0.25",
    "request_timeout_seconds": "10.0",
    "lock_seconds": "3.0",
    "patience_seconds": "30.0",
    "ready_seconds": "10.0",
    "timeout_seconds": "60.0",
    "requests": "3",
    "latency_ms": "5000.0",
}
UNPRIVILEGED = "allowPrivilegeEscalation: false"
COLUMNS = {"tenure_months": "number", "plan": "text"}


def image(name: str) -> str:
    """Return the reference of the image called `name`."""
    return f"{REPOSITORY}@sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def quicken(project: Path) -> None:
    """Shorten what the project's scripts wait for, and how long its pods may take to come up."""
    path = project / "config" / "delivery.toml"
    text = path.read_text(encoding="utf-8")
    for key, value in SETTINGS.items():
        text, count = re.subn(rf"^{key} = [0-9.]+", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count, f"config/delivery.toml has no {key}"
    path.write_text(text, encoding="utf-8")
    path = project / "k8s" / "base" / "deployment.yaml"
    text, count = re.subn(
        r"progressDeadlineSeconds: \d+", "progressDeadlineSeconds: 100", path.read_text(encoding="utf-8")
    )
    assert count == 1
    path.write_text(text, encoding="utf-8")


def write_model(folder: Path, version: str) -> Path:
    """Write the documents that an image of model `version` is built from, and return their folder."""
    rows = [{"tenure_months": number, "plan": "pro" if number % 2 else "basic"} for number in range(8)]
    share = [[0.9 - number / 20, 0.1 + number / 20] for number in range(8)]
    identity = {
        "name": APP,
        "version": version,
        "sha256": hashlib.sha256(version.encode()).hexdigest(),
        "run_id": f"run-{version}",
        "classes": [0, 1],
    }
    properties = {
        "tenure_months": {"type": ["number", "null"], "x-role": "feature"},
        "plan": {"type": ["string", "null"], "x-role": "feature"},
    }
    documents: dict[str, Any] = {
        "metadata.json": {"format": "metadata/1", "identity": identity},
        "golden.json": {
            "format": "golden/1",
            "rows": rows,
            "predictions": [int(odds[1] > 0.3) for odds in share],
            "classes": [0, 1],
            "probabilities": share,
            "tolerance": 1e-6,
        },
        "export.json": {
            "format": "export/1",
            "columns": [{"name": name, "kind": kind} for name, kind in COLUMNS.items()],
            "output": {"classes": [0, 1]},
        },
        "contract/data.schema.json": {"properties": properties, "required": list(COLUMNS)},
    }
    for name, document in documents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(document), encoding="utf-8")
    return folder


class Stage:
    """The staging environment of a project, and its deployer's machine."""

    def __init__(self, project: Path, cluster: Emulator) -> None:
        self.project, self.cluster = project, cluster
        self.models: dict[str, Path] = {}
        setup = cluster.kubectl("kustomize", str(project / "k8s" / "cluster" / "staging"))
        assert setup.returncode == 0, setup.stderr
        cluster.apply(setup.stdout)
        self.kubeconfig = cluster.kubeconfig_for(f"{NAMESPACE}/deployer", namespace=NAMESPACE)
        self.summary = project / "summary.md"
        self.output = project / "output.txt"

    def build(self, name: str, **behaviour: object) -> str:
        """Make an image of the model called `name`, such as `1.0.0`, that behaves as told; return its reference."""
        self.models[name] = write_model(self.project / "artifacts" / name, name)
        self.serve(name, stand_in(MODEL_DIR=self.models[name], **behaviour))
        return image(name)

    def serve(self, name: str, program: Program) -> None:
        """Let the image of the model called `name` run `program` from now on."""
        self.cluster.launcher.add(image(name).rpartition(":")[2], program)

    def ask_for_privileges(self) -> None:
        """Let the manifests ask for more than Pod Security gives."""
        manifest = self.project / "k8s" / "base" / "deployment.yaml"
        text = manifest.read_text(encoding="utf-8")
        assert text.count(UNPRIVILEGED) == 1
        manifest.write_text(text.replace(UNPRIVILEGED, UNPRIVILEGED.replace("false", "true")), encoding="utf-8")

    def environment(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """Return the environment of a step of a workflow."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.cluster.directory),
            "KUBECONFIG": str(kubeconfig or self.kubeconfig),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_ACTOR": "ada",
        }

    def start(self, script: str, *arguments: str, kubeconfig: Path | None = None) -> subprocess.Popen[str]:
        """Start a script of the project as the deployer."""
        command = [sys.executable, f"scripts/{script}", *arguments]
        environment = self.environment(kubeconfig)
        return subprocess.Popen(
            command, cwd=self.project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, script: str, *arguments: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a script of the project to its end."""
        with self.start(script, *arguments, kubeconfig=kubeconfig) as process:
            out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def deploy(self, name: str, *arguments: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Deploy the image of a model to staging."""
        return self.run("deploy.py", *self.order(name), *arguments, kubeconfig=kubeconfig)

    def order(self, name: str) -> tuple[str, ...]:
        """Return the arguments that deploy the image of a model."""
        return ("staging", "--image", image(name), "--model", str(self.models[name]))

    def deployed(self, name: str, **behaviour: object) -> str:
        """Build and deploy a model that has to come up; return its image."""
        built = self.build(name, **behaviour)
        done = self.deploy(name)
        assert done.returncode == 0, done.stderr
        return built

    def installed(self, name: str, previous: str = "", **behaviour: object) -> str:
        """Put the image of a model into staging as a delivery that ended well left it; return its reference."""
        built = self.build(name, **behaviour)
        pins = {"": name, "verified-": name} | ({"previous-": previous} if previous else {})
        notes = {"release/action": "deploy"}
        for which, model in pins.items():
            facts = {"image": image(model), "model-version": model, "run-id": f"run-{model}"}
            notes |= {f"release/{which}{key}": value for key, value in facts.items()}
        self.apply(built, notes)
        self.cluster.wait_for(self.settled(built), 20)
        return built

    def apply(self, image: str, notes: Mapping[str, str], overlay: str = "staging") -> None:
        """Apply an overlay with an image and notes, in the way and under the name of the pipeline."""
        rendered = self.cluster.kubectl("kustomize", str(self.project / "k8s" / "overlays" / overlay))
        documents = [document for document in yaml.safe_load_all(rendered.stdout) if document]
        for document in documents:
            document["metadata"]["namespace"] = NAMESPACE
            if document["kind"] == "Deployment":
                document["spec"]["template"]["spec"]["containers"][0]["image"] = image
                document["metadata"]["annotations"] = dict(notes)
        options = ("--server-side", "--force-conflicts", "--field-manager=github-actions", "-f", "-")
        applied = self.cluster.kubectl(
            "apply", *options, given=yaml.safe_dump_all(documents), kubeconfig=self.kubeconfig
        )
        assert applied.returncode == 0, applied.stderr

    def rollback(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Roll staging back."""
        return self.run("rollback.py", "staging", "--reason", "too many complaints", *arguments)

    @property
    def record(self) -> dict[str, Any]:
        """Return the record that the last script left."""
        return dict(json.loads((self.project / "artifacts" / "deployment.json").read_text(encoding="utf-8")))

    @property
    def deployment(self) -> Mapping[str, Any]:
        """Return the stable Deployment."""
        return self.cluster.object("Deployment", NAMESPACE, APP)

    @property
    def notes(self) -> dict[str, str]:
        """Return the release's notes on the Deployment, without their prefix."""
        notes = self.deployment["metadata"].get("annotations") or {}
        return {key.removeprefix("release/"): value for key, value in notes.items() if key.startswith("release/")}

    @property
    def running(self) -> str:
        """Return the image that the Deployment asks for."""
        return str(self.deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    def serving(self) -> set[str]:
        """Return the images of the pods that take requests."""
        return {
            pod["spec"]["containers"][0]["image"]
            for pod in self.cluster.pods(NAMESPACE, track="stable")
            if any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())
        }

    def settled(self, wanted: str) -> Callable[[], bool]:
        """Return a condition: the pods of `wanted`, and no others, take requests."""
        return lambda: self.running == wanted and self.serving() == {wanted} and self._no_other_pods(wanted)

    def _no_other_pods(self, wanted: str) -> bool:
        pods = self.cluster.pods(NAMESPACE, track="stable")
        return all(pod["spec"]["containers"][0]["image"] == wanted for pod in pods)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return when something outside of the cluster has come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not come true within {seconds:g} s"
        time.sleep(0.02)


def kill(process: subprocess.Popen[str]) -> None:
    """End a process as no process can prevent."""
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
