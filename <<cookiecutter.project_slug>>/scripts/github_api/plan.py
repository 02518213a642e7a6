"""What bootstrap_github.py asks GitHub to do, as data: the same calls whether they are shown or made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    policies: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    ruled: frozenset[str] = frozenset()  # environments that wait or have reviewers


@dataclass(frozen=True)
class Call:
    """One call of `gh`, with what it is for; `stdin` is shown only when it is no secret.

    Afterwards a GET of `reads` answers at least `wanted`; without `reads` the call is planned only until it was made.
    """

    title: str
    arguments: tuple[str, ...]
    stdin: str | None = field(default=None, repr=False)
    confidential: bool = False
    reads: str | None = None
    wanted: Mapping[str, Any] = field(default_factory=dict, repr=False)

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
    policy = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
    rules = {
        "wait_timer": 0,
        "prevent_self_review": bool(reviewers) and not settings.self_review,
        "reviewers": list(reviewers),
    }
    # Private repositories below Enterprise refuse these fields, even empty ones. Where a rule is, they are known.
    body = policy | rules if reviewers or name in facts.ruled else policy
    who = f", approved by {' or '.join(settings.reviewers) or '(name somebody with --reviewer)'}" if reviewers else ""
    made = _rest(f"environment {name}{who}", "PUT", path, body)
    return [replace(made, wanted=policy | rules), *_policies(settings, facts, name)]


def _policies(settings: Settings, facts: Facts, name: str) -> list[Call]:
    path = f"repos/{settings.repo}/environments/{name}/deployment-branch-policies"
    policy = {"name": settings.branch, "type": "branch"}
    found = facts.policies.get(name, ())
    others = [one for one in found if (one["name"], one.get("type", "branch")) != (settings.branch, "branch")]
    calls = (
        [] if len(found) > len(others) else [_rest(f"only {settings.branch} deploys to {name}", "POST", path, policy)]
    )
    return calls + [
        _rest(f"{one['name']} no longer deploys to {name}", "DELETE", f"{path}/{one['id']}") for one in others
    ]


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


def _rest(title: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Call:
    reads = path if method == "PUT" else None
    if body is None:
        return Call(title, ("api", path, "--method", method), reads=reads)
    arguments = ("api", path, "--method", method, "--input", "-")
    return Call(title, arguments, json.dumps(body), reads=reads, wanted=body)


def _variable(repo: str, entry: Entry) -> Call:
    return replace(_entry("variable", repo, entry), wanted={"value": entry.value})


def _secret(repo: str, entry: Entry) -> Call:
    return replace(_entry("secret", repo, entry), confidential=True)  # its value cannot be read back


def _entry(kind: str, repo: str, entry: Entry) -> Call:
    option = ("--env", entry.environment) if entry.environment else ()
    place = f"environments/{entry.environment}" if entry.environment else "actions"
    return Call(
        f"{kind} {entry.name} of {entry.environment or 'the repository'}",
        (kind, "set", entry.name, "--repo", repo, *option),
        entry.value,
        reads=f"repos/{repo}/{place}/{kind}s/{entry.name}",
    )
