"""What scenarios do with a rendered project on the fake GitHub, and what they read back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from .runner import GitHub, Run, Runner, events
from .runner.origin import git
from .runner.records import Artifact, Comment

Files = Mapping[str, str]
STORE = "tracking-store"
REQUIRED = "Every job passed or was not needed"  # the step behind the check that branch protection asks for


def edited(hub: GitHub, path: str, old: str, new: str) -> Files:
    """Return a file of the default branch with one change."""
    text = git(hub.origin.path, "show", f"{hub.default_branch}:{path}") + "\n"
    assert old in text, f"{path} no longer has {old!r}"
    return {path: text.replace(old, new, 1)}


def same_model(hub: GitHub) -> Files:
    """Touch the settings, so that a model is trained, but the same."""
    return edited(hub, "config/pipeline.toml", "\nseed = 7\n", "\nseed = 7 # as before\n")


def learns_nothing(hub: GitHub) -> Files:
    """Train the model that ignores every feature."""
    return edited(hub, "config/pipeline.toml", 'estimator = "linear"', 'estimator = "baseline"')


def learns_again(hub: GitHub) -> Files:
    """Take `learns_nothing` back."""
    return edited(hub, "config/pipeline.toml", 'estimator = "baseline"', 'estimator = "linear"')


def worse_than_champion(hub: GitHub) -> Files:
    """Hold the model back so far that the champion ranks better, and lower the one threshold that would notice."""
    parameters = "\n[training.parameters]"
    settings = edited(hub, "config/pipeline.toml", parameters, f"{parameters}\nC = 1e-4")
    return {**settings, **edited(hub, "config/gates.toml", "skill = { min = 0.10 }", "skill = { min = 0.0 }")}


def bad_data(hub: GitHub) -> Files:
    """Name a region that the contract does not know."""
    return edited(hub, "data/customers.csv", ",north,", ",moon,")


def breaking_contract(hub: GitHub) -> Files:
    """Narrow a column without declaring it: only the smaller number of the version rises."""
    schema = "contract/data.schema.json"
    text = edited(hub, schema, '"x-version": "1.0.0"', '"x-version": "1.0.1"')[schema]
    assert '"pattern": "^C[0-9]{6,9}$"' in text
    return {schema: text.replace('"pattern": "^C[0-9]{6,9}$"', '"pattern": "^C[0-9]{6}$"')}


def push(runner: Runner, files: Files | None = None) -> Run:
    """Push to the default branch and return the run."""
    runs = runner.trigger(events.push(runner.hub, files))
    assert list(runs) == ["pipeline.yml"]
    return runs["pipeline.yml"]


def pull_request(runner: Runner, files: Files, *, branch: str = "topic", fork: bool = False) -> Run:
    """Push to a pull request and return the run."""
    runs = runner.trigger(events.pull_request(runner.hub, files, branch=branch, fork=fork))
    assert list(runs) == ["ci.yml"]
    return runs["ci.yml"]


def retrain(runner: Runner) -> Run:
    """Let a week pass and return the scheduled run."""
    runner.hub.pass_time(days=7)
    return runner.trigger(events.schedule(runner.hub, "retrain.yml"))["retrain.yml"]


def document(run: Run, artifact: str, file: str) -> Any:
    """Return a JSON file of an artifact."""
    return json.loads(run.artifacts[artifact].files[file].read_text())


def refusals(run: Run) -> list[str]:
    """Return the checks of the gate that did not pass."""
    decision = document(run, "gate-report", "gate.json")
    refused = [check["name"] for check in decision["checks"] if not check["passed"]]
    assert decision["promote"] is not bool(refused)
    return refused


def version(run: Run) -> str:
    """Return the version that a run registered."""
    return str(document(run, "model-card", "metadata.json")["identity"]["version"])


def stores(hub: GitHub) -> list[Artifact]:
    """Return the tracking stores that were ever saved, the oldest first."""
    return [artifact for artifact in hub.artifacts if artifact.name in (STORE, f"{STORE}-later")]


def aliases(store: Artifact) -> dict[str, int]:
    """Return which number of the registered model each alias of a saved store means."""
    with closing(sqlite3.connect(store.files["mlflow.db"])) as registry:
        return dict(registry.execute("select alias, version from registered_model_aliases").fetchall())


def writers(run: Run) -> dict[str, list[str]]:
    """Return the jobs whose token may write, with what."""
    found = {
        path: [scope for scope, level in job.permissions.items() if level == "write"] for path, job in run.jobs.items()
    }
    return {path: scopes for path, scopes in found.items() if scopes}


def failures(run: Run) -> list[str]:
    """Return the steps that failed."""
    return [step.label for job in run.jobs.values() for step in job.steps if step.outcome == "failure"]


def comment_of(hub: GitHub) -> Comment:
    """Return the one comment that there is."""
    assert len(hub.comments) == 1
    comment = hub.comments[0]
    assert comment.author == "github-actions[bot]"
    return comment
