"""Traffic to pods: a Service's entry as kube-proxy balances it, a gateway, and the way to a pod's own address."""

from __future__ import annotations

import socket
import socketserver
from http.server import BaseHTTPRequestHandler
from selectors import EVENT_READ, DefaultSelector
from typing import Any
from urllib.parse import urlsplit

from . import forward
from .endpoints import Endpoints
from .forward import Forwarded, Headers, Unreachable
from .listening import Listener
from .node import Node
from .routing import Router

_TIMEOUT = 60.0
Way = tuple[int, tuple[str, int] | None, str]  # the code of a refusal, where to, and for which path there


class ServiceEntry(Listener):
    """A local port that hands each connection on to a ready endpoint, round-robin."""

    def __init__(self, endpoints: Endpoints, namespace: str, name: str, port: str | int) -> None:
        super().__init__(socketserver.BaseRequestHandler)
        self._endpoints, self._service = endpoints, (namespace, name, port)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Join a connection with one to an endpoint; without endpoints it is closed, as kube-proxy rejects it."""
        address = self._endpoints.pick(*self._service)
        if address is None:
            return
        try:
            with socket.create_connection(address, _TIMEOUT) as upstream:
                _join(request, upstream)
        except OSError:
            return  # the client sees its connection end: that is what a lost request is


def _join(one: socket.socket, other: socket.socket) -> None:
    """Copy both ways until both sides have said all."""
    for side in (one, other):
        side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peers = {one: other, other: one}
    with DefaultSelector() as waiting:
        for side in peers:
            waiting.register(side, EVENT_READ)
        while ready := waiting.select(_TIMEOUT):
            for side in (one, other):
                if any(key.fileobj is side for key, _ in ready) and not _copy(side, peers[side]):
                    if side is other:
                        return  # the server is through: so is the connection
                    waiting.unregister(side)


def _copy(side: socket.socket, peer: socket.socket) -> bool:
    """Copy what has come; False at the end, which is told to the other side."""
    data = side.recv(65536)
    if data:
        peer.sendall(data)
    else:
        peer.shutdown(socket.SHUT_WR)
    return bool(data)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: GatewayEntry | PodNetwork

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Keep still."""

    def do(self) -> None:
        """Hand one request on, whatever its method."""
        body = forward.read_body(self)
        code, address, path = self.server.way(self.path, self.headers)
        if address is None:
            self._refuse(code)
            return
        try:
            answer = forward.send_on(address, Forwarded(self.command, path, self.headers, body), _TIMEOUT)
        except Unreachable:
            self._refuse(502)
            return
        forward.relay(self, answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815 - names of the base class

    def _refuse(self, code: int) -> None:
        self.send_response_only(code)
        self.send_header("Content-Length", "0")
        self.end_headers()


class GatewayEntry(Listener):
    """A local port that stands for a gateway with one host name."""

    def __init__(self, router: Router, host: str) -> None:
        super().__init__(_Handler)
        self._router, self._host = router, host

    def way(self, path: str, headers: Headers) -> Way:
        """Return where a request goes by the routes of this host."""
        return *self._router.route(self._host, path, headers), path


class PodNetwork(Listener):
    """A local port that stands for the cluster's network: an HTTP proxy to the addresses of pods."""

    def __init__(self, node: Node) -> None:
        super().__init__(_Handler)
        self._node = node

    def way(self, path: str, headers: Headers) -> Way:
        """Return where the pod listens that a request names by its address."""
        wanted = urlsplit(path)
        return 502, self._node.at(wanted.hostname or "", wanted.port or 80), wanted.path or "/"
