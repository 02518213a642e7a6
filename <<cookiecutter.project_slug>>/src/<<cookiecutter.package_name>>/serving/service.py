"""The requests that count: read, answered, measured. Everything else is a page of the application behind.

This is plain ASGI, because a router, a request object and a response object cost more than the model itself.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Any

from . import logs
from .bodies import Headers, Reader, Receive, Scope
from .metrics import Metrics
from .model import Model
from .protocols import WireProtocol
from .refusals import Disconnected, Refusal

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
GONE = 499  # the client left; nobody reads the status, but it is counted
UNCOUNTED = frozenset({"/metrics", "/ping", "/health", "/v2/health/live", "/v2/health/ready"})
STRANGE = "additionalProperties"  # then the column's name is the client's
OTHER = "other"  # one label for all paths that are no route of the service


@dataclass(frozen=True)
class Endpoint:
    """A route that answers rows, and the protocol that it speaks."""

    handler: str
    protocol: WireProtocol


class Service:
    """The ASGI application: endpoints by path, and `pages` for every other request."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        pages: Application,
        model: Model,
        metrics: Metrics,
        bodies: Reader,
        headers: list[tuple[bytes, bytes]],
    ) -> None:
        self._endpoints = dict(endpoints)
        self._pages = pages
        self._model = model
        self._metrics = metrics
        self._bodies = bodies
        self._headers = headers
        self._numbers = count()
        self._prefix = os.urandom(6).hex().encode()
        self.draining = False
        self.answered = 0

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._metrics.in_progress > 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        endpoint = self._endpoints.get(scope["path"])
        if endpoint is None:
            await self._page(scope, receive, send)
            return
        begun = perf_counter()
        self._metrics.in_progress += 1
        status = 500
        try:
            status = await self._answer(endpoint, scope["method"], dict(scope["headers"]), receive, send)
        finally:
            self._metrics.in_progress -= 1
            self.answered += 1
            self._metrics.answered(endpoint.handler, scope["method"], status, perf_counter() - begun)

    async def _answer(self, endpoint: Endpoint, method: str, headers: Headers, receive: Receive, send: Send) -> int:
        """Send predictions or a refusal, and return the status."""
        protocol, status = endpoint.protocol, 200
        more: Sequence[tuple[str, str]] = ()
        request_id = self._request_id(headers)
        try:
            if method != "POST":
                raise Refusal(405, f"the method is {method}, wanted POST", headers=(("allow", "POST"),))
            body = await self._bodies.read(headers, receive)
            question, size = protocol.read(headers, body), len(body)
            del body  # it may wait a while for the answer
            content = protocol.write(question, await self._model.answer(question.rows, size=size))
        except Refusal as refusal:
            status, more, content = refusal.status, refusal.headers, protocol.refuse(refusal)
            self._tell(endpoint, refusal, request_id)
        except Disconnected:
            return GONE
        sent = [*self._headers, (b"x-request-id", request_id), (b"content-length", b"%d" % len(content))]
        sent += [(name.encode(), value.encode()) for name, value in more]
        if self.draining:
            sent.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": content})
        return status

    def _request_id(self, headers: Headers) -> bytes:
        """Return the caller's id when it is short and printable, else a new one."""
        seen = headers.get(b"x-request-id")
        if seen is not None and REQUEST_ID.fullmatch(seen):
            return seen
        return b"%s-%x" % (self._prefix, next(self._numbers))

    def _tell(self, endpoint: Endpoint, refusal: Refusal, request_id: bytes) -> None:
        """Log a refusal by the rules that were broken, without the values that broke them."""
        if refusal.status == 503:
            self._metrics.shed.values[()] += 1
        level = logging.WARNING if refusal.status >= 500 else logging.INFO
        rules = sorted(
            {each.rule if each.rule == STRANGE else f"{each.column}: {each.rule}" for each in refusal.violations}
        )
        told = {"handler": endpoint.handler, "status": refusal.status, "request_id": request_id.decode()}
        logs.say(level, "refused", **told, **({"rules": rules} if rules else {}))

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application behind answer, and count it unless it is a probe."""
        begun = perf_counter()
        status = 500
        request_id = self._request_id(dict(scope["headers"]))

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                closing = [(b"connection", b"close")] if self.draining else []
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id), *closing]
            await send(message)

        try:
            await self._pages(scope, receive, sending)
        finally:
            if scope["path"] not in UNCOUNTED:
                handler = getattr(scope.get("route"), "path", OTHER)
                self._metrics.answered(handler, scope["method"], status, perf_counter() - begun)
