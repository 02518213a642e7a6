"""A small GitHub for tests: it runs the workflows of a repository, with GitHub's own parser and evaluator.

    with Engine() as engine, Runner(GitHub(tmp_path, project), engine, executables={"kubectl": None}) as runner:
        runner.hub.environments["production"] = Environment("production", reviewers=["owner"])
        run = runner.trigger(events.push(runner.hub, {"data/train.csv": table}))["pipeline.yml"]
        assert run.waiting == ["production"], run
        runner.review(run, "production", approve=True, by="owner")
        assert run.jobs["deploy / rollout"].conclusion == "success", run

Whatever GitHub would refuse ends the run with GitHub's message. Whatever is not modelled raises `Unsupported`.
"""

from __future__ import annotations

from . import events
from .cancellation import Cancel
from .engine import Engine
from .errors import InvalidWorkflow, RunnerError, Unsupported
from .events import Event
from .hub import GitHub
from .records import Environment, Issue
from .results import JobResult, Run
from .runner import Runner

__all__ = [
    "Cancel", "Engine", "Environment", "Event", "GitHub", "InvalidWorkflow", "Issue", "JobResult", "Run", "Runner",
    "RunnerError", "Unsupported", "events",
]  # fmt: skip
