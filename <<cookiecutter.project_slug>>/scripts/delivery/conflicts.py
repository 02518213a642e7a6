"""Who else has set the fields that a release sets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .cluster import MANAGER, Cluster, ClusterError

# Only of those who update does Kubernetes say `using`; those who apply are named alone.
CONFLICT = re.compile(
    r'conflicts? with "([^"]+)"(?: with subresource "[^"]+")?(?: using [^:\n]+)?:((?:\s*(?:- )?\.\S+)+)'
)


def conflicts(cluster: Cluster, manifests: str) -> list[tuple[str, str]]:
    """Return who else owns fields that `manifests` sets, and which.

    What the pipeline has patched itself, such as the weights of a canary, is nobody else's. It is a rehearsal on the
    server: whatever the cluster refuses is raised here, before anything has changed.
    """
    try:
        cluster.apply(manifests, dry_run=True, force=False)
    except ClusterError as error:
        found = list(owners(error.output))
        if not found:
            raise
        cluster.apply(manifests, dry_run=True)
        return [(owner, fields) for owner, fields in found if owner != MANAGER]
    return []


def owners(complaint: str) -> Iterator[tuple[str, str]]:
    """Yield each field manager that kubectl complains of, with its fields."""
    fields: dict[str, list[str]] = {}
    for found in CONFLICT.finditer(complaint):
        fields.setdefault(found[1], []).extend(word for word in found[2].split() if word != "-")
    for owner, owned in fields.items():
        yield owner, ", ".join(owned)
