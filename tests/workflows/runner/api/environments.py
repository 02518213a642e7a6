"""Environments, deployments, variables and secrets."""

from __future__ import annotations

import zlib
from typing import Any

from ..hub import GitHub
from ..records import Deployment, Environment
from .actions import page
from .plans import account_plan
from .routes import ApiError, Reply, Request, route

# Fields that a private repository on a plan without required reviewers may not send, not even empty.
RULES = {"wait_timer", "prevent_self_review", "reviewers"}
# Values are sealed with this key on the way in; the fake seals nothing, see gh/__main__.py.
PUBLIC_KEY = {"key_id": "1", "key": "bm90LWEta2V5LW5vdC1hLWtleS1ub3QtYS1rZXktbm8="}


def person_id(hub: GitHub, login: str) -> int:
    """Return the number of a person, which stays when others join."""
    return 500 + list(hub.people).index(login)


def _rules(hub: GitHub, environment: Environment) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []
    if environment.reviewers:
        people = [
            {"type": "User", "reviewer": {"login": login, "id": person_id(hub, login)}}
            for login in environment.reviewers
        ]
        own = environment.prevent_self_review
        rules.append({"id": 1, "type": "required_reviewers", "prevent_self_review": own, "reviewers": people})
    if environment.branches is not None:
        rules.append({"id": 2, "type": "branch_policy"})
    return rules


def _environment(hub: GitHub, environment: Environment) -> dict[str, Any]:
    policy = None if environment.branches is None else {"protected_branches": False, "custom_branch_policies": True}
    return {
        "id": environment.id,
        "name": environment.name,
        "protection_rules": _rules(hub, environment),
        "deployment_branch_policy": policy,
    }


def _find(request: Request) -> Environment:
    _included(request)
    if request.path["name"] not in request.hub.environments:
        raise ApiError(404, "Not Found")
    return request.hub.environment(request.path["name"])


def _included(request: Request) -> None:
    if account_plan(request.hub) == "free":
        raise ApiError(404, "Not Found")


@route("GET", "/repo/environments", needs="actions:read")
def list_environments(request: Request) -> Reply:
    """List the environments."""
    _included(request)
    hub = request.hub
    found = [_environment(hub, hub.environment(name)) for name in hub.environments]
    return Reply(body={"total_count": len(found), "environments": page(request, found)})


@route("GET", "/repo/environments/{name}", needs="actions:read")
def get_environment(request: Request) -> Reply:
    """Return one environment with its protection rules."""
    return Reply(body=_environment(request.hub, _find(request)))


@route("PUT", "/repo/environments/{name}", needs="administration:write")
def put_environment(request: Request) -> Reply:
    """Create an environment or replace all of its rules."""
    _included(request)
    hub, body = request.hub, request.body
    if account_plan(hub) == "team" and RULES & set(body):
        raise ApiError(
            422,
            "Failed to create the environment protection rule. Please ensure the billing plan supports the required"
            " reviewers protection rule.",
        )
    environment = hub.environment(request.path["name"])
    wanted = [reviewer["id"] for reviewer in body.get("reviewers") or []]
    environment.reviewers = [login for login in hub.people if person_id(hub, login) in wanted]
    environment.prevent_self_review = bool(body.get("prevent_self_review"))
    policy = body.get("deployment_branch_policy")
    if policy is not None and policy["protected_branches"] == policy["custom_branch_policies"]:
        raise ApiError(422, "protected_branches and custom_branch_policies cannot have the same value")
    environment.branches = None if policy is None else environment.branches or []
    return Reply(body=_environment(hub, environment))


@route("GET", "/repo/environments/{name}/deployment-branch-policies", needs="actions:read")
def list_branch_policies(request: Request) -> Reply:
    """List the branches that may deploy."""
    found = [_policy(name) for name in _find(request).branches or []]
    return Reply(body={"total_count": len(found), "branch_policies": page(request, found)})


@route("POST", "/repo/environments/{name}/deployment-branch-policies", needs="administration:write")
def add_branch_policy(request: Request) -> Reply:
    """Let a branch deploy; a second time answers 303."""
    environment = _find(request)
    (branch,) = request.require("name")
    if environment.branches is None:
        raise ApiError(404, "Not Found")
    if branch in environment.branches:
        raise ApiError(303, "Not modified")
    environment.branches.append(branch)
    return Reply(body=_policy(branch))


@route("DELETE", "/repo/environments/{name}/deployment-branch-policies/{id}", needs="administration:write")
def delete_branch_policy(request: Request) -> Reply:
    """Take the right to deploy from a branch."""
    environment = _find(request)
    known = {_policy(name)["id"]: name for name in environment.branches or []}
    if environment.branches is None or request.number("id") not in known:
        raise ApiError(404, "Not Found")
    environment.branches.remove(known[request.number("id")])
    return Reply(204)


def _policy(branch: str) -> dict[str, Any]:
    return {"id": zlib.crc32(branch.encode()), "name": branch, "type": "branch"}


def _variables(request: Request) -> dict[str, str]:
    return _find(request).variables if "name" in request.path else request.hub.variables


def _secrets(request: Request) -> dict[str, str]:
    return _find(request).secrets if "name" in request.path else request.hub.secrets


@route("GET", "/repo/environments/{name}/variables", needs="environments:read")
@route("GET", "/repo/actions/variables", needs="variables:read")
def list_variables(request: Request) -> Reply:
    """List variables with their values."""
    found = [{"name": name, "value": value} for name, value in _variables(request).items()]
    return Reply(body={"total_count": len(found), "variables": page(request, found)})


@route("GET", "/repo/environments/{name}/variables/{key}", needs="environments:read")
@route("GET", "/repo/actions/variables/{key}", needs="variables:read")
def get_variable(request: Request) -> Reply:
    """Return one variable."""
    return _one(request, {key: {"name": key, "value": value} for key, value in _variables(request).items()})


@route("POST", "/repo/environments/{name}/variables", needs="environments:write")
@route("POST", "/repo/actions/variables", needs="variables:write")
def create_variable(request: Request) -> Reply:
    """Create a variable; one that exists has to be patched."""
    name, value = request.require("name", "value")
    if name.upper() in _variables(request):
        raise ApiError(409, "Already exists - Variable already exists")
    _variables(request)[name.upper()] = value
    return Reply(201, {})


@route("PATCH", "/repo/environments/{name}/variables/{key}", needs="environments:write")
@route("PATCH", "/repo/actions/variables/{key}", needs="variables:write")
def update_variable(request: Request) -> Reply:
    """Change a variable."""
    key = request.path["key"].upper()
    if key not in _variables(request):
        raise ApiError(404, "Not Found")
    (_variables(request)[key],) = request.require("value")
    return Reply(204)


@route("GET", "/repo/environments/{name}/secrets", needs="environments:read")
@route("GET", "/repo/actions/secrets", needs="secrets:read")
def list_secrets(request: Request) -> Reply:
    """List the names of secrets, never their values."""
    found = [{"name": name} for name in _secrets(request)]
    return Reply(body={"total_count": len(found), "secrets": page(request, found)})


@route("GET", "/repo/environments/{name}/secrets/public-key", needs="environments:read")
@route("GET", "/repo/actions/secrets/public-key", needs="secrets:read")
def get_public_key(_: Request) -> Reply:
    """Return the key that seals secrets."""
    return Reply(body=PUBLIC_KEY)


@route("GET", "/repo/environments/{name}/secrets/{key}", needs="environments:read")
@route("GET", "/repo/actions/secrets/{key}", needs="secrets:read")
def get_secret(request: Request) -> Reply:
    """Say that there is a secret, never its value."""
    return _one(request, {key: {"name": key} for key in _secrets(request)})


def _one(request: Request, known: dict[str, dict[str, str]]) -> Reply:
    if request.path["key"].upper() not in known:
        raise ApiError(404, "Not Found")
    return Reply(body=known[request.path["key"].upper()])


@route("PUT", "/repo/environments/{name}/secrets/{key}", needs="environments:write")
@route("PUT", "/repo/actions/secrets/{key}", needs="secrets:write")
def put_secret(request: Request) -> Reply:
    """Create or change a secret."""
    (value,) = request.require("encrypted_value")
    _secrets(request)[request.path["key"].upper()] = value
    return Reply(201, {})


def _deployment(hub: GitHub, deployment: Deployment) -> dict[str, Any]:
    return {
        "id": deployment.id,
        "environment": deployment.environment,
        "ref": deployment.ref,
        "sha": deployment.sha,
        "payload": deployment.payload,
        "creator": {"login": deployment.creator},
        "statuses_url": f"/repos/{hub.repository}/deployments/{deployment.id}/statuses",
    }


@route("GET", "/repo/deployments", needs="deployments:read")
def list_deployments(request: Request) -> Reply:
    """List deployments of an environment, the newest first."""
    wanted = {key: value for key, value in request.query.items() if key in ("environment", "sha", "ref")}
    found = [_deployment(request.hub, deployment) for deployment in reversed(request.hub.deployments)]
    kept = [body for body in found if all(body[key] == value for key, value in wanted.items())]
    return Reply(body=page(request, kept))


@route("POST", "/repo/deployments", needs="deployments:write")
def create_deployment(request: Request) -> Reply:
    """Record a deployment made by a script."""
    (ref,) = request.require("ref")
    body, hub = request.body, request.hub
    sha = hub.origin.head(ref)
    name = body.get("environment", "production")
    deployment = Deployment(
        hub.next_id(), name, ref, sha, request.token.actor, request.token.run_id, None, body.get("payload")
    )
    hub.deployments.append(deployment)
    return Reply(201, _deployment(hub, deployment))


def _find_deployment(request: Request) -> Deployment:
    found = next((item for item in request.hub.deployments if item.id == request.number("id")), None)
    if found is None:
        raise ApiError(404, "Not Found")
    return found


@route("GET", "/repo/deployments/{id}/statuses", needs="deployments:read")
def list_statuses(request: Request) -> Reply:
    """List the states that a deployment went through, the newest first."""
    deployment = _find_deployment(request)
    return Reply(body=[{"state": state, "environment_url": deployment.url} for state in reversed(deployment.states)])


@route("POST", "/repo/deployments/{id}/statuses", needs="deployments:write")
def create_status(request: Request) -> Reply:
    """Add a state to a deployment."""
    (state,) = request.require("state")
    deployment = _find_deployment(request)
    deployment.states.append(state)
    deployment.url = request.body.get("environment_url") or deployment.url
    return Reply(201, {"state": state})
