"""One parser and one installed project for the whole session; one fake GitHub per test."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ..conftest import render
from .preloaded import LIBRARIES, preloaded
from .runner import Engine, GitHub, Runner, events
from .world import World, deployed, end_containers, programs

FIXTURES = Path(__file__).with_name("fixtures")

# `setup` gives a job the environment that was installed once, with the code that the job checked out. `check` succeeds
# unless a test planted docs/check-fails: the generated project's own checks run elsewhere.
MAKE = """\
#!/bin/sh
[ "$1" = check ] && {{ [ ! -e docs/check-fails ]; exit; }}
mkdir -p .venv/bin
printf '#!/bin/sh\\nPYTHONPATH=src exec "%s" "$@"\\n' '{python}' > .venv/bin/python
chmod +x .venv/bin/python
"""

# As above, but the second and later exports are copies of the first.
MAKE_WITH_EXPORT = """\
#!/bin/sh
mkdir -p .venv/bin
cat > .venv/bin/python <<'END'
#!/bin/sh
kept='{home}/exported'
[ "$1" = scripts/export_model.py ] && [ -e "$kept" ] && exec cp -r "$kept" artifacts/serving
PYTHONPATH=src '{python}' "$@" || exit
[ "$1" != scripts/export_model.py ] || cp -r artifacts/serving "$kept"
END
chmod +x .venv/bin/python
"""

Start = Callable[..., Runner]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Return GitHub's parser and evaluator, started once."""
    with Engine() as running:
        yield running


@pytest.fixture
def begin(engine: Engine, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a runner for a fixture repository."""
    with ExitStack() as stack:

        def make(name: str, **options: Any) -> Runner:
            hub = GitHub(tmp_path, FIXTURES / name)
            return stack.enter_context(Runner(hub, engine, **options))

        yield make


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a rendered, installed project whose table and settings are as small as its gates allow.

    Test processes that run beside each other share it: installing takes long, and so does the first import of all that.
    """
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with (shared / "installed.txt").open("a+") as made:
        fcntl.flock(made, fcntl.LOCK_EX)
        made.seek(0)
        found = made.read() or str(install(tmp_path_factory.mktemp("project")))
        made.truncate(0)
        made.write(found)
    return Path(found)


def install(folder: Path) -> Path:
    """Render a project into `folder` and install it."""
    made = render(folder)
    ours = ("PYTEST_", "PYTHON", "MAKE", "MFLAGS", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    command = ["make", "setup", "REQUIREMENTS=dev"]
    done = subprocess.run(command, cwd=made, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    table = made / "data" / "customers.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:1201]))
    settings = made / "config" / "pipeline.toml"
    quick = (
        settings.read_text().replace("\nfolds = 5 ", "\nfolds = 0 ").replace("\nresamples = 500 ", "\nresamples = 100 ")
    )
    settings.write_text(quick)
    return made


@pytest.fixture(scope="session")
def interpreter(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a program that runs scripts as the interpreter of `project` does, with its libraries imported already."""
    folder = tmp_path_factory.mktemp("preloaded")
    with preloaded(project / ".venv" / "bin" / "python", folder, *LIBRARIES) as program:
        yield program


@pytest.fixture(scope="session")
def launch(
    engine: Engine, project: Path, interpreter: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Return a function that starts a runner for `project`, or for a changed copy of it."""
    make = tmp_path_factory.mktemp("shared") / "make"
    make.write_text(MAKE.format(python=interpreter))
    make.chmod(0o755)
    with ExitStack() as stack:

        def start(source: Path = project) -> Runner:
            hub = GitHub(tmp_path_factory.mktemp("hub"), source)
            return stack.enter_context(Runner(hub, engine, executables={"make": make}))

        yield start


@pytest.fixture(scope="session")
def pushed(launch: Start) -> GitHub:
    """Return a GitHub that has seen the first push of `project`."""
    runner = launch()
    runner.trigger(events.push(runner.hub))
    return runner.hub


def take_over(hub: GitHub, earlier: GitHub) -> None:
    """Give `hub` the runs and artifacts of a GitHub that has seen the first push already."""
    while hub.next_id() < earlier.artifacts[-1].id:
        pass  # numbers are never given out twice
    hub.origin.take_over(earlier.origin, hub.default_branch)
    hub.runs += earlier.runs
    hub.artifacts += earlier.artifacts
    hub.now = earlier.now
    hub.pass_time(hours=1)


@pytest.fixture
def new(launch: Start) -> Runner:
    """Return a runner for a repository before its first push."""
    return launch()


@pytest.fixture
def established(launch: Start, pushed: GitHub) -> Runner:
    """Return a runner for a repository whose first push made a champion."""
    runner = launch()
    take_over(runner.hub, pushed)
    return runner


@pytest.fixture
def deploy(
    engine: Engine, project: Path, interpreter: Path, pushed: GitHub, tmp_path: Path
) -> Iterator[Callable[[Path], World]]:
    """Return a function that gives a cluster to a repository with a champion: `project` or a changed copy of it."""
    with ExitStack() as stack:

        def make(source: Path) -> World:
            hub = GitHub(tmp_path / "hub", source)
            take_over(hub, pushed)
            return stack.enter_context(deployed(hub, engine, project, MAKE.format(python=interpreter), tmp_path))

        yield make


@pytest.fixture
def world(deploy: Callable[[Path], World], project: Path) -> World:
    """Return a repository with a champion and its cluster."""
    return deploy(project)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the first export is kept."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def building(
    engine: Engine, project: Path, interpreter: Path, pushed: GitHub, kept: Path, tmp_path: Path
) -> Iterator[Callable[[Path], Runner]]:
    """Return a function that starts a runner that can build images: for `project` or a changed copy of it."""
    make = MAKE_WITH_EXPORT.format(home=kept, python=interpreter)
    with ExitStack() as stack:
        stack.callback(end_containers, tmp_path)

        def start(source: Path) -> Runner:
            hub = GitHub(tmp_path / "hub", source)
            take_over(hub, pushed)
            return stack.enter_context(Runner(hub, engine, executables=programs(tmp_path, make, project)))

        yield start
