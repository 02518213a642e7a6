"""Whether anybody answers at a server's address, asked before anything heavy is imported or done."""

from __future__ import annotations

import socket
from contextlib import closing
from urllib.parse import SplitResult, urlsplit

# A server that is there takes a connection at once, and answers within the patience of the caller.
CONNECT_SECONDS = 4
PORTS = {"http": 80, "https": 443}


def demand_answer(url: str, patience: float) -> None:
    """Return when a server answers at `url` within `patience` seconds; raise OSError when none does.

    Only silence is judged: what a server answers, and whether its certificate holds, is for the real client to say.
    """
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  # not for the embedded store

    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme in getproxies() and not proxy_bypass(host):
        return  # the proxy alone knows the way
    with closing(socket.create_connection((host, parts.port or PORTS[parts.scheme]), CONNECT_SECONDS)) as connection:
        if parts.scheme == "http":
            connection.settimeout(patience)
            connection.sendall(_request(parts))
            connection.recv(1)


def _request(parts: SplitResult) -> bytes:
    host = parts.netloc.rpartition("@")[2]
    path = parts.path.rstrip("/")
    return f"GET {path}/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii", "replace")
