"""One connection of a client, and all of them: how many there may be, what each may hold, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES_BESIDE_BODY = 65_536
MOST_HEADERS = 100  # a short one takes some thirty times its bytes in memory
CHUNK_FRAME = 16  # bytes around a chunk of a body
MOST_PIPELINED = 16  # requests of a connection that wait for the answer to an earlier one


class Connections:
    """The open connections of a server; `seconds` bound how long it waits for a client.

    One more than `most` costs the one that has waited longest for its client, who is idle, sends slowly, or reads not.
    So a newcomer, who may be a probe, is always heard. A whole request is always answered; the queue bounds those.
    """

    def __init__(self, *, most: int, seconds: float) -> None:
        self.seconds = seconds
        self._most = most
        self._open: set[BoundedProtocol] = set()
        self._waiting: dict[BoundedProtocol, None] = {}  # the longest first

    def enter(self, newcomer: BoundedProtocol) -> None:
        """Take in `newcomer`, at the cost of another when there are too many."""
        if len(self._open) >= self._most and self._waiting:
            longest = next(iter(self._waiting))
            self.leave(longest)
            longest.transport.abort()
        self._open.add(newcomer)
        self.wait(newcomer)

    def leave(self, one: BoundedProtocol) -> None:
        """Forget `one`."""
        self._open.discard(one)
        self._waiting.pop(one, None)

    def wait(self, one: BoundedProtocol) -> None:
        """Note that it is for the client of `one` to act."""
        if one in self._open:
            self._waiting.setdefault(one)

    def answer(self, one: BoundedProtocol) -> None:
        """Note that it is for the service to act."""
        self._waiting.pop(one, None)


class TooMany(Exception):
    """A client sends header upon header, or request upon request without waiting for answers."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 that bounds what a connection may hold, how long a request may come in, and an answer wait to be read.

    What is no body - heads, the frames of chunks, trailers - has one bound per request.
    """

    _no_body = 0
    _between = True
    _coming: asyncio.TimerHandle | None = None
    _leaving: asyncio.TimerHandle | None = None

    def __init__(self, connections: Connections, **others: Any) -> None:
        super().__init__(**others)
        self._all = connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Expect a first request soon."""
        super().connection_made(transport)
        self._all.enter(self)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._all.leave(self)
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
            raise TooMany
        self._between = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, unless there are too many."""
        if len(self.headers) >= MOST_HEADERS:
            raise TooMany
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, and for a chunk its frame, from what is no body."""
        self._no_body = max(self._no_body - len(body) - CHUNK_FRAME, 0)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the next request begin."""
        self._no_body, self._between = 0, True
        self._expect_nothing()
        super().on_message_complete()
        self._note()

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
        self._all.wait(self)

    def resume_writing(self) -> None:
        """Go on writing."""
        if not self.transport.is_closing():
            self._wait_no_longer()
        super().resume_writing()
        self._note()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for the client to read the last answer."""
        super().on_response_complete()
        self._note()
        if self.transport.is_closing():
            self._wait_for_reader()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection."""
        self._give_up()

    def _note(self) -> None:
        """Tell whose turn it is: the service's from when a request is whole until its answer is written."""
        cycle = self.cycle
        if cycle.response_complete or (cycle.more_body and not self.pipeline):
            self._all.wait(self)
        else:
            self._all.answer(self)

    def _give_up(self) -> None:
        """Close the connection, which waits for the client to read what was written."""
        self.transport.close()
        self._wait_for_reader()

    def _expect(self) -> None:
        self._coming = self.loop.call_later(self._all.seconds, self._give_up)

    def _expect_nothing(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            self._coming = None

    def _wait_for_reader(self) -> None:
        if self._leaving is None:
            self._leaving = self.loop.call_later(self._all.seconds, self.transport.abort)

    def _wait_no_longer(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
