"""Every right of the pipeline's identities against the requests that need it."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ..conftest import render
from ..manifests.rendering import choose_the_operator
from .canary_stage import NAMESPACE, Production, name_gateway, set_canary
from .emulator import Emulator
from .stage import image

pytestmark = pytest.mark.slow

Right = tuple[str, str, str]
ANYBODYS = {("authorization.k8s.io", "selfsubjectaccessreviews", "create")}
MARK = ("delivery", "releases", "rehearse")  # no such resource: by this right a policy knows the reviewer


def test_the_deployer_and_the_reviewer_have_exactly_the_rights_that_their_requests_need(tmp_path: Path) -> None:
    project = render(tmp_path, traffic_split="gateway-api")
    name_gateway(project)
    choose_the_operator(project)
    with Emulator() as cluster:
        production = Production(project, cluster)
        set_canary(project, synthetic="true", requests_per_second="30.0")
        review(production, "1.0.0")
        production.release("1.0.0", replicas=3)
        assert production.canary("2.0.0").returncode == 0
        assert deploy(production, "2.0.0").returncode == 0
        assert deploy(production, "2.0.0", "--diff").returncode == 0  # in staging there is no reviewer to ask
        assert production.canary("3.0.0", crash=1).returncode == 1  # whose pods and logs are looked into
        assert deploy(production, "3.0.0").returncode == 1
        assert production.run("rollback.py", "production", "--reason", "too many complaints").returncode == 0
        refused = {entry.target for entry in cluster.requests.of(code=403)}
        assert refused <= {"namespaces"}, "which only tells what an administrator has to run"
        assert used(cluster, "deployer") - ANYBODYS == rights(cluster, "deployer")
        assert used(cluster, "reviewer") - ANYBODYS == rights(cluster, "reviewer") - {MARK}


def deploy(production: Production, name: str, *arguments: str, **who: Path) -> CompletedProcess[str]:
    """Deploy the image of a model."""
    order = ("--image", image(name), "--model", str(production.models[name]))
    return production.run("deploy.py", "production", *order, *arguments, **who)


def review(production: Production, name: str) -> None:
    """Show what would change as the reviewer."""
    cluster = production.cluster
    setup = cluster.kubectl("kustomize", str(production.project / "k8s" / "cluster" / "production-review"))
    documents = [text for text in setup.stdout.split("---\n") if "ValidatingAdmissionPolicy" not in text]
    cluster.apply("---\n".join(documents))
    production.build(name)
    reviewer = cluster.kubeconfig_for(f"{NAMESPACE}/reviewer", namespace=NAMESPACE)
    done = deploy(production, name, "--diff", kubeconfig=reviewer)
    assert done.returncode == 0, done.stderr


def used(cluster: Emulator, account: str) -> set[Right]:
    """Return the rights without which a request of an account would have been refused."""
    return cluster.requests.used(f"system:serviceaccount:{NAMESPACE}:{account}")


def rights(cluster: Emulator, role: str) -> set[Right]:
    """Return what a role gives."""
    rules = cluster.object("Role", NAMESPACE, role)["rules"]
    return {right for rule in rules for right in product(rule["apiGroups"], rule["resources"], rule["verbs"])}
