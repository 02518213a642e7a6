"""The process: the server around the service, and how it goes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn

from . import logs
from .connection import BoundedProtocol, Connections
from .options import Options
from .service import Service

KEEP_ALIVE = 75  # longer than proxies keep idle connections, so that it is they who close them
QUIET_SECONDS = 1.0
SHARE_FOR_CLOSING = 0.25
LISTENERS = 32  # fewer where few connections may be open, because newcomers of one turn must not cost each other


class Server(uvicorn.Server):
    """Uvicorn that on SIGTERM first serves on while others stop sending, and exits with 0."""

    def __init__(self, service: Service, options: Options) -> None:
        super().__init__(_config(service, options))
        self._service = service
        self._drain_seconds = options.drain_seconds
        self._listeners = min(LISTENERS, options.max_connections // 2)
        self._draining: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Drain on SIGTERM and SIGINT; the second signal ends the draining."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_go)
        yield

    async def startup(self, sockets: Any = None) -> None:
        """Open the port and say so; end with 2 when it cannot be opened."""
        try:
            await super().startup(sockets)
        except SystemExit as refused:  # uvicorn has logged why
            where = f"port {self.config.port} of {self.config.host}"
            print(f"error: {where} cannot be opened (see above); PORT=… names another", file=sys.stderr)
            raise SystemExit(2) from refused
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            await self._listen_more()
            logs.say(logging.INFO, "listening", host=self.config.host, port=port)

    async def _listen_more(self) -> None:
        """Take in many newcomers in each turn of the loop: libuv takes one for each handle that listens.

        A turn lasts as long as all answers in it, so of 400 that connected together the last waited for seconds.
        """
        first = self.servers
        opened = [one.fileno() for server in first for one in server.sockets]
        more = [socket.socket(fileno=os.dup(number)) for number in opened for _ in range(self._listeners - 1)]
        await super().startup(more)
        self.servers = [*first, *self.servers]

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
    # A body that comes slowly is told so at the deadline; who sends nothing at all is cut off a little later.
    connections = Connections(most=options.max_connections, seconds=options.deadline_seconds * 1.5)
    return uvicorn.Config(
        service,
        host=options.host,
        port=options.port,
        loop="uvloop",
        http=partial(BoundedProtocol, connections),  # type: ignore[arg-type]  # called like the class
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=options.drain_seconds * SHARE_FOR_CLOSING,  # type: ignore[arg-type]  # as wait_for
        backlog=2048,
    )
