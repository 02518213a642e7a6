"""Measure how long a project takes to generate, against an empty template and against peers, in one run.

Usage: make bench, or: python benchmarks/generation.py [--rounds 9] [--folder /tmp]

Projects are written to memory where the machine offers it, because making a file takes ten microseconds there and up to
a millisecond on a busy virtual disk: the table is on the generators and not on the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EMPTY = "empty template"
MEMORY = Path("/dev/shm")
# Generators that bring their template with them, each in an environment of its own: package and command.
PEERS = {
    "PyScaffold": ("pyscaffold==4.6", ["putup", "project"]),
    "create-dagster": ("create-dagster==1.13.28", ["create-dagster", "project", "project", "--no-uv-sync"]),
    "Kedro": ("kedro==1.7.0", ["kedro", "new", "--name=project", "--tools=none", "--example=n", "--telemetry=no"]),
}

Commands = Mapping[str, Sequence[str]]
SILENT: Any = {"stdin": subprocess.DEVNULL, "capture_output": True}


@dataclass
class Result:
    """What the rounds of one command gave."""

    seconds: list[float] = field(default_factory=list)
    files: int = 0

    @property
    def median(self) -> float:
        """Return the median wall time in seconds."""
        return statistics.median(self.seconds)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a Markdown table of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9, help="timed runs of each command, in turn [%(default)s]")
    parser.add_argument("--folder", type=Path, help="where projects are written [memory, else the temporary folder]")
    options = parser.parse_args(argv)
    place = options.folder or (MEMORY if os.access(MEMORY, os.W_OK) else None)
    with TemporaryDirectory() as generators, TemporaryDirectory(dir=place) as folder:
        results = measure(commands(Path(generators)), options.rounds, Path(folder))
    print(table(results))
    return 0


def commands(folder: Path) -> dict[str, list[str]]:
    """Return what to run for each row of the table; a peer that cannot be installed here has no row."""
    cookiecutter = [str(Path(sys.executable).with_name("cookiecutter")), "--no-input"]
    rows = {
        EMPTY: [*cookiecutter, str(empty_template(folder / "empty"))],
        "empty template with two empty hooks": [*cookiecutter, str(empty_template(folder / "hooks", hooks=True))],
        "this template, without Git": [*cookiecutter, str(ROOT), "init_git=no"],
        "this template, with its first commit": [*cookiecutter, str(ROOT)],
    }
    for name, (package, command) in PEERS.items():
        home = folder / "peers" / command[0]
        venv.create(home, with_pip=True)
        install = [str(home / "bin/python"), "-m", "pip", "install", "--quiet", package]
        if subprocess.run(install, check=False).returncode == 0:
            rows[name] = [str(home / "bin" / command[0]), *command[1:]]
        else:
            print(f"{package} cannot be installed here, so the table has no row for it", file=sys.stderr)
    return rows


def empty_template(folder: Path, *, hooks: bool = False) -> Path:
    """Return a template with our questions that renders a folder with nothing in it; hooks do nothing either."""
    questions = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    kept = {name: value for name, value in questions.items() if not name.startswith("_") or name == "_jinja2_env_vars"}
    (folder / "<<cookiecutter.project_slug>>").mkdir(parents=True)
    (folder / "cookiecutter.json").write_text(json.dumps(kept), encoding="utf-8")
    if hooks:
        (folder / "hooks").mkdir()
        for name in ("pre_gen_project.py", "post_gen_project.py"):
            (folder / "hooks" / name).touch()
    return folder


def measure(rows: Commands, rounds: int, folder: Path) -> dict[str, Result]:
    """Time each command; rounds alternate, so that a slow moment meets all rows."""
    quiet = {"HOME": str(folder), "DO_NOT_TRACK": "1", "KEDRO_DISABLE_TELEMETRY": "1", "PYTHONDONTWRITEBYTECODE": ""}
    people = {
        f"GIT_{role}_{what}": "bench@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    results = {name: Result() for name in rows}
    for turn in range(rounds + 1):
        for name, command in rows.items():
            output = folder / "output"
            output.mkdir()
            start = time.perf_counter()
            subprocess.run(command, cwd=output, env={**os.environ, **quiet, **people}, check=True, **SILENT)
            if turn:  # the first round warms the disk
                results[name].seconds.append(time.perf_counter() - start)
            results[name].files = sum(path.is_file() and ".git" not in path.parts for path in output.rglob("*"))
            shutil.rmtree(output)
    return results


def table(results: Mapping[str, Result]) -> str:
    """Return a Markdown table: median and quickest run, the median against the empty template, files written."""
    base = results[EMPTY].median
    rows = [
        f"| {name} | {seen.median:.2f} | {min(seen.seconds):.2f} | {seen.median / base:.2f} | {seen.files} |"
        for name, seen in results.items()
    ]
    head = ["| generator | median s | quickest s | against empty | files |", "|---|---:|---:|---:|---:|"]
    return "\n".join([*head, *rows])


if __name__ == "__main__":
    sys.exit(main())
