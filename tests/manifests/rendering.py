"""Overlays of a project as kubectl builds them, for tests of the manifests and of a cluster that takes them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

Manifest = dict[str, Any]

OVERLAYS = ("staging", "production", "production-canary")
STAGES = ("staging", "production")
REVIEW = "production-review"  # an identity of its own in the namespace of production
IMAGE = f"ghcr.io/example-org/some-model@sha256:{'0123456789abcdef' * 4}"


def kustomize(folder: Path) -> list[Manifest]:
    """Return the objects that `kubectl kustomize` makes of `folder`."""
    command = ["kubectl", "kustomize", str(folder)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return list(yaml.safe_load_all(built.stdout))


def release(project: Path, overlay: str, image: str = IMAGE) -> list[Manifest]:
    """Return the objects of an overlay with `image`, a reference by digest, as a deployment renders them."""
    name, _, digest = image.partition("@")
    slug = json.loads((project / ".template.json").read_text(encoding="utf-8"))["project_slug"]
    with TemporaryDirectory() as folder:
        source = os.path.relpath((project / "k8s/overlays" / overlay).resolve(), Path(folder).resolve())
        document = {"resources": [source], "images": [{"name": slug, "newName": name, "digest": digest}]}
        Path(folder, "kustomization.yaml").write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
        return kustomize(Path(folder))


def fill_in_names(project: Path, *, gateway: str = "shared", host: str = "model.example.com") -> None:
    """Write the names that only people know into the files that the documents of `project` tell to edit."""
    for stage in STAGES:
        route = project / "k8s/overlays" / stage / "httproute.yaml"
        if route.exists():
            replace(route, '- name: ""', f"- name: {gateway}")
            replace(route, 'namespace: ""', "namespace: gateways")
            replace(route, '- ""', f"- {stage}.{host}")
    for who in ("staging/deployer", "production/deployer", f"{REVIEW}/reviewer"):
        path = project / "k8s/cluster" / f"{who}.yaml"
        if 'name: ""' in path.read_text(encoding="utf-8"):
            replace(path, 'name: ""', f"name: {who.replace('/', '-')}@example.com")


def choose_the_operator(project: Path) -> None:
    """Choose the component for Prometheus' operator in every overlay, as k8s/README.md says."""
    for overlay in OVERLAYS:
        path = project / "k8s/overlays" / overlay / "kustomization.yaml"
        replace(path, "components:\n", "components:\n  - ../../components/prometheus-operator\n")


def replace(path: Path, old: str, new: str) -> None:
    """Replace the one place in a file that reads `old`."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path} has {text.count(old)} times {old!r}, wanted one"
    path.write_text(text.replace(old, new), encoding="utf-8")


def of_kind(manifests: Iterable[Manifest], kind: str) -> list[Manifest]:
    """Return the objects of one kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def one(manifests: Iterable[Manifest], kind: str) -> Manifest:
    """Return the only object of a kind."""
    (found,) = of_kind(manifests, kind)
    return found


def container(deployment: Manifest) -> dict[str, Any]:
    """Return the only container of a Deployment."""
    found: dict[str, Any]
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return found
