"""The state of the fake GitHub: one repository and everything around it."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .concurrency import Locks
from .origin import Origin
from .permissions import DEFAULT, Permissions, allows
from .records import (
    Artifact,
    Attestation,
    Comment,
    Deployment,
    Environment,
    Identity,
    Image,
    Issue,
    Token,
)

if TYPE_CHECKING:
    from .events import Event
    from .results import Run

OWNER, NAME = "octo", "model"
# New repositories have immutable subjects: the numbers stay when somebody else takes the name.
OWNER_ID, REPOSITORY_ID = 1001, 2002


class GitHub:
    """One repository on a fake GitHub. Tests set it up and read it back through its attributes."""

    def __init__(self, folder: Path, source: Path, *, default_branch: str = "main") -> None:
        self.folder = folder
        self.default_branch = default_branch
        self.origin = Origin(folder, source, default_branch)
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.created = self.now
        self.variables: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.environments: dict[str, Environment] = {}
        self.permissions: Permissions = DEFAULT
        self.settings: dict[str, Any] = {}
        self.rulesets: dict[int, dict[str, Any]] = {}
        self.private = False
        self.fork = False
        self.people: dict[str, str] = {"dev": "write", "owner": "admin"}
        self.issues: dict[int, Issue] = {}
        self.comments: list[Comment] = []
        self.labels: list[str] = []
        self.runs: list[Run] = []
        self.artifacts: list[Artifact] = []
        self.caches: dict[str, Path] = {}
        self.deployments: list[Deployment] = []
        self.identities: list[Identity] = []
        self.attestations: list[Attestation] = []
        self.images: list[Image] = []
        # Severities that an image scan finds.
        self.vulnerabilities: set[str] = set()
        # Role or service account -> the only OIDC subject that may assume it; others may be assumed by anyone.
        self.trust: dict[str, str] = {}
        self.locks = Locks()
        self.queue: list[Event] = []
        # Requests for which there is no model: the runner raises them, whatever the script made of the answer.
        self.unmodelled: list[str] = []
        # Requests that are answered with a server error, as (method, part of the path): an outage.
        self.outages: list[tuple[str, str]] = []
        self._tokens: dict[str, Token] = {}
        self._ids = itertools.count(1)

    @property
    def repository(self) -> str:
        """Return the name with its owner."""
        return f"{OWNER}/{NAME}"

    def next_id(self) -> int:
        """Return a number that was never given out before."""
        return next(self._ids)

    def next_number(self) -> int:
        """Return the number of the next issue or pull request, which share one sequence."""
        return max(self.issues, default=0) + 1

    def pass_time(self, **amount: float) -> None:
        """Move the clock forward, as in `pass_time(days=91)`."""
        self.now += timedelta(**amount)

    def token(self, actor: str, permissions: Permissions | None = None, run_id: int | None = None) -> Token:
        """Give out a token: a job's, or a person's when there is no `run_id`."""
        prefix = "ghp" if run_id is None else "ghs"
        token = Token(f"{prefix}_{secrets.token_hex(16)}", actor, permissions or {}, run_id)
        self._tokens[token.value] = token
        return token

    def find_token(self, value: str) -> Token | None:
        """Return the token with this value, `None` when it was never given out."""
        return self._tokens.get(value)

    def permits(self, token: Token, scope: str, level: str) -> bool:
        """Tell whether a token covers an access; a person may do what their role allows."""
        if token.run_id is not None:
            return allows(token.permissions, scope, level)
        role = self.people.get(token.actor, "read")
        if scope in ("administration", "environments", "secrets", "variables"):
            return role == "admin"
        return level == "read" or role in ("write", "admin")

    def is_down(self, method: str, path: str) -> bool:
        """Tell whether a planned outage hits a request."""
        return any(method == outage and part in path for outage, part in self.outages)

    def environment(self, name: str) -> Environment:
        """Return an environment; merely naming one creates it, unprotected, as on GitHub."""
        if name not in self.environments:
            self.environments[name] = Environment(name)
        environment = self.environments[name]
        environment.id = environment.id or self.next_id()
        return environment

    def live_artifacts(self) -> Iterator[Artifact]:
        """Yield the artifacts that have not expired, the newest first."""
        return (artifact for artifact in reversed(self.artifacts) if artifact.expires > self.now)

    def run(self, run_id: int) -> Run | None:
        """Return the run with this id."""
        return next((run for run in self.runs if run.id == run_id), None)

    def runs_of(self, file: str) -> list[Run]:
        """Return the runs of one workflow file, the oldest first."""
        return [run for run in self.runs if run.file == file]

    def comments_on(self, number: int) -> list[Comment]:
        """Return the comments of an issue or pull request."""
        return [comment for comment in self.comments if comment.issue == number]

    def subject(self, event: Event, environment: str | None) -> str:
        """Return the `sub` claim of a job's OIDC token."""
        place = f"environment:{environment}" if environment else f"ref:{event.ref}"
        if event.name == "pull_request" and not environment:
            place = "pull_request"
        return f"repo:{OWNER}@{OWNER_ID}/{NAME}@{REPOSITORY_ID}:{place}"

    def describe(self) -> dict[str, Any]:
        """Return the `repository` object of payloads and of the REST API."""
        return {
            "id": REPOSITORY_ID,
            "name": NAME,
            "full_name": self.repository,
            "private": self.private,
            "fork": self.fork,
            "default_branch": self.default_branch,
            "visibility": "private" if self.private else "public",
            "owner": {"login": OWNER, "id": OWNER_ID, "type": "Organization"},
            "html_url": f"https://github.com/{self.repository}",
        }
