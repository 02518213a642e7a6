"""The HTTP server that scripts and the fake `gh` talk to."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..hub import GitHub
from ..records import Token
from .routes import ApiError, Reply, dispatch

BLOBS = "/blobs/"
REPORTS = "/unmodelled"


class Server:
    """Serves one fake GitHub until it is closed."""

    def __init__(self, hub: GitHub) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        port = self._http.server_port
        self.url = f"http://127.0.0.1:{port}"
        # Another host than the API's, as on GitHub: clients must not send their token to where blobs are.
        blobs = f"http://localhost:{port}"
        bound = {"hub": hub, "lock": threading.Lock(), "blobs": blobs}
        self._http.RequestHandlerClass = type("Handler", (_Handler,), bound)
        threading.Thread(target=self._http.serve_forever, daemon=True, kwargs={"poll_interval": 0.01}).start()

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: GitHub
    lock: threading.Lock
    blobs: str

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is the base class's
        """Keep the output of the tests clean."""

    def do_GET(self) -> None:
        """Answer GET."""
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 -- the names are the base class's

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        address = urlsplit(self.path)
        with self.lock:
            if address.path.startswith(BLOBS):
                self._send_blob(int(address.path.removeprefix(BLOBS)))
            elif address.path == REPORTS:
                self.hub.unmodelled.append(text.decode())
                self._send(Reply(204))
            else:
                self._send(self._answer(address.path, dict(parse_qsl(address.query)), text))

    def _answer(self, path: str, query: dict[str, str], text: bytes) -> Reply:
        try:
            body = json.loads(text) if text else {}
            return dispatch(self.hub, self.command, path, query, body, self._token())
        except ApiError as error:
            return _refusal(error)

    def _token(self) -> Token:
        value = self.headers.get("Authorization", "").partition(" ")[2]
        token = self.hub.find_token(value)
        if token is None:
            raise ApiError(401, "Bad credentials" if value else "Requires authentication")
        return token

    def _send(self, reply: Reply) -> None:
        data = b"" if reply.body is None else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        if reply.location:
            self.send_header("Location", f"{self.blobs}{reply.location}")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send_blob(self, number: int) -> None:
        artifact = next((item for item in self.hub.live_artifacts() if item.id == number), None)
        if artifact is None or self.headers.get("Authorization"):
            # The storage behind GitHub refuses a request that carries both its signature and a token.
            self._send(Reply(404 if artifact is None else 401, {"message": "InvalidAuthenticationInfo"}))
            return
        data = artifact.archive.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _refusal(error: ApiError) -> Reply:
    body = {"message": str(error), "documentation_url": "https://docs.github.com/rest", "status": str(error.status)}
    return Reply(error.status, body)
