"""The repository itself: settings, branches, files, people, attestations."""

from __future__ import annotations

import base64
import subprocess
from typing import Any

from ..origin import git
from .actions import page
from .environments import person_id
from .plans import account_plan
from .routes import ApiError, Reply, Request, route

# What GitHub answers before anybody changed these settings of a new repository.
FRESH: dict[str, dict[str, Any]] = {
    "permissions": {"enabled": True, "allowed_actions": "all", "sha_pinning_required": False},
    "workflow": {"default_workflow_permissions": "write", "can_approve_pull_request_reviews": True},
}


@route("GET", "/repo", needs="metadata:read")
def get_repository(request: Request) -> Reply:
    """Return the repository."""
    return Reply(body=request.hub.describe())


@route("PATCH", "/repo", needs="administration:write")
def edit_repository(request: Request) -> Reply:
    """Remember settings of the repository."""
    request.hub.settings.update(request.body)
    return Reply(body=request.hub.describe())


@route("GET", "/users/{login}", needs="metadata:read")
def get_user(request: Request) -> Reply:
    """Return a person by login."""
    return Reply(body=_person(request, request.path["login"]))


@route("GET", "/user", needs="metadata:read")
def get_self(request: Request) -> Reply:
    """Return whose token it is; a job's token belongs to nobody."""
    if request.token.run_id is not None:
        raise ApiError(403, "Resource not accessible by integration")
    return Reply(body=_person(request, request.token.actor))


def _person(request: Request, login: str) -> dict[str, Any]:
    if login not in request.hub.people:
        raise ApiError(404, "Not Found")
    return {"login": login, "id": person_id(request.hub, login), "type": "User"}


@route("GET", "/repo/collaborators/{login}/permission", needs="metadata:read")
def get_permission(request: Request) -> Reply:
    """Return what a person may do in the repository."""
    login = request.path["login"]
    role = request.hub.people.get(login, "read")
    return Reply(body={"permission": role, "role_name": role, "user": {"login": login}})


@route("GET", "/repo/branches/{branch}", needs="contents:read")
def get_branch(request: Request) -> Reply:
    """Return a branch and its commit."""
    branch = request.path["branch"]
    if not request.hub.origin.has_branch(branch):
        raise ApiError(404, "Branch not found")
    protected = f"/repo/branches/{branch}/protection" in request.hub.settings
    return Reply(body={"name": branch, "commit": {"sha": request.hub.origin.head(branch)}, "protected": protected})


@route("GET", "/repo/compare/{range}", needs="contents:read")
def compare(request: Request) -> Reply:
    """Say how the second commit lies to the first."""
    base, _, head = request.path["range"].partition("...")
    counted = git(request.hub.origin.path, "rev-list", "--left-right", "--count", f"{base}...{head}")
    behind, ahead = map(int, counted.split())
    status = "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical"
    return Reply(body={"status": status, "ahead_by": ahead, "behind_by": behind})


@route("GET", "/repo/commits/{sha}", needs="contents:read")
def get_commit(request: Request) -> Reply:
    """Return a commit; who wrote it is known by the address of the account."""
    sha = request.hub.origin.head(request.path["sha"])
    author = git(request.hub.origin.path, "show", "--no-patch", "--format=%an", sha).lower()
    return Reply(body={"sha": sha, "author": {"login": author} if author in request.hub.people else None})


@route("GET", "/repo/contents/{path}", needs="contents:read")
def get_file(request: Request) -> Reply:
    """Return a file of a commit."""
    ref = request.query.get("ref", request.hub.default_branch)
    try:
        text = git(request.hub.origin.path, "show", f"{ref}:{request.path['path']}")
    except subprocess.CalledProcessError as error:
        raise ApiError(404, "Not Found") from error
    content = base64.b64encode(text.encode()).decode()
    return Reply(body={"type": "file", "path": request.path["path"], "encoding": "base64", "content": content})


@route("GET", "/repo/attestations/{digest}", needs="attestations:read")
def list_attestations(request: Request) -> Reply:
    """List what was signed about a digest."""
    found = [item for item in request.hub.attestations if item.digest == request.path["digest"]]
    if not found:
        raise ApiError(404, "Not Found")
    bodies = [
        {"predicate_type": item.predicate_type, "predicate": item.predicate, "workflow": item.workflow, "ref": item.ref}
        for item in found
    ]
    return Reply(body={"attestations": bodies})


@route("GET", "/repo/branches/{branch}/protection", needs="administration:read")
@route("GET", "/repo/actions/permissions", needs="administration:read")
@route("GET", "/repo/actions/permissions/workflow", needs="administration:read")
def get_setting(request: Request) -> Reply:
    """Return a settings document as it was last put."""
    kind = request.address.rpartition("/")[2]
    if request.address not in request.hub.settings and kind in FRESH:
        return Reply(body=FRESH[kind])
    if request.address not in request.hub.settings:
        raise ApiError(404, "Branch not protected" if "branch" in request.path else "Not Found")
    return Reply(body=request.hub.settings[request.address])


@route("PUT", "/repo/branches/{branch}/protection", needs="administration:write")
@route("PUT", "/repo/actions/permissions", needs="administration:write")
@route("PUT", "/repo/actions/permissions/workflow", needs="administration:write")
def put_setting(request: Request) -> Reply:
    """Replace a settings document."""
    request.hub.settings[request.address] = dict(request.body)
    return Reply(body={})


def _rulesets(request: Request) -> dict[int, dict[str, Any]]:
    if account_plan(request.hub) == "free":
        raise ApiError(403, "Upgrade to GitHub Pro or make this repository public to enable this feature.")
    return request.hub.rulesets


@route("GET", "/repo/rulesets", needs="metadata:read")
def list_rulesets(request: Request) -> Reply:
    """List the rulesets, without their rules."""
    found = [{"id": number, "name": body["name"]} for number, body in _rulesets(request).items()]
    return Reply(body=page(request, found))


@route("POST", "/repo/rulesets", needs="administration:write")
def create_ruleset(request: Request) -> Reply:
    """Make a ruleset; two of one name are refused."""
    (name,) = request.require("name")
    if any(body["name"] == name for body in _rulesets(request).values()):
        raise ApiError(422, "Name must be unique")
    number = request.hub.next_id()
    _rulesets(request)[number] = dict(request.body)
    return Reply(201, {"id": number, **request.body})


@route("GET", "/repo/rulesets/{number}", needs="metadata:read")
def get_ruleset(request: Request) -> Reply:
    """Return a ruleset with its rules."""
    number = request.number("number")
    if number not in _rulesets(request):
        raise ApiError(404, "Not Found")
    return Reply(body={"id": number, **_rulesets(request)[number]})


@route("PUT", "/repo/rulesets/{number}", needs="administration:write")
def put_ruleset(request: Request) -> Reply:
    """Replace a ruleset."""
    number = request.number("number")
    if number not in _rulesets(request):
        raise ApiError(404, "Not Found")
    _rulesets(request)[number] = dict(request.body)
    return Reply(body={"id": number, **request.body})
