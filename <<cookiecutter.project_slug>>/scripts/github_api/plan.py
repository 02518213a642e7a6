"""What bootstrap_github.py asks GitHub to do, as data: the same calls whether they are shown or made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# production-review shows what production would get, before anybody approves; its identity may change nothing.
ENVIRONMENTS = ("staging", "production-review", "production")
RULESET = "default branch"
CHECK = "required"  # the last job of .github/workflows/ci.yml
GITHUB_ACTIONS = 15368  # the app that may report the check; without it, any token that writes statuses could


@dataclass(frozen=True)
class Entry:
    """A variable or secret, of the repository when `environment` is None."""

    environment: str | None
    name: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """What the administrator wants."""

    repo: str
    branch: str
    reviewers: tuple[str, ...]
    approvals: int
    self_review: bool
    dispatch: bool
    variables: tuple[Entry, ...]
    secrets: tuple[Entry, ...]


@dataclass(frozen=True)
class Facts:
    """What GitHub holds before; the defaults stand for a new repository."""

    reviewers: tuple[Mapping[str, Any], ...] | None = None
    allowed_actions: str = "all"
    ruleset: int | None = None
    branches: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One call of `gh`, with what it is for; `stdin` is shown only when it is no secret."""

    title: str
    arguments: tuple[str, ...]
    stdin: str | None = field(default=None, repr=False)
    confidential: bool = False

    def describe(self) -> str:
        """Return the lines that the plan shows."""
        shown = f"\n      {self.stdin}" if self.stdin and not self.confidential else ""
        return f"- {self.title}\n    gh {' '.join(self.arguments)}{shown}"


def plan(settings: Settings, facts: Facts) -> list[Call]:
    """Return every call in order; environments come before what lies in them."""
    approval = Entry(None, "APPROVAL", "dispatch" if settings.dispatch else "reviewers")
    return [
        *_permissions(settings, facts),
        *_environment(settings, facts, "staging", reviewers=()),
        *_environment(settings, facts, "production-review", reviewers=()),
        *_environment(settings, facts, "production", reviewers=_reviewers(settings, facts)),
        _ruleset(settings, facts),
        *(_variable(settings.repo, entry) for entry in (approval, *settings.variables)),
        *(_secret(settings.repo, entry) for entry in settings.secrets),
    ]


def _permissions(settings: Settings, facts: Facts) -> list[Call]:
    path = f"repos/{settings.repo}/actions/permissions"
    pinned = {"enabled": True, "allowed_actions": facts.allowed_actions, "sha_pinning_required": True}
    read_only = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
    return [
        _rest("actions only by full commit SHA", "PUT", path, pinned),
        _rest("workflows start with a read-only token", "PUT", f"{path}/workflow", read_only),
    ]


def _environment(
    settings: Settings, facts: Facts, name: str, *, reviewers: tuple[Mapping[str, Any], ...]
) -> list[Call]:
    path = f"repos/{settings.repo}/environments/{name}"
    body = {
        "wait_timer": 0,
        "prevent_self_review": bool(reviewers) and not settings.self_review,
        "reviewers": list(reviewers),
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
    }
    who = f", approved by {' or '.join(settings.reviewers) or '(name somebody with --reviewer)'}" if reviewers else ""
    calls = [_rest(f"environment {name}{who}", "PUT", path, body)]
    if settings.branch not in facts.branches.get(name, frozenset()):
        policy = {"name": settings.branch, "type": "branch"}
        title = f"only {settings.branch} deploys to {name}"
        calls.append(_rest(title, "POST", f"{path}/deployment-branch-policies", policy))
    return calls


def _reviewers(settings: Settings, facts: Facts) -> tuple[Mapping[str, Any], ...]:
    if settings.dispatch:
        return ()
    if facts.reviewers is not None:
        return facts.reviewers
    names = settings.reviewers or ("--reviewer",)
    return tuple({"type": "Team" if "/" in name else "User", "id": f"(id of {name})"} for name in names)


def _ruleset(settings: Settings, facts: Facts) -> Call:
    body = {
        "name": RULESET,
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [f"refs/heads/{settings.branch}"], "exclude": []}},
        "rules": [
            {"type": "deletion"},
            {"type": "non_fast_forward"},
            {
                "type": "pull_request",
                "parameters": {
                    "required_approving_review_count": settings.approvals,
                    "dismiss_stale_reviews_on_push": True,
                    "require_code_owner_review": settings.approvals > 0,
                    "require_last_push_approval": settings.approvals > 0,
                    "required_review_thread_resolution": True,
                },
            },
            {
                "type": "required_status_checks",
                "parameters": {
                    "strict_required_status_checks_policy": False,
                    "required_status_checks": [{"context": CHECK, "integration_id": GITHUB_ACTIONS}],
                },
            },
        ],
    }
    title = f"{settings.branch} changes by pull requests that pass the check {CHECK!r} and its owners' review"
    path = f"repos/{settings.repo}/rulesets"
    if facts.ruleset is None:
        return _rest(title, "POST", path, body)
    return _rest(title, "PUT", f"{path}/{facts.ruleset}", body)


def _rest(title: str, method: str, path: str, body: Mapping[str, Any]) -> Call:
    return Call(title, ("api", path, "--method", method, "--input", "-"), json.dumps(body))


def _variable(repo: str, entry: Entry) -> Call:
    place = ("--env", entry.environment) if entry.environment else ()
    title = f"variable {entry.name} of {entry.environment or 'the repository'}"
    return Call(title, ("variable", "set", entry.name, "--repo", repo, *place), entry.value)


def _secret(repo: str, entry: Entry) -> Call:
    place = ("--env", entry.environment) if entry.environment else ()
    title = f"secret {entry.name} of {entry.environment or 'the repository'}"
    return Call(title, ("secret", "set", entry.name, "--repo", repo, *place), entry.value, confidential=True)
