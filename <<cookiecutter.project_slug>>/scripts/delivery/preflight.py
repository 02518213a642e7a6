"""What must hold before a delivery begins: the namespace is there, and this identity may do what it will do."""

from __future__ import annotations

import re
from pathlib import Path

from .cluster import Cluster, ClusterError
from .errors import MisuseError

SETUP = Path("k8s/cluster")
# What a rehearsal of the manifests on the server does not try; the first is what a wrong identity lacks.
RIGHTS = (("create", "deployments.apps"), ("patch", "deployments.apps/scale"), ("create", "services/proxy"))


def check(cluster: Cluster, environment: str) -> None:
    """Raise MisuseError naming what is missing and what an administrator has to run."""
    once = f"an administrator runs `kubectl apply -k {SETUP / environment}` once"
    if _namespace_is_missing(cluster):
        raise MisuseError(f"the namespace {cluster.namespace} does not exist; {once}")
    missing = [f"{verb} {resource}" for verb, resource in RIGHTS if not cluster.can(verb, resource)]
    if missing:
        raise MisuseError(
            f"{whoami(cluster)} may not {', '.join(missing)} in {cluster.namespace}, or the namespace does not exist; "
            f"{once}{_unnamed(SETUP / environment / 'deployer.yaml')}"
        )


def whoami(cluster: Cluster) -> str:
    """Return the name by which the cluster knows this identity."""
    try:
        name = cluster.run("auth", "whoami", "--output=jsonpath={.status.userInfo.username}").out.strip()
    except ClusterError:  # not every cluster tells
        name = ""
    return name or "this identity"


def _namespace_is_missing(cluster: Cluster) -> bool:
    try:
        return cluster.get("namespaces", cluster.namespace) is None
    except ClusterError as error:
        if error.reason == "Forbidden":  # a deployer's rights begin inside of the namespace
            return False
        raise


def _unnamed(binding: Path) -> str:
    """Return a hint when the file that says who deploys still has an empty name."""
    try:
        empty = re.search(r'name: ""', binding.read_text(encoding="utf-8"))
    except OSError:
        return ""
    return f", after filling in the name in {binding}" if empty else ""
