"""Import libraries once, then run every script that a client names in a copy of this process.

Each client has a keeper, forked first: it passes signals on, tells how the script ended, and ends it with its client.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

LONGEST = 1 << 20  # bytes of a request
Request = dict[str, Any]
codes: list[int] = []  # the one that the script ended with, unless the interpreter has to find it


def serve(listener: socket.socket) -> Request:
    """Accept clients until standard input ends; return only in a process that is to run a script."""
    signal.signal(signal.SIGCHLD, reap)
    awaited: list[Any] = [listener, sys.stdin]
    while listener in select.select(awaited, [], [])[0]:
        connection, _ = listener.accept()
        with connection:
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return keep(connection)
    raise SystemExit


def reap(*_: object) -> None:
    """Bury a keeper; the time that its script took counts as this process's from now on."""
    os.waitpid(-1, os.WNOHANG)


def keep(connection: socket.socket) -> Request:
    """Return in the process that is to run the script, and leave when that has ended."""
    message, streams, _, _ = socket.recv_fds(connection, LONGEST, 3)
    os.setsid()
    job = os.fork()
    for number, stream in enumerate(streams):
        if job == 0:
            os.dup2(stream, number)
        os.close(stream)
    if job == 0:
        request: Request = json.loads(message)
        return request
    ended = os.pidfd_open(job)
    awaited: list[Any] = [connection, ended]
    while ended not in select.select(awaited, [], [])[0]:
        signals = connection.recv(1)
        if not signals:
            os.killpg(0, signal.SIGKILL)  # the client was killed
        os.kill(job, signals[0])
    connection.send(str(os.waitpid(job, 0)[1]).encode())
    os._exit(0)


def become(request: Request) -> str:
    """Take on folder, environment, arguments and search path of a script, and return its path."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["argv"]
    script = os.path.abspath(sys.argv[0])
    searched = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:0] = [os.path.dirname(os.path.realpath(script)), *map(os.path.abspath, searched)]
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # unlike `random`, it would repeat itself in every copy
    return script


def run(script: str) -> None:
    """Run a script as the main module and let the interpreter deal with whatever ends it."""
    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = script
    try:
        exec(compile(Path(script).read_bytes(), script, "exec"), vars(module))
    except SystemExit as end:
        if isinstance(end.code, int | None):
            codes.append(end.code or 0)
        raise
    codes.append(0)


def leave() -> None:
    """End without taking the imported libraries to pieces, which takes longer than most scripts."""
    if codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codes[0] & 0xFF)


def main(number: str, *libraries: str) -> str:
    """Return the script that this copy of the process is to run."""
    del sys.path[0]  # the folder of this file
    atexit.register(leave)  # before the libraries' own, so that it comes after them
    for name in libraries:
        import_module(name)
    if len(os.listdir("/proc/self/task")) > 1:
        raise SystemExit(f"error: a thread would be missing in every copy; one of {' '.join(libraries)} has started it")
    gc.freeze()  # a copy that collects garbage would have to copy all memory
    return become(serve(socket.socket(fileno=int(number))))


if __name__ == "__main__":
    run(main(*sys.argv[1:]))
