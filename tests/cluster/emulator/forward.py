"""Hand an HTTP request on to another server, and its answer back as it comes."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler

Headers = Mapping[str, str] | Message  # a message finds its fields in any case of letters
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection", "host"}
_PIECE = 64 * 1024


class Unreachable(Exception):
    """Nothing answers at an address."""


@dataclass(frozen=True)
class Forwarded:
    """A request to hand on."""

    method: str
    path: str
    headers: Headers
    body: bytes


def read_body(handler: BaseHTTPRequestHandler) -> bytes:
    """Return the body of the request that a handler serves, sent whole or in chunks."""
    if "chunked" in handler.headers.get("Transfer-Encoding", "").lower():
        pieces = []
        while size := int(handler.rfile.readline().split(b";")[0], 16):
            pieces.append(handler.rfile.read(size))
            handler.rfile.readline()
        while handler.rfile.readline().strip():
            pass  # trailers
        return b"".join(pieces)
    return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))


def send_on(address: tuple[str, int], request: Forwarded, timeout: float) -> http.client.HTTPResponse:
    """Send a request and return the answer, its body not read yet; raises Unreachable."""
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
    headers |= {"Host": request.headers.get("Host", "localhost"), "Connection": "close"}
    headers["Content-Length"] = str(len(request.body))
    try:
        connection.request(request.method, request.path, request.body, headers)
        return connection.getresponse()
    except (OSError, http.client.HTTPException) as problem:
        connection.close()
        raise Unreachable(f"dial tcp {address[0]}:{address[1]}: {problem}") from problem


def relay(handler: BaseHTTPRequestHandler, answer: http.client.HTTPResponse) -> None:
    """Write an answer to the client, piece by piece as it comes."""
    length = answer.getheader("Content-Length")
    bodiless = handler.command == "HEAD" or answer.status in (204, 304)
    handler.send_response_only(answer.status, answer.reason)
    for name, value in answer.getheaders():
        if name.lower() not in (*_HOP_BY_HOP, "content-length"):
            handler.send_header(name, value)
    if length is not None:
        handler.send_header("Content-Length", length)
    elif not bodiless:
        handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    with answer:
        while not bodiless and (piece := answer.read1(_PIECE)):
            handler.wfile.write(piece if length is not None else b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.flush()
    if length is None and not bodiless:
        handler.wfile.write(b"0\r\n\r\n")
