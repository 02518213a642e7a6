"""The process: the server around the service, and how it goes."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import logs
from .options import Options
from .service import Service

KEEP_ALIVE = 75  # longer than proxies keep idle connections, so that it is they who close them
MOST_BYTES_BESIDE_BODY = 65_536
CHUNK_FRAME = 16  # bytes around a chunk of a body
MOST_PIPELINED = 16  # requests of a connection that wait for the answer to an earlier one
QUIET_SECONDS = 1.0
SHARE_FOR_CLOSING = 0.25


class TooManyWaiting(Exception):
    """A client sends requests on and on without waiting for answers."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 that bounds what a connection may hold, how long a request may come in, and an answer wait to be read.

    What is no body - heads, the frames of chunks, trailers - has one bound per request.
    """

    seconds = 15.0
    _no_body = 0
    _between = True
    _coming: asyncio.TimerHandle | None = None
    _leaving: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Expect a first request soon."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._expect_nothing()
        self._wait_no_longer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse `data`; give up the connection when the request it belongs to holds too much beside its body."""
        self._no_body += len(data)
        super().data_received(data)
        if self._no_body > MOST_BYTES_BESIDE_BODY:
            self._give_up()
        elif self._coming is None and (self._no_body or not self._between):
            self._expect()

    def on_message_begin(self) -> None:
        """Begin a request, unless too many wait already: one read holds thousands of short ones."""
        if len(self.pipeline) >= MOST_PIPELINED:
            raise TooManyWaiting
        self._between = False
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, and for a chunk its frame, from what is no body."""
        self._no_body = max(self._no_body - len(body) - CHUNK_FRAME, 0)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the next request begin."""
        self._no_body, self._between = 0, True
        self._expect_nothing()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless that would be taken for the answer to an earlier request."""
        if self.pipeline:
            self._give_up()
        else:
            super().send_400_response(msg)
            self._wait_for_reader()

    def pause_writing(self) -> None:
        """Give the client, who does not read, a while."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """Go on writing."""
        if not self.transport.is_closing():
            self._wait_no_longer()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for the client to read the last answer."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._wait_for_reader()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection."""
        self._give_up()

    def _give_up(self) -> None:
        """Close the connection, which waits for the client to read what was written."""
        self.transport.close()
        self._wait_for_reader()

    def _expect(self) -> None:
        self._coming = self.loop.call_later(self.seconds, self._give_up)

    def _expect_nothing(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            self._coming = None

    def _wait_for_reader(self) -> None:
        if self._leaving is None:
            self._leaving = self.loop.call_later(self.seconds, self.transport.abort)

    def _wait_no_longer(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None


class Server(uvicorn.Server):
    """Uvicorn that on SIGTERM first serves on while others stop sending, and exits with 0."""

    def __init__(self, service: Service, options: Options) -> None:
        # A body that comes slowly is told so at the deadline; who sends nothing at all is cut off a little later.
        BoundedProtocol.seconds = options.deadline_seconds * 1.5
        super().__init__(_config(service, options))
        self._service = service
        self._drain_seconds = options.drain_seconds
        self._draining: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Drain on SIGTERM and SIGINT; the second signal ends the draining."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_go)
        yield

    async def startup(self, sockets: Any = None) -> None:
        """Open the port and say so."""
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            logs.say(logging.INFO, "listening", host=self.config.host, port=port)

    def _asked_to_go(self) -> None:
        if self._draining is None:
            self._service.draining = True
            logs.say(logging.INFO, "draining", seconds=self._drain_seconds)
            self._draining = asyncio.get_running_loop().create_task(self._drain())
        else:
            self.should_exit = True

    async def _drain(self) -> None:
        """Answer until no request came for a moment, or until the time left is needed for closing."""
        last = time.monotonic() + self._drain_seconds * (1 - SHARE_FOR_CLOSING)
        while time.monotonic() < last:
            before = self._service.answered
            await asyncio.sleep(min(QUIET_SECONDS, max(last - time.monotonic(), 0.01)))
            if self._service.answered == before and not self._service.busy:
                break
        self.should_exit = True


def _config(service: Service, options: Options) -> uvicorn.Config:
    return uvicorn.Config(
        service,
        host=options.host,
        port=options.port,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=options.drain_seconds * SHARE_FOR_CLOSING,  # type: ignore[arg-type]  # as wait_for
        backlog=2048,
    )
