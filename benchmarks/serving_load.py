"""A server on one core and wrk on another: when it is ready, what it holds, how much it answers and how quickly."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .serving_peers import Peer

SERVER_CORE, CLIENT_CORE = "0", "1"
READY_SECONDS = 120
SCRIPT = """wrk.method = "POST"
local file = io.open("{body}")
wrk.body = file:read("*a")
wrk.headers["content-type"] = "application/json"
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw at one number of connections."""

    per_second: float
    median_ms: float
    p99_ms: float
    faults: int


@contextmanager
def running(project: Path, peer: Peer, home: Path) -> Iterator[tuple[str, float, int]]:
    """Yield the URL, the seconds from exec to the first answer, and the process of a server on its core."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    variables = {name: value.format(port=port) for name, value in peer.variables.items()}
    environment = {
        **os.environ,
        "PYTHONPATH": f"{project}/src:{project}",
        "PORT": port,
        "HOST": "127.0.0.1",
        **variables,
    }
    environment |= {"PATH": f"{home / 'bin'}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    program, *arguments = [part.format(port=port) for part in peer.command]
    command = ["taskset", "-c", SERVER_CORE, str(home / "bin" / program), *arguments]
    log = project / "server.log"
    url = f"http://127.0.0.1:{port}{peer.path}"
    start(command, project, environment, log, url, project / "body.json")  # writes bytecode, fills the page cache
    process, ready = launched(command, project, environment, log, url, project / "body.json")
    try:
        yield url, ready, process.pid
    finally:
        end(process)


def start(*arguments: Any) -> None:
    """Start a server and end it once it has answered."""
    process, _ = launched(*arguments)
    end(process)


def launched(
    command: Sequence[str], project: Path, environment: Mapping[str, str], log: Path, url: str, question: Path
) -> tuple[subprocess.Popen[bytes], float]:
    """Return a server that has answered, and the seconds it took."""
    content = question.read_bytes()
    begun = time.perf_counter()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=project, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )
    while not answers(url, content):
        if process.poll() is not None or time.perf_counter() - begun > READY_SECONDS:
            end(process)
            raise SystemExit(
                f"error: {' '.join(command)} does not answer; the end of its log:\n{log.read_text()[-2000:]}"
            )
        time.sleep(0.005)
    return process, time.perf_counter() - begun


def answers(url: str, content: bytes) -> bool:
    """Tell whether the server answers."""
    request = urllib.request.Request(url, content, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server and all that it started."""
    for member in [process.pid, *family(process.pid)]:
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    process.wait()


def family(parent: int) -> list[int]:
    """Return the processes that `parent` and its children started; some servers give them groups of their own."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [parent]
    for member in found:
        found += [child for child, its in parents.items() if its == member]
    return found[1:]


def wrk(project: Path, url: str, connections: int, seconds: int) -> Load:
    """Return what wrk on its own core sees."""
    options = [
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "--latency",
        "-s",
        str(project / "body.lua"),
    ]
    command = ["taskset", "-c", CLIENT_CORE, "wrk", *options, url]
    seen = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", seen)
    lost = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", seen)
    faults = int(errors[1]) if errors else 0
    return Load(
        per_second=float(found(r"Requests/sec:\s+([\d.]+)", seen)[1]),
        median_ms=milliseconds(*found(r"50%\s+([\d.]+)(us|ms|s)", seen).groups()),
        p99_ms=milliseconds(*found(r"99%\s+([\d.]+)(us|ms|s)", seen).groups()),
        faults=faults + (sum(map(int, lost.groups())) if lost else 0),
    )


def found(pattern: str, text: str) -> re.Match[str]:
    """Return the match of what wrk always prints."""
    match = re.search(pattern, text)
    assert match is not None, text
    return match


def milliseconds(value: str, unit: str) -> float:
    """Return a duration of wrk."""
    return float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def memory(parent: int) -> float:
    """Return the proportional memory of a process and its family, in MiB."""
    total = 0
    for member in [parent, *family(parent)]:
        with suppress(FileNotFoundError, ProcessLookupError):
            total += int(found(r"Pss:\s+(\d+)", Path(f"/proc/{member}/smaps_rollup").read_text())[1])
    return total / 1024
