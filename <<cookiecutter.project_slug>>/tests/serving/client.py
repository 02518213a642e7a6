"""Ask a service without a network, or a real process of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from <<cookiecutter.package_name>>.serving.assembly import assemble
from <<cookiecutter.package_name>>.serving.options import Options
from <<cookiecutter.package_name>>.serving.service import Service

from tests.example import ROOT

KEY = b"a key of the tests, long enough"
JSON = {"content-type": "application/json"}
MODULE = "<<cookiecutter.package_name>>.serving"
Message = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Speaks ASGI to a service."""

    service: Service

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return what a GET of `path` answers."""
        return asyncio.run(self.ask("GET", path, b"", headers or {}))

    def post(self, path: str, content: Any, headers: Mapping[str, str] = JSON) -> Reply:
        """Return what a POST of bytes, or of anything else as JSON, answers."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return asyncio.run(self.ask("POST", path, body, headers))

    def predict(self, *rows: Any) -> Reply:
        """Return what `rows` get from /predict."""
        return self.post("/predict", {"rows": list(rows)})

    async def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], *, parts: Sequence[Message] = ()
    ) -> Reply:
        """Return the answer to one request, whose body comes in `parts` when these are given."""
        coming = iter(parts or [{"type": "http.request", "body": body, "more_body": False}])
        sent: list[Message] = []

        async def receive() -> Message:
            for message in coming:
                return message
            await asyncio.Event().wait()  # a client that stays and sends no more
            return {}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.service(scope(method, path, headers), receive, send)
        if not sent:
            return Reply(0, {}, b"")
        start, *rest = sent
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], told, b"".join(part.get("body", b"") for part in rest))

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of one series of /metrics, 0 when it is not there."""
        for line in self.get("/metrics").body.decode().splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found and found[1] == name and dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or "")) == labels:
                return float(found[3])
        return 0.0


def scope(method: str, path: str, headers: Mapping[str, str]) -> Message:
    """Return the ASGI scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


def serve(folder: Path, **options: Any) -> Client:
    """Return a client of a new service for the exported model in `folder`."""
    return Client(assemble(replace(Options(model_dir=folder, feedback_key=KEY), **options)))


@dataclass(frozen=True)
class Process:
    """A running `python -m PACKAGE.serving`."""

    handle: subprocess.Popen[str]
    port: int


@contextmanager
def process(folder: Path, **variables: str) -> Iterator[Process]:
    """Run the service as users do, from its first log line that tells the port."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "MODEL_DIR": str(folder), "PORT": "0"}
    environment |= {"HOST": "127.0.0.1", "PYTHONUNBUFFERED": "1", **variables}
    handle = subprocess.Popen([sys.executable, "-m", MODULE], env=environment, stdout=subprocess.PIPE, text=True)
    assert handle.stdout is not None
    try:
        lines = (json.loads(line) for line in handle.stdout)
        yield Process(handle, next(line["port"] for line in lines if line["event"] == "listening"))
    finally:
        handle.kill()
        handle.wait()
        handle.stdout.close()
