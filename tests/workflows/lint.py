"""Every linter that reads workflows, over one repository: each returns the findings as lines."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .policy import Repository
from .policy.documents import Step
from .runner import Engine
from .runner.errors import RunnerError

# An expression becomes a harmless word, so that only the shell around it is judged.
EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
YAMLLINT_RULES = """\
{extends: default, rules: {document-start: disable, truthy: {check-keys: false}, line-length: {max: 140},
comments: {min-spaces-from-content: 1}}}"""


def parser(repository: Repository, engine: Engine) -> list[str]:
    """Ask GitHub's own parser."""
    found = []
    for document in repository.workflows:
        parsed = engine.workflow(repository.root, str(document.path.relative_to(repository.root)))
        found += [f"{document.name}: {error}" for error in parsed.errors]
    for document in repository.actions:
        found += [f"{document.name}: {error}" for error in engine.action(document.path).errors]
    return found


def zizmor(repository: Repository) -> list[str]:
    """Ask zizmor for everything it knows; a file that it cannot read is a finding too."""
    options = ["--offline", "--no-progress", "--strict-collection", "--persona=pedantic", "--format=plain"]
    return _run(_tool("zizmor"), *options, str(repository.root))


def schema(repository: Repository) -> list[str]:
    """Check the files against the published JSON schemas."""
    found = []
    for kind, documents in (("workflows", repository.workflows), ("actions", repository.actions)):
        files = [str(document.path) for document in documents]
        if files:
            found += _run(_tool("check-jsonschema"), "--builtin-schema", f"vendor.github-{kind}", *files)
    dependabot = repository.root / ".github" / "dependabot.yml"
    if dependabot.is_file():
        found += _run(_tool("check-jsonschema"), "--builtin-schema", "vendor.dependabot", str(dependabot))
    return found


def yamllint(repository: Repository) -> list[str]:
    """Check the style of the YAML."""
    return _run(_tool("yamllint"), "--strict", "--format=parsable", f"-d{YAMLLINT_RULES}", str(_folder(repository)))


def shellcheck(repository: Repository) -> list[str]:
    """Check every `run:` script as bash."""
    return [line for step in repository.steps() if step.run for line in _shellcheck_step(step)]


def _shellcheck_step(step: Step) -> list[str]:
    script = EXPRESSION.sub("EXPRESSION", step.run)
    command = ["--shell=bash", "--severity=style", "--format=gcc", "-"]
    return [f"{step.where}: {line.removeprefix('-:')}" for line in _run(_tool("shellcheck"), *command, stdin=script)]


LINTERS: dict[str, Callable[[Repository], list[str]]] = {
    "zizmor": zizmor,
    "schema": schema,
    "yamllint": yamllint,
    "shellcheck": shellcheck,
}


def _folder(repository: Repository) -> Path:
    return repository.root / ".github"


def _tool(name: str) -> str:
    """Return a tool of this Python's environment, or else of PATH; a missing tool is an error, not a pass."""
    path = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if path is None:
        raise RunnerError(f"{name} is not installed: run `pip install {name}`")
    return path


def _run(*command: str, stdin: str | None = None) -> list[str]:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    return _lines(done.stdout) or _lines(done.stderr) or [f"{command[0]} ended with exit code {done.returncode}"]


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]
