"""A real container engine, as the tests of the image use it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from cookiecutter.main import cookiecutter

from .conftest import ROOT

HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=10001:10001", "--tmpfs=/tmp")
COPIED = re.compile(r"(?P<number>[0-9.]+)(?P<unit>B|kB|MB|GB) COPY (?P<path>\S+) ")
FIND = """
import importlib.util as u, json, shutil, sys
modules, tools = json.loads(sys.argv[1])
print(json.dumps([m for m in modules if u.find_spec(m)] + [t for t in tools if shutil.which(t)]))
"""
UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def missing() -> str:
    """Return what keeps this machine from building and running images; nothing when it can."""
    for words, why in ((["info"], "docker's engine does not answer"), (["buildx", "version"], "docker has no buildx")):
        try:
            done = subprocess.run(["docker", *words], capture_output=True, check=False, timeout=60)
        except FileNotFoundError:
            return "docker is not installed"
        if done.returncode:
            return why
    return ""


def docker(*words: str) -> str:
    """Return what docker prints; raise when it fails."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def make(project: Path, *words: str) -> str:
    """Run make as from a terminal in `project` and return what it printed."""
    ours = ("PYTEST_", "PYTHON", "MAKE", "MFLAGS", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(["make", *words], cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"make {' '.join(words)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def replace(file: Path, pattern: str, new: str) -> None:
    """Change one setting."""
    text, found = re.subn(pattern, new, file.read_text(), flags=re.MULTILINE)
    assert found == 1, f"{file} has {pattern} {found} times"
    file.write_text(text)


def registered(into: Path) -> Path:
    """Return a project with a small registered model, trained with another Python than the one that was answered."""
    project = Path(cookiecutter(str(ROOT), no_input=True, output_dir=str(into)))
    table = project / "data" / "customers.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:1201]))
    # Quick, and whatever else the machine does: how good the model is, is not asked here.
    replace(project / "config" / "pipeline.toml", r"^folds = 5\b", "folds = 0")
    replace(project / "config" / "pipeline.toml", r"^resamples = 500\b", "resamples = 100")
    replace(project / "config" / "gates.toml", r"^latency_ms = 50.0\b", "latency_ms = 5000.0")
    make(project, "setup", "REQUIREMENTS=export", "PYTHON=3.12")
    make(project, "pipeline")
    return project


@dataclass(frozen=True)
class Image:
    """An image with the folder that it was built from."""

    runtime: str
    name: str
    serving: Path

    def read(self, document: str) -> dict[str, Any]:
        """Return a document that the image was built from."""
        return dict(json.loads((self.serving / document).read_text()))

    def config(self) -> dict[str, Any]:
        """Return what the engine knows of the image."""
        return dict(json.loads(docker("image", "inspect", self.name))[0])

    def layers(self) -> list[str]:
        """Return the digests of the layers, the base first."""
        return list(self.config()["RootFS"]["Layers"])

    def copied(self) -> dict[str, float]:
        """Return the bytes of each folder that was copied on top of the base, the lowest first."""
        lines = docker("history", "--no-trunc", "--format={{.Size}} {{.CreatedBy}}", self.name).splitlines()
        found = [COPIED.match(line) for line in reversed(lines)]
        return {match["path"]: float(match["number"]) * UNITS[match["unit"]] for match in found if match}

    def finds(self, modules: Sequence[str], programs: Sequence[str]) -> list[str]:
        """Return which of these modules and programs there are in the image."""
        words = ("run", "--rm", "--network=none", *HARDENED, "--entrypoint=python", self.name, "-c", FIND)
        return list(json.loads(docker(*words, json.dumps([modules, programs]))))


@dataclass(frozen=True)
class Container:
    """A running container and the address of its service."""

    name: str
    address: str

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and document of one request: a POST when there is a body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.address}{path}", data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def memory(self) -> int:
        """Return the resident memory of the service in KiB."""
        status = docker("exec", self.name, "cat", "/proc/1/status")
        return int(dict(line.split(":\t", maxsplit=1) for line in status.splitlines())["VmRSS"].split()[0])

    def state(self) -> dict[str, Any]:
        """Return the container's state."""
        return dict(json.loads(docker("inspect", "--format={{json .State}}", self.name)))


@contextmanager
def running(image: Image, **variables: str) -> Iterator[Container]:
    """Start a hardened container and yield it when the engine itself finds it healthy."""
    settings = [f"--env={name}={value}" for name, value in variables.items()]
    name = docker("run", "--detach", *HARDENED, *settings, "--publish=127.0.0.1::8080", image.name)
    try:
        wait_until_healthy(name)
        yield Container(name, docker("port", name, "8080"))
    finally:
        docker("rm", "--force", "--volumes", name)


def wait_until_healthy(name: str) -> None:
    """Wait for the engine's own verdict on the container; fail when it is another than healthy."""
    filters = (f"--filter=container={name}", "--filter=event=health_status", "--filter=event=die")
    words = ["docker", "events", "--since=10m", *filters, "--format={{.Action}}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout
        first = watch.stdout.readline().strip()
        watch.terminate()
    assert first == "health_status: healthy", f"{first}: {logs(name)}"


def logs(name: str) -> str:
    """Return what a container wrote, to either stream."""
    words = ["docker", "logs", name]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return done.stdout
