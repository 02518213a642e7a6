"""Images as local programs, and their processes, none of which outlives the tests."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_STAND_IN = Path(__file__).parents[1] / "stand_in.py"
# Below the range from which the kernel gives ports to clients, so that none is taken between choice and use.
_FIRST_PORT, _LAST_PORT = 12000, 32000

# Waits for the end of its input, which comes when the test process ends in whatever way, and removes what is left.
_WARDEN = """
import os, shutil, signal, sys
left = set()
for line in sys.stdin:
    (left.add if line[0] == "+" else left.discard)(int(line[1:]))
for group in left:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


@dataclass(frozen=True)
class Program:
    """What an image runs: a command, and the environment that the image sets."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def stand_in(**behaviour: object) -> Program:
    """Return the stand-in model server; each argument is a variable STAND_IN_… of `stand_in.py`, or one in capitals."""
    named = {name if name.isupper() else f"STAND_IN_{name.upper()}": str(value) for name, value in behaviour.items()}
    return Program((sys.executable, "-I", "-S", str(_STAND_IN)), named)


class Launcher:
    """Which program an image reference means; an image that nobody added cannot be pulled."""

    def __init__(self, programs: Mapping[str, Program] | None = None) -> None:
        self._lock = threading.Lock()
        self._programs = dict(programs or {})

    def add(self, image: str, program: Program) -> None:
        """Make images whose reference contains `image` run `program`; the last that fits counts."""
        with self._lock:
            self._programs.pop(image, None)
            self._programs[image] = program

    def remove(self, image: str) -> None:
        """Make an image impossible to pull."""
        with self._lock:
            self._programs.pop(image, None)

    def find(self, image: str) -> Program | None:
        """Return what an image runs."""
        with self._lock:
            fitting = [program for part, program in self._programs.items() if part in image]
        return fitting[-1] if fitting else None


class Ports:
    """Local ports that nobody uses."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = random.SystemRandom().randrange(_FIRST_PORT, _LAST_PORT)

    def take(self) -> int:
        """Return a port that is free now, a different one each time."""
        with self._lock:
            while True:
                self._next = _FIRST_PORT if self._next >= _LAST_PORT else self._next + 1
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    try:
                        probe.bind(("127.0.0.1", self._next))
                    except OSError:
                        continue
                return self._next


class Process:
    """A container's process with its output in a file; `ended` is called from another thread when it exits."""

    def __init__(
        self, program: Program, environment: Mapping[str, str], log: Path, ended: Callable[[], None], warden: Warden
    ) -> None:
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                program.command, env=dict(environment), cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.log = log
        self._warden = warden
        self._ended = ended
        self._gone = threading.Event()
        warden.watch(self._child.pid)
        threading.Thread(target=self._reap, name=f"reap-{self._child.pid}", daemon=True).start()

    def _reap(self) -> None:
        self._child.wait()
        self._warden.forget(self._child.pid)
        self._gone.set()
        self._ended()

    @property
    def pid(self) -> int:
        """Return the process id, which is its group's too."""
        return self._child.pid

    @property
    def code(self) -> int | None:
        """Return the exit code as a container reports it (137 for SIGKILL), None while the process runs."""
        if not self._gone.is_set():
            return None
        code = self._child.returncode
        return code if code >= 0 else 128 - code

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False when it has not come in time."""
        return self._gone.wait(timeout)

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children."""
        if not self._gone.is_set():
            try:
                os.killpg(self._child.pid, number)
            except ProcessLookupError:
                return  # it ended in this moment

    def stop(self, grace: float) -> None:
        """Ask the process to end, and kill it when the grace period is over."""
        if grace > 0:
            self.signal(signal.SIGTERM)
            if self.wait(grace):
                return
        self.signal(signal.SIGKILL)
        self.wait()


class Warden:
    """Kills the processes and removes the folder that are left when the test process ends without cleaning up."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-I", "-S", "-c", _WARDEN, str(folder)]
        # A session of its own: a signal to the test's process group must not end the one that cleans up.
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
        self._lock = threading.Lock()

    def watch(self, group: int) -> None:
        """Take note of a process group."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Take note that a process group ended."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._child.stdin and not self._child.stdin.closed:
                self._child.stdin.write(line)
                self._child.stdin.flush()

    def close(self) -> None:
        """End the warden, which does its work on what it still knows."""
        with self._lock:
            if self._child.stdin:
                self._child.stdin.close()
        self._child.wait()
