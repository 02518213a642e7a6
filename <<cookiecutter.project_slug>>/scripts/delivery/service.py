"""HTTP to the service, whichever way it is reached: keep-alive, JSON, every failure an answer that can be counted."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .errors import MisuseError

JSON = {"Content-Type": "application/json"}
BROKEN = 0  # the status of a request that got no answer


@dataclass(frozen=True)
class Answer:
    """What came back: `status` 0 means that nothing did, and `text` then says why. `seconds` is the whole way."""

    status: int
    headers: http.client.HTTPMessage
    text: str
    seconds: float

    def json(self) -> Any:
        """Return the body as JSON; None when it is not."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def __str__(self) -> str:
        """Return status and body, shortened, for a message."""
        body = " ".join(self.text.split())
        told = body if len(body) <= 200 else f"{body[:200]}…"
        return told if self.status == BROKEN else f"{self.status} {told}".rstrip()


@dataclass
class Client:
    """One connection that stays open between requests; not to be shared between threads."""

    url: str
    timeout: float = 30.0
    headers: Mapping[str, str] = field(default_factory=dict)
    _connection: http.client.HTTPConnection | None = None

    def get(self, path: str, **headers: str) -> Answer:
        """Send GET."""
        return self.send("GET", path, None, headers)

    def post(self, path: str, body: object) -> Answer:
        """Send POST with a JSON body."""
        return self.send("POST", path, json.dumps(body).encode(), JSON)

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Send any request; a connection that the other side closed while idle is opened again once."""
        begun, fresh = time.perf_counter(), self._connection is None
        try:
            return self._exchange(method, path, body, headers, begun)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not fresh and isinstance(error, http.client.RemoteDisconnected | ConnectionError):
                return self.send(method, path, body, headers)
            why = f"no answer: {str(error) or type(error).__name__}"
            return Answer(BROKEN, http.client.HTTPMessage(), why, time.perf_counter() - begun)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], begun: float) -> Answer:
        parts = urlsplit(self.url)
        if self._connection is None:
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            self._connection = kind(parts.netloc, timeout=self.timeout)
        self._connection.request(method, parts.path.rstrip("/") + path, body, {**self.headers, **headers})
        response = self._connection.getresponse()
        text = response.read().decode("utf-8", errors="replace")
        if response.will_close:
            self.close()
        return Answer(response.status, response.headers, text, time.perf_counter() - begun)


def checked_url(url: str) -> str:
    """Return `url` without a slash at its end. Raises MisuseError when it is not an HTTP address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise MisuseError(f"{url!r} is not an address such as http://127.0.0.1:8080")
    return url.rstrip("/")
