"""Manifests of a small application, as the emulator's own tests need them."""

from __future__ import annotations

from collections.abc import Mapping
from subprocess import CompletedProcess
from typing import Any

import yaml

from .emulator import Emulator

NAMESPACE = "shop"
LABELS = {"app": "app", "track": "stable"}
HARDENED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
DRAINING = {"preStop": {"sleep": {"seconds": 10}}}


def probe(path: str, **numbers: int) -> dict[str, Any]:
    """Return an HTTP probe."""
    return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": 5, **numbers}


def deployment(
    image: str = "app:1", name: str = "app", *, container: Mapping[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return a Deployment; `spec` overrides fields of its spec, `container` fields of its container."""
    labels = {**LABELS, "track": "canary" if name.endswith("canary") else "stable"}
    server = {
        "name": "server",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": probe("/v2/health/ready"),
        **(container or {}),
    }
    template = {
        "metadata": {"labels": labels},
        "spec": {"terminationGracePeriodSeconds": 40, "containers": [server]},
    }
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    body = {"replicas": 1, "selector": {"matchLabels": labels}, "strategy": strategy, "template": template}
    kinds = {"apiVersion": "apps/v1", "kind": "Deployment"}
    return {**kinds, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {**body, **spec}}


def service(name: str = "app", **selector: str) -> dict[str, Any]:
    """Return a Service for the application's pods, of one track when it is named."""
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    spec = {"selector": {"app": "app", **selector}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def apply(cluster: Emulator, *objects: dict[str, Any], options: tuple[str, ...] = ()) -> CompletedProcess[str]:
    """Apply objects server-side as the pipeline does."""
    text = yaml.safe_dump_all(objects)
    return cluster.kubectl("apply", "--server-side", "--field-manager=pipeline", *options, "-f", "-", given=text)


def rolled_out(cluster: Emulator, name: str = "app", timeout: str = "30s") -> CompletedProcess[str]:
    """Wait for the end of a rollout."""
    return cluster.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{name}", f"--timeout={timeout}")


def running(cluster: Emulator, *objects: dict[str, Any]) -> None:
    """Apply objects and wait until the application is there."""
    done = apply(cluster, *objects)
    assert done.returncode == 0, done.stderr
    rollout = rolled_out(cluster)
    assert rollout.returncode == 0, rollout.stderr + rollout.stdout
