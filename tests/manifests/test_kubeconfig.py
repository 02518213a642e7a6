"""An administrator follows the pages word by word, and the deployer gets in where it should and nowhere else."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..cluster.emulator import Emulator
from ..conftest import render

CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
GH = '#!/bin/sh\necho "$*" > {folder}/asked\ncat > {folder}/secret\n'


@pytest.fixture
def cluster() -> Iterator[Emulator]:
    """Return a cluster in which nothing was prepared."""
    with Emulator() as emulator:
        yield emulator


def commands(page: Path) -> str:
    """Return the commands of the first console block of a page as one script, as far as the emulator can follow.

    It has no admission policies, so the reviewer of production stays out.
    """
    block = CONSOLE.search(page.read_text(encoding="utf-8"))
    assert block is not None
    lines = [line.removeprefix("$ ") for line in block[1].splitlines()]
    return "\n".join(line for line in lines if not line.endswith("/production-review"))


def follow(script: str, project: Path, kubeconfig: Path, path: str = "") -> None:
    """Run commands in `project` as whoever `kubeconfig` names."""
    environment = {"PATH": f"{path}:{os.environ['PATH']}", "HOME": str(project.parent), "KUBECONFIG": str(kubeconfig)}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def fill_in_token(cluster: Emulator, namespace: str) -> None:
    """Do what the token controller of a cluster does as soon as the Secret of a service account appears."""
    secret = cluster.object("Secret", namespace, "deployer-token")
    own = cluster.kubeconfig_for(f"{namespace}/deployer", namespace=namespace).read_text(encoding="utf-8")
    found = {name: re.search(rf'"{name}": "(.+?)"', own) for name in ("token", "certificate-authority-data")}
    token, certificate = (match[1] for match in found.values() if match)
    data = {"token": base64.b64encode(token.encode()).decode(), "ca.crt": certificate}
    cluster.apply([{**secret, "data": data}])


def test_the_kubeconfig_of_the_page_opens_one_namespace(cluster: Emulator, tmp_path: Path) -> None:
    project = render(tmp_path)
    follow(commands(project / "k8s/README.md"), project, cluster.kubeconfig)
    fill_in_token(cluster, "customer-churn-staging")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gh").write_text(GH.format(folder=tools), encoding="utf-8")
    (tools / "gh").chmod(0o755)

    follow(commands(project / "k8s/cluster/README.md"), project, cluster.kubeconfig, str(tools))

    assert (tools / "asked").read_text(encoding="utf-8") == "secret set KUBECONFIG --env staging\n"
    deployer = tools / "secret"
    assert cluster.kubectl("get", "pods", kubeconfig=deployer).returncode == 0
    for refused in (("get", "secrets"), ("get", "pods", "--namespace=customer-churn-production")):
        done = cluster.kubectl(*refused, kubeconfig=deployer)
        assert done.returncode == 1
        assert "Forbidden" in done.stderr
        assert "system:serviceaccount:customer-churn-staging:deployer" in done.stderr
