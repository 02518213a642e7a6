"""The things that the fake GitHub keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .permissions import Permissions


@dataclass(frozen=True)
class Token:
    """A credential: of one job, or of a person (`run_id` is `None`), who may do everything."""

    value: str
    actor: str
    permissions: Permissions
    run_id: int | None = None


@dataclass
class Environment:
    """A deployment environment; without reviewers it protects nothing."""

    name: str
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    reviewers: list[str] = field(default_factory=list)
    prevent_self_review: bool = False
    branches: list[str] | None = None
    id: int = 0


@dataclass(frozen=True)
class Review:
    """A reviewer's answer to a waiting deployment."""

    approved: bool
    by: str
    comment: str = ""


@dataclass
class Comment:
    """A comment on an issue or a pull request."""

    id: int
    issue: int
    author: str
    body: str


@dataclass
class Issue:
    """An issue, or the conversation of a pull request."""

    number: int
    title: str
    body: str
    author: str
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    state: str = "open"
    pull: PullRequest | None = None


@dataclass
class PullRequest:
    """What a pull request has beyond its conversation."""

    head_branch: str
    head_sha: str
    base_branch: str
    base_sha: str
    head_repository: str
    merge_sha: str


@dataclass(frozen=True)
class Artifact:
    """An uploaded artifact; `folder` holds its files."""

    id: int
    name: str
    run_id: int
    folder: Path
    digest: str
    created: datetime
    expires: datetime

    @property
    def files(self) -> dict[str, Path]:
        """Return its files by their path in the artifact."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path for path in sorted(found)}

    @property
    def archive(self) -> Path:
        """Return the archive that was uploaded: `digest` is its SHA-256."""
        return self.folder.with_name(f"{self.folder.name}.zip")


@dataclass
class Deployment:
    """A deployment and the states it went through, the newest last."""

    id: int
    environment: str
    ref: str
    sha: str
    creator: str
    run_id: int | None
    job: str | None
    payload: Any = None
    states: list[str] = field(default_factory=list)
    url: str = ""


@dataclass(frozen=True)
class Identity:
    """A cloud role that a job assumed with its OIDC token."""

    provider: str
    role: str
    subject: str
    environment: str | None
    run_id: int
    job: str


@dataclass(frozen=True)
class Attestation:
    """A signed statement about an image or a file."""

    subject: str
    digest: str
    predicate_type: str
    predicate: Mapping[str, Any]
    workflow: str
    run_id: int
    ref: str


@dataclass(frozen=True)
class Image:
    """An image in the fake container registry."""

    name: str
    digest: str
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    run_id: int
