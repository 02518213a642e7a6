"""Runs, artifacts, dispatches, caches."""

from __future__ import annotations

from typing import Any

from .. import events
from ..hub import GitHub
from ..records import Artifact
from ..results import Run
from .routes import ApiError, Reply, Request, route


def describe_run(hub: GitHub, run: Run) -> dict[str, Any]:
    """Return a workflow run as the API does."""
    url = f"repos/{hub.repository}/actions/runs/{run.id}"
    home = {**hub.describe(), "full_name": f"{run.event.actor}/fork"} if run.event.from_fork else hub.describe()
    return {
        "id": run.id,
        "name": run.name,
        "path": f".github/workflows/{run.file}",
        "head_branch": run.event.head_ref or run.event.ref_name,
        "head_sha": run.event.sha,
        "event": run.event.name,
        "status": "in_progress" if run.status == "queued" else run.status,
        "conclusion": run.conclusion or None,
        "run_number": run.number,
        "run_attempt": run.attempt,
        "created_at": timestamp(run.created),
        "updated_at": timestamp(run.created),
        "actor": _person(run.event.actor),
        "triggering_actor": _person(run.triggered_by or run.event.actor),
        "repository": hub.describe(),
        "head_repository": home,
        "html_url": f"https://github.com/{hub.repository}/actions/runs/{run.id}",
        "url": f"/{url}",
        "artifacts_url": f"/{url}/artifacts",
    }


def _person(login: str) -> dict[str, Any]:
    return {"login": login, "type": "Bot" if login.endswith("[bot]") else "User"}


def timestamp(moment: Any) -> str:
    """Return a time as the API writes it."""
    return str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def page(request: Request, items: list[Any]) -> list[Any]:
    """Return the page that the query asks for."""
    size = min(int(request.query.get("per_page", "30")), 100)
    start = (int(request.query.get("page", "1")) - 1) * size
    return items[start : start + size]


@route("GET", "/repo/actions/runs", needs="actions:read")
def list_runs(request: Request) -> Reply:
    """List the runs, the newest first."""
    return _runs(request, request.hub.runs)


@route("GET", "/repo/actions/workflows/{file}/runs", needs="actions:read")
def list_workflow_runs(request: Request) -> Reply:
    """List the runs of one workflow; a file that is not there is a 404."""
    return _runs(request, request.hub.runs_of(_known_file(request)))


@route("GET", "/repo/actions/workflows/{file}", needs="actions:read")
def get_workflow(request: Request) -> Reply:
    """Return one workflow of the default branch."""
    file = _known_file(request)
    created = timestamp(request.hub.created)
    return Reply(body={"name": file, "path": f".github/workflows/{file}", "state": "active", "created_at": created})


def _known_file(request: Request) -> str:
    file = request.path["file"]
    if not request.hub.origin.has_file(request.hub.default_branch, f".github/workflows/{file}"):
        raise ApiError(404, "Not Found")
    return file


def _runs(request: Request, runs: list[Run]) -> Reply:
    wanted = request.query
    known = {"branch", "status", "event", "actor", "head_sha", "per_page", "page", "exclude_pull_requests"}
    if set(wanted) - known:
        raise ApiError(501, f"the query {sorted(set(wanted) - known)} is not modelled")
    bodies = [describe_run(request.hub, run) for run in reversed(runs)]
    found = [
        body for body in bodies
        if wanted.get("branch", body["head_branch"]) == body["head_branch"]
        and wanted.get("status", body["status"]) in (body["status"], body["conclusion"])
        and wanted.get("event", body["event"]) == body["event"]
        and wanted.get("actor", body["actor"]["login"]) == body["actor"]["login"]
        and wanted.get("head_sha", body["head_sha"]) == body["head_sha"]
    ]  # fmt: skip
    return Reply(body={"total_count": len(found), "workflow_runs": page(request, found)})


def _run(request: Request) -> Run:
    run = request.hub.run(request.number("run"))
    if run is None:
        raise ApiError(404, "Not Found")
    return run


@route("GET", "/repo/actions/runs/{run}", needs="actions:read")
def get_run(request: Request) -> Reply:
    """Return one run."""
    return Reply(body=describe_run(request.hub, _run(request)))


@route("GET", "/repo/actions/runs/{run}/jobs", needs="actions:read")
def list_jobs(request: Request) -> Reply:
    """List the jobs of a run."""
    jobs = [
        {"name": job.name, "status": job.status, "conclusion": job.conclusion or None}
        for job in _run(request).jobs.values()
    ]
    return Reply(body={"total_count": len(jobs), "jobs": jobs})


@route("GET", "/repo/actions/runs/{run}/approvals", needs="actions:read")
def list_approvals(request: Request) -> Reply:
    """List who answered for which environment."""
    return Reply(
        body=[
            {
                "state": "approved" if review.approved else "rejected",
                "comment": review.comment,
                "user": {"login": review.by},
                "environments": [{"name": name}],
            }
            for name, review in _run(request).reviews.items()
        ]
    )


@route("GET", "/repo/actions/runs/{run}/pending_deployments", needs="actions:read")
def list_pending(request: Request) -> Reply:
    """List the environments that wait for a reviewer."""
    hub = request.hub
    names = _run(request).waiting
    return Reply(body=[{"environment": {"id": hub.environments[name].id, "name": name}} for name in names])


def _artifact(hub: GitHub, artifact: Artifact) -> dict[str, Any]:
    run = hub.run(artifact.run_id)
    if run is None:
        raise ApiError(404, "Not Found")
    url = f"/repos/{hub.repository}/actions/artifacts/{artifact.id}"
    return {
        "id": artifact.id,
        "name": artifact.name,
        "expired": artifact.expires <= hub.now,
        "digest": f"sha256:{artifact.digest}",
        "size_in_bytes": sum(path.stat().st_size for path in artifact.files.values()),
        "created_at": timestamp(artifact.created),
        "expires_at": timestamp(artifact.expires),
        "url": url,
        "archive_download_url": f"{url}/zip",
        "workflow_run": _origin(hub, run),
    }


def _origin(hub: GitHub, run: Run) -> dict[str, Any]:
    """Return where an artifact comes from: a fork has an id of its own, and may have a branch of any name."""
    body = describe_run(hub, run)
    home = hub.describe()["id"]
    return {
        "id": run.id,
        "repository_id": home,
        "head_repository_id": home + 1 if run.event.from_fork else home,
        "head_branch": body["head_branch"],
        "head_sha": body["head_sha"],
    }


def _artifacts(request: Request, artifacts: list[Artifact]) -> Reply:
    name = request.query.get("name")
    found = [_artifact(request.hub, item) for item in reversed(artifacts) if name in (None, item.name)]
    return Reply(body={"total_count": len(found), "artifacts": page(request, found)})


@route("GET", "/repo/actions/artifacts", needs="actions:read")
def list_artifacts(request: Request) -> Reply:
    """List the artifacts of all runs, expired ones too."""
    return _artifacts(request, request.hub.artifacts)


@route("GET", "/repo/actions/runs/{run}/artifacts", needs="actions:read")
def list_run_artifacts(request: Request) -> Reply:
    """List the artifacts of one run."""
    run = _run(request)
    return _artifacts(request, [item for item in request.hub.artifacts if item.run_id == run.id])


def _find_artifact(request: Request) -> Artifact:
    found = next((item for item in request.hub.artifacts if item.id == request.number("id")), None)
    if found is None:
        raise ApiError(404, "Not Found")
    return found


@route("GET", "/repo/actions/artifacts/{id}", needs="actions:read")
def get_artifact(request: Request) -> Reply:
    """Return one artifact."""
    return Reply(body=_artifact(request.hub, _find_artifact(request)))


@route("GET", "/repo/actions/artifacts/{id}/zip", needs="actions:read")
def download_artifact(request: Request) -> Reply:
    """Redirect to the archive, on another host."""
    artifact = _find_artifact(request)
    if artifact.expires <= request.hub.now:
        raise ApiError(410, "Artifact has expired")
    return Reply(302, location=f"/blobs/{artifact.id}")


@route("DELETE", "/repo/actions/artifacts/{id}", needs="actions:write")
def delete_artifact(request: Request) -> Reply:
    """Remove an artifact."""
    request.hub.artifacts.remove(_find_artifact(request))
    return Reply(204)


@route("POST", "/repo/actions/workflows/{file}/dispatches", needs="actions:write")
def dispatch_workflow(request: Request) -> Reply:
    """Start a workflow; of all events that a job's token makes, only dispatches start something."""
    file = _known_file(request)
    (ref,) = request.require("ref")
    branch = str(ref).removeprefix("refs/heads/")
    if not request.hub.origin.has_branch(branch):
        raise ApiError(422, f"No ref found for: {ref}")
    inputs = {name: _text(value) for name, value in (request.body.get("inputs") or {}).items()}
    event = events.workflow_dispatch(request.hub, file, inputs, actor=request.token.actor, ref=branch)
    request.hub.queue.append(event)
    return Reply(204)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@route("POST", "/repo/dispatches", needs="contents:write")
def dispatch_repository(request: Request) -> Reply:
    """Send an event of one's own."""
    (kind,) = request.require("event_type")
    payload = request.body.get("client_payload") or {}
    request.hub.queue.append(events.repository_dispatch(request.hub, kind, payload, actor=request.token.actor))
    return Reply(204)
