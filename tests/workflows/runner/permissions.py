"""What a job's token may do, and what a called workflow may ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .engine import Tree

LEVELS = {"none": 0, "read": 1, "write": 2}
SCOPES = (
    "actions", "artifact-metadata", "attestations", "checks", "code-quality", "contents", "copilot-requests",
    "deployments", "discussions", "drives", "id-token", "issues", "models", "packages", "pages", "pull-requests",
    "repository-projects", "security-events", "statuses", "vulnerability-alerts",
)  # fmt: skip
# The restricted default that new repositories have.
DEFAULT = {"contents": "read", "packages": "read"}

Permissions = Mapping[str, str]


def parse_permissions(raw: Tree) -> Permissions | None:
    """Return the grants written in a workflow or job, `None` when nothing is written."""
    if raw is None:
        return None
    if isinstance(raw, str):
        return {scope: raw.removesuffix("-all") for scope in SCOPES}
    return {scope: level for scope, level in raw.items() if level != "none"}


def allows(granted: Permissions, scope: str, level: str) -> bool:
    """Tell whether the grants cover an access."""
    return scope == "metadata" or LEVELS[granted.get(scope, "none")] >= LEVELS[level]


def excess(requested: Permissions, granted: Permissions) -> Iterator[tuple[str, str, str]]:
    """Yield (scope, requested level, allowed level) for whatever goes beyond the grants."""
    for scope, level in requested.items():
        if not allows(granted, scope, level):
            yield scope, level, granted.get(scope, "none")


def read_only(granted: Permissions) -> Permissions:
    """Return what is left of the grants for a pull request from a fork."""
    return {scope: "read" for scope, level in granted.items() if scope != "id-token" and level != "none"}
