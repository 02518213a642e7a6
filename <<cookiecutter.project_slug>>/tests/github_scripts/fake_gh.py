"""A GitHub for tests: it stands for the command `gh`, answers from a table, and notes what it was asked."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

Done = subprocess.CompletedProcess[bytes]


@dataclass
class FakeGitHub:
    """The table of answers by request, such as `GET repos/o/r`, and what was asked; `folder` is free for programs."""

    folder: Path
    _table: dict[str, list[Done]] = field(default_factory=dict)
    _calls: list[tuple[str, str | None]] = field(default_factory=list)

    def answers(self, request: str, answer: object = None, *, status: int = 200, says: str = "refused") -> None:
        """Answer `request`; several answers are given in turn, the last one for ever.

        A status of 0 is a failure before GitHub was reached.
        """
        if status in range(200, 300):
            done = Done([], 0, b"" if answer is None else json.dumps(answer).encode(), b"")
        else:
            done = refused(status, says)
        self._table.setdefault(request, []).append(done)

    def refuses(self, request: str, *, status: int, says: str) -> None:
        """Refuse `request` from now on, whatever it was answered before."""
        self._table[request] = [refused(status, says)]

    def sends(self, request: str, file: Path) -> None:
        """Answer `request` with the bytes of `file`."""
        self._table.setdefault(request, []).append(Done([], 0, file.read_bytes(), b""))

    def calls(self) -> list[tuple[str, Any]]:
        """Return every request with its body, in order."""
        return [(request, _document(body)) for request, body in self._calls]

    def writes(self) -> list[tuple[str, Any]]:
        """Return the calls that change something."""
        return [(request, body) for request, body in self.calls() if not request.startswith("GET ")]

    def run(
        self, arguments: Sequence[str], *, stdin: str | None = None, stdout: IO[bytes] | None = None, timeout: int = 0
    ) -> Done:
        """Take the place of the function that starts `gh`."""
        request = " ".join(arguments)
        if arguments[0] == "api":
            request = f"{dict(pairwise(arguments)).get('--method', 'GET')} {arguments[1]}"
        earlier = [known for known, _ in self._calls].count(request)
        self._calls.append((request, stdin))
        answers = self._table.get(request)
        assert answers, f"no answer for {request}"
        done = answers[min(earlier, len(answers) - 1)]
        if stdout is not None and not done.returncode:
            stdout.write(done.stdout)
        return done


def refused(status: int, says: str) -> Done:
    """Return how `gh` ends when GitHub refuses."""
    return Done([], 1, b"", (f"gh: {says} (HTTP {status})" if status else says).encode())


def _document(body: str | None) -> Any:
    return json.loads(body) if body and body.startswith("{") else body
