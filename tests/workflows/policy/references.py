"""Checks of what expressions and scripts name: steps, outputs, inputs, files, make targets, arguments."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..runner.pins import load_pins
from .commands import Command, commands
from .documents import Document, Job, Repository, Step
from .registry import check

STEP = re.compile(r"\bsteps\.([\w-]+)(?:\.outputs\.([\w-]+))?")
NEED = re.compile(r"\bneeds\.([\w-]+)(?:\.outputs\.([\w-]+))?")
INPUT = re.compile(r"\binputs\.([\w-]+)")
TARGET = re.compile(r"^([\w./-]+(?:\s+[\w./-]+)*)\s*:(?!=)", re.MULTILINE)
OPTION = re.compile(r"--[\w-]+")


@check
def known_steps(repository: Repository) -> Iterator[str]:
    """An expression names a step that exists, and an output that its action has"""
    for where, document, body, _ in _scopes(repository):
        steps = {step["id"]: step for step in body.get("steps") or [] if "id" in step}
        for name, output in STEP.findall(_text(document, body)):
            if name not in steps:
                yield f"{where}: steps.{name}"
            elif output and output not in _step_outputs(repository, where, document, steps[name], output):
                yield f"{where}: steps.{name}.outputs.{output}"


@check
def known_needs(repository: Repository) -> Iterator[str]:
    """An expression names a job that is needed, and an output that it declares"""
    for job in repository.jobs():
        needs = job.body.get("needs") or []
        direct = [needs] if isinstance(needs, str) else needs
        for name, output in NEED.findall(str(job.body)):
            if name not in direct:
                yield f"{job.where}: needs.{name} is not in its `needs`"
            elif output and output not in _job_outputs(repository, job.workflow, name):
                yield f"{job.where}: needs.{name}.outputs.{output}"


@check
def known_inputs(repository: Repository) -> Iterator[str]:
    """An expression names an input that is declared, under every trigger that can be given inputs"""
    for document in [*repository.workflows, *repository.actions]:
        used = set(INPUT.findall(re.sub(r"github\.event\.inputs\.[\w-]+", "", str(document.body))))
        for kind, declared in _declared(document).items():
            yield from (f"{document.name}: inputs.{name} under {kind}" for name in sorted(used - declared))


def _declared(document: Document) -> dict[str, set[str]]:
    if "runs" in document.body:
        return {"the action": set(document.inputs)}
    given = {
        name: filters for name, filters in document.triggers.items() if name in ("workflow_call", "workflow_dispatch")
    }
    return {name: set(filters.get("inputs") or {}) for name, filters in given.items()} or {"no trigger": set()}


def _scopes(repository: Repository) -> Iterator[tuple[str, Document, Mapping[str, Any], Job | None]]:
    for job in repository.jobs():
        yield job.where, job.workflow, job.body, job
    for action in repository.actions:
        yield action.name, action, action.body["runs"], None


def _text(document: Document, body: Mapping[str, Any]) -> str:
    # A composite action names its steps in its outputs too, which stand outside of `runs`.
    return str(document.body if "runs" in document.body else body)


def _step_outputs(
    repository: Repository, where: str, document: Document, body: Mapping[str, Any], name: str
) -> set[str]:
    step = Step(where, document, body, None)
    action = repository.action(step) if step.uses.startswith("./") else None
    pin = load_pins().get(step.uses.partition("@")[0])
    if action is not None:
        return set(action.body.get("outputs") or {})
    # What a script writes is only known when it runs.
    return set(pin.outputs) if pin is not None else {name}


def _job_outputs(repository: Repository, workflow: Document, name: str) -> set[str]:
    body = workflow.body["jobs"].get(name) or {}
    callee = repository.called(Job("", name, workflow, body))
    if callee is not None:
        return set(callee.triggers.get("workflow_call", {}).get("outputs") or {})
    return set(body.get("outputs") or {})


@check
def scripts_exist(repository: Repository) -> Iterator[str]:
    """A script that a `run:` calls is in the repository, and can be executed when it is called by its path"""
    for step, command in _commands(repository):
        script = _script(repository, command)
        if script is None:
            continue
        if not script.is_file():
            yield f"{step.where}: {command.script}"
        elif command.direct and not script.stat().st_mode & 0o100:
            yield f"{step.where}: {command.script} is not executable"


@check
def make_targets_exist(repository: Repository) -> Iterator[str]:
    """A target and a variable that a `run:` gives to make are in the Makefile"""
    for step, command in _commands(repository):
        if command.words[0] != "make":
            continue
        makefile = repository.root / command.directory / "Makefile"
        text = makefile.read_text() if makefile.is_file() else ""
        targets = {name for line in TARGET.findall(text) for name in line.split()}
        for word in command.words[1:]:
            name, equals, _ = word.partition("=")
            known = re.search(rf"\$[({{]{re.escape(name)}\b", text) if equals else name in targets
            if not known:
                yield f"{step.where}: make {word}"


def unknown_options(repository: Repository, python: Path) -> Iterator[str]:
    """A script gets options that its `--help` shows"""
    for step, command in _commands(repository):
        script = _script(repository, command)
        if script is None or script.suffix != ".py" or not script.is_file():
            continue
        help_text = _help(python, repository.root, script, command.subcommand)
        known = set(OPTION.findall(help_text))
        for option in command.options:
            if option not in known:
                yield f"{unknown_options.__doc__}: {step.where}: {command.script} {option}"


@cache
def _help(python: Path, root: Path, script: Path, subcommand: str) -> str:
    # What somebody has set for Python on this machine is not the project's.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for words in ([subcommand, "--help"], ["--help"]) if subcommand else (["--help"],):
        done = subprocess.run([python, script, *words], cwd=root, env=env, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
    raise RuntimeError(f"{script} --help failed:\n{done.stderr}")


def _commands(repository: Repository) -> Iterator[tuple[Step, Command]]:
    for step in repository.steps():
        defaults = (step.job.body.get("defaults") or {}).get("run") or {} if step.job else {}
        directory = str(step.body.get("working-directory") or defaults.get("working-directory") or ".")
        yield from ((step, command) for command in commands(step.run, directory))


def _script(repository: Repository, command: Command) -> Path | None:
    if command.script is None or "$" in command.script:
        return None
    return repository.root / command.directory / command.script
