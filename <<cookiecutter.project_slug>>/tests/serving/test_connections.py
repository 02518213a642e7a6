"""Connections without end: idle ones, slow heads, slow bodies and slow readers cost others neither answers nor memory."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from <<cookiecutter.package_name>>.files import read_json
from <<cookiecutter.package_name>>.serving.options import Options
from <<cookiecutter.package_name>>.serving.server import Server
from <<cookiecutter.package_name>>.serving.service import Service

from tests.serving.client import JSON, Process, process
from tests.serving.conftest import Folders

READY = "/v2/health/ready"
HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
WAYS = {
    "idle": b"",
    "slow-head": HEAD + b"x: y\r\n",
    "slow-body": HEAD + b"content-length: 100\r\n\r\n{",
    "slow-parts": HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
    "idle-after-an-answer": b"GET /version HTTP/1.1\r\nhost: x\r\n\r\n",
}


class Held:
    """A service that answers each request when it may, and knows how many it has been asked."""

    draining, busy, answered = False, False, 0

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.asked = asyncio.Condition()
        self.requests = 0

    async def __call__(
        self, _: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        while (await receive()).get("more_body"):
            pass
        async with self.asked:
            self.requests += 1
            self.asked.notify_all()
        await self.may.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.mark.slow
def test_a_whole_request_is_answered_however_many_connect_after_it() -> None:
    async def run() -> list[bytes]:
        held = Held()
        server = Server(cast(Service, held), Options(host="127.0.0.1", port=0, max_connections=3))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.001)
        port = server.servers[0].sockets[0].getsockname()[1]
        asking = [await opened(port, b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number) for number in range(5)]
        async with held.asked:  # more than may be open, and each of them stays
            await held.asked.wait_for(lambda: held.requests == 5)
        idle = [await opened(port, b"") for _ in range(3)]
        assert [await reader.read(1) for reader, _ in idle[:2]] == [b"", b""]
        held.may.set()
        answers = [await reader.readuntil(b"ok") for reader, _ in asking]
        server.should_exit = True
        await serving
        for _, writer in (*asking, *idle):
            writer.close()
        return answers

    async def opened(port: int, sent: bytes) -> Opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        return reader, writer

    answers = asyncio.run(asyncio.wait_for(run(), 30))
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


@pytest.mark.slow
def test_a_burst_of_newcomers_is_heard_within_a_few_turns_of_the_loop() -> None:
    async def run() -> int:
        server = Server(cast(Service, Held()), Options(host="127.0.0.1", port=0))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.001)
        address = server.servers[0].sockets[0].getsockname()
        turns = 0
        with ExitStack() as newcomers:
            for _ in range(100):  # while the loop stands still
                newcomers.enter_context(socket.create_connection(address))
            while len(server.server_state.connections) < 100:
                await asyncio.sleep(0)
                turns += 1
        server.should_exit = True
        await serving
        return turns

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(asyncio.wait_for(run(), 30)) < 25


@contextmanager
def crowd(running: Process, sent: bytes, count: int, *, answered: bool = False) -> Iterator[list[socket.socket]]:
    """Open connections on which nothing follows `sent`, each when the one before is answered, if that is wanted."""
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=20))
            one.sendall(sent)
            if answered:
                assert one.recv(1)
            opened.append(one)
        yield opened


def ended(one: socket.socket) -> bool:
    """Wait until the service has closed the connection."""
    try:
        while one.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


def ask(running: Process, method: str, path: str, body: bytes | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.request(method, path, body, JSON)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.slow
@pytest.mark.parametrize("sent", WAYS.values(), ids=WAYS.keys())
def test_connections_that_wait_for_their_clients_keep_nobody_out(sent: bytes, folders: Folders) -> None:
    folder = folders("binary", "onnx")
    body = json.dumps({"rows": read_json(folder / "golden.json", expect="golden/1")["rows"][:1]}).encode()
    answered = sent == WAYS["idle-after-an-answer"]
    # The deadline would close them, too, but later than anybody here waits.
    with (
        process(folder, MAX_CONNECTIONS="8", DEADLINE_SECONDS="60") as running,
        crowd(running, sent, 40, answered=answered) as opened,
    ):
        assert [ended(one) for one in opened[:32]] == [True] * 32
        for _ in range(8):  # each a connection of its own
            assert ask(running, "GET", READY) == 200
            assert ask(running, "POST", "/predict", body) == 200


@pytest.mark.slow
def test_heads_that_come_slowly_fill_no_memory(folders: Folders) -> None:
    head = b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 90 + b"x: " + b"y" * 60_000
    with process(folders("binary", "onnx"), MAX_CONNECTIONS="16", DEADLINE_SECONDS="60") as running:
        with crowd(running, head, 16):
            assert ask(running, "GET", READY) == 200
            full = resident(running)
        with crowd(running, head, 800) as opened:
            assert all(ended(one) for one in opened[:784])
            assert resident(running) < full + (16 << 10)  # kept, they would take another 48 MiB


@pytest.mark.slow
def test_headers_without_end_are_refused(folders: Folders) -> None:
    with process(folders("binary", "onnx")) as running, crowd(running, b"GET /version HTTP/1.1\r\n", 2) as opened:
        few, many = opened
        few.sendall(b"a: b\r\n" * 100 + b"\r\n")
        assert few.recv(100).startswith(b"HTTP/1.1 200 ")
        many.sendall(b"a: b\r\n" * 101 + b"\r\n")
        assert many.recv(100).startswith(b"HTTP/1.1 400 ")


def resident(running: Process) -> int:
    """Return the memory of a process in KiB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{running.handle.pid}/status").read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1])
