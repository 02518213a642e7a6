"""The contexts that expressions read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .hub import OWNER_ID, REPOSITORY_ID, GitHub
from .results import Run
from .state import JobState

RUNNER = {"os": "Linux", "arch": "X64", "name": "GitHub Actions 1", "environment": "github-hosted"}


def github_context(hub: GitHub, run: Run, api_url: str) -> dict[str, Any]:
    """Return `github` as it is outside of a job; a called workflow sees the event and name of its caller."""
    event = run.event
    return {
        "event_name": event.name,
        "event": dict(event.payload),
        "ref": event.ref,
        "ref_name": event.ref_name,
        "ref_type": "branch",
        "ref_protected": "false",
        "sha": event.sha,
        "base_ref": event.base_ref,
        "head_ref": event.head_ref,
        "actor": event.actor,
        "triggering_actor": run.triggered_by or event.actor,
        "repository": hub.repository,
        "repository_id": str(REPOSITORY_ID),
        "repository_owner": hub.repository.partition("/")[0],
        "repository_owner_id": str(OWNER_ID),
        "workflow": run.name,
        "workflow_ref": f"{hub.repository}/.github/workflows/{run.file}@{event.ref}",
        "workflow_sha": event.sha,
        "run_id": str(run.id),
        "run_number": str(run.number),
        "run_attempt": str(run.attempt),
        "retention_days": "90",
        "server_url": "https://github.com",
        "api_url": api_url,
        "graphql_url": f"{api_url}/graphql",
    }


def job_contexts(state: JobState, base: Mapping[str, Any], job_id: str) -> dict[str, Any]:
    """Return the contexts that only exist inside of a job, with the others."""
    github = {
        **base["github"],
        "job": job_id,
        "token": state.token.value,
        "workspace": str(state.workspace),
        "event_path": str(state.temp / "event.json"),
    }
    runner = {**RUNNER, "temp": str(state.temp), "tool_cache": str(state.folder / "tools")}
    return {**base, "github": github, "runner": runner, "job": {"status": "success"}}
