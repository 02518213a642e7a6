"""Stands for an interpreter: hands the script over to the server and ends as the script ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence

HANDED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def main(address: str, python: str, *words: str) -> int:
    """Return the script's exit code, or die of the signal that it died of."""
    chosen = any(name.startswith("PYTHON") and name != "PYTHONPATH" for name in os.environ)
    if chosen or not words or not os.path.isfile(words[0]):
        os.execv(python, [python, *words])  # options, or no script: what only an interpreter that starts can do
    try:
        code = ask(address, words)
    except ConnectionError as error:
        raise SystemExit(f"error: no preloaded interpreter answers at {address}: {error}") from error
    if code < 0:
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def ask(address: str, words: Sequence[str]) -> int:
    """Hand over all that makes a process, pass signals on, and return how the script ended."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(address)
        request = {"argv": words, "folder": os.getcwd(), "environment": dict(os.environ)}
        socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
        for number in HANDED_ON:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda caught, _: server.send(bytes([caught])) and None)
        answer = server.recv(16)
    if not answer:
        raise ConnectionResetError("it was ended")
    return os.waitstatus_to_exitcode(int(answer))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
