"""What checkov says of whole releases. It is installed by hash into an environment of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..tools import installed
from .rendering import OVERLAYS, REVIEW, STAGES, Manifest, choose_the_operator, container, kustomize, one, release

# CKV_K8S_35 wants secrets as files. The service takes its one key from the environment, where the kubelet leaves it out
# when there is no Secret; whoever reads the environment of a process in this pod reads its files as well.
SKIPPED = "CKV_K8S_35"

Scan = Callable[[Iterable[Manifest]], dict[str, Any]]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("checkov")]


@pytest.fixture(scope="session")
def checkov(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the command of checkov."""
    return installed("checkov", tmp_path_factory.mktemp("checkov"))


@pytest.fixture
def scan(checkov: Path, tmp_path: Path) -> Scan:
    """Return a function that gives checkov's findings on manifests."""

    def findings(manifests: Iterable[Manifest]) -> dict[str, Any]:
        rendered = tmp_path / "rendered.yaml"
        rendered.write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
        options = ["--framework", "kubernetes", "--skip-check", SKIPPED, "--skip-download", "--output", "json"]
        command = [str(checkov), "--file", str(rendered), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        return dict(json.loads(done.stdout))

    return findings


def failed(findings: dict[str, Any]) -> set[str]:
    return {check["check_id"] for check in findings["results"]["failed_checks"]}


@pytest.mark.parametrize("operator", [False, True], ids=["annotations", "operator"])
def test_no_release_has_a_weak_spot(editable: Path, scan: Scan, *, operator: bool) -> None:
    if operator:
        choose_the_operator(editable)
    overlays = [release(editable, overlay) for overlay in OVERLAYS]
    findings = scan(chain(*overlays, *(kustomize(editable / "k8s/cluster" / stage) for stage in (*STAGES, REVIEW))))
    assert failed(findings) == set()
    assert findings["summary"]["parsing_errors"] == 0
    assert findings["summary"]["passed"] > 200


def test_weak_spots_are_found(editable: Path, scan: Scan) -> None:
    deployment = one(release(editable, "production"), "Deployment")
    server = container(deployment)
    server["image"] = "some-model:latest"
    server["securityContext"]["readOnlyRootFilesystem"] = False
    assert {"CKV_K8S_14", "CKV_K8S_22", "CKV_K8S_43"} <= failed(scan([deployment]))
