"""House rules that one look at a workflow decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..runner.pins import load_pins
from .documents import Repository
from .registry import check

RUNNER = "ubuntu-24.04"
VARIABLE_RUNNER = re.compile(r"\$\{\{ vars\.[A-Z][A-Z0-9_]* \|\| '" + re.escape(RUNNER) + r"' \}\}")
USES = re.compile(r"^\s*(?:- )?uses:\s*(?P<uses>[^\s#]+)\s*(?:# (?P<version>\S+))?")
# Elsewhere a fraction is a number: a threshold, a share.
VERSION = re.compile(r"version|python|matrix", re.IGNORECASE)
LONGEST_RUN = 5
UNTRUSTED = {"pull_request_target", "workflow_run"}
WORKFLOW_KEYS = ["name", "run-name", "on", "permissions", "concurrency", "env", "defaults", "jobs"]
JOB_KEYS = [
    "name", "needs", "if", "strategy", "uses", "runs-on", "timeout-minutes", "environment", "permissions",
    "concurrency", "outputs", "env", "defaults", "with", "secrets", "steps",
]  # fmt: skip
STEP_KEYS = ["name", "id", "if", "continue-on-error", "uses", "run", "shell", "working-directory", "with", "env"]


@check
def top_permissions(repository: Repository) -> Iterator[str]:
    """A workflow grants nothing at the top: `permissions: {}`"""
    return (item.name for item in repository.workflows if item.body.get("permissions") != {})


@check
def job_permissions(repository: Repository) -> Iterator[str]:
    """A job says which permissions it needs"""
    return (job.where for job in repository.jobs() if not isinstance(job.body.get("permissions"), dict))


@check
def job_timeouts(repository: Repository) -> Iterator[str]:
    """A job with steps has `timeout-minutes`, because the default is six hours"""
    return (job.where for job in repository.jobs() if "steps" in job.body and "timeout-minutes" not in job.body)


@check
def workflow_concurrency(repository: Repository) -> Iterator[str]:
    """A workflow that an event starts has a concurrency group"""
    for workflow in repository.workflows:
        if set(workflow.triggers) != {"workflow_call"} and "concurrency" not in workflow.body:
            yield workflow.name


@check
def checkout_credentials(repository: Repository) -> Iterator[str]:
    """A checkout has `persist-credentials: false`, so that later steps cannot use its token"""
    for step in repository.steps():
        inputs = step.body.get("with") or {}
        if step.uses.startswith("actions/checkout@") and inputs.get("persist-credentials") is not False:
            yield step.where


@check
def expressions_in_scripts(repository: Repository) -> Iterator[str]:
    """A `run:` holds no `${{ }}`: values travel by `env:`"""
    return (step.where for step in repository.steps() if "${{" in step.run)


@check
def script_length(repository: Repository) -> Iterator[str]:
    """A `run:` has at most five lines: logic lives in scripts"""
    return (step.where for step in repository.steps() if len(step.run.strip().splitlines()) > LONGEST_RUN)


@check
def pinned_actions(repository: Repository) -> Iterator[str]:
    """A remote action is pinned to the listed commit, with its version as comment"""
    for document in [*repository.workflows, *repository.actions]:
        for number, line in enumerate(document.text.splitlines(), 1):
            found = USES.match(line)
            if found and not found["uses"].startswith("./") and not _listed(found["uses"], found["version"]):
                yield f"{document.name}:{number}: {found['uses']}"


def _listed(uses: str, version: str | None) -> bool:
    name, _, sha = uses.partition("@")
    pin = load_pins().get(name)
    return pin is not None and (pin.sha, pin.version) == (sha, version)


@check
def secrets_by_name(repository: Repository) -> Iterator[str]:
    """Secrets are passed by name, never with `secrets: inherit`"""
    return (job.where for job in repository.jobs() if job.body.get("secrets") == "inherit")


@check
def trusted_triggers(repository: Repository) -> Iterator[str]:
    """`pull_request_target` and `workflow_run` give foreign code this repository's rights"""
    for workflow in repository.workflows:
        yield from (f"{workflow.name}: {name}" for name in workflow.triggers if name in UNTRUSTED)


@check
def known_runners(repository: Repository) -> Iterator[str]:
    """A job runs on ubuntu-24.04, or on a variable with that default"""
    for job in repository.jobs():
        label = job.body.get("runs-on")
        if "uses" not in job.body and label != RUNNER and not VARIABLE_RUNNER.fullmatch(str(label)):
            yield f"{job.where}: {label}"


@check
def quoted_versions(repository: Repository) -> Iterator[str]:
    """A version is quoted: YAML reads 3.10 as the number 3.1"""
    for document in [*repository.workflows, *repository.actions]:
        yield from (f"{document.name}: {place}" for place in _floats(document.body, ""))


def _floats(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, float) and VERSION.search(path):
        yield f"{path}: {value}"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _floats(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _floats(item, f"{path}[{number}]")


@check
def local_references(repository: Repository) -> Iterator[str]:
    """A reference to this repository starts with `./`, which every tool reads"""
    for document in [*repository.workflows, *repository.actions]:
        yield from (document.name for line in document.text.splitlines() if re.match(r"\s*(- )?uses:\s*\$/", line))


@check
def key_order(repository: Repository) -> Iterator[str]:
    """Keys stand in the house order"""
    for workflow in repository.workflows:
        yield from _disorder(workflow.name, workflow.body, WORKFLOW_KEYS)
    for job in repository.jobs():
        yield from _disorder(job.where, job.body, JOB_KEYS)
    for step in repository.steps():
        yield from _disorder(step.where, step.body, STEP_KEYS)


def _disorder(where: str, body: Mapping[str, Any], order: list[str]) -> Iterator[str]:
    keys = [key for key in body if key in order]
    if keys != sorted(keys, key=order.index):
        yield f"{where}: {', '.join(keys)}"
