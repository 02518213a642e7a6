"""Request bodies: received whole within limits of size and time, and read as strict JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import orjson

from .refusals import RETRY_AFTER, Disconnected, Refusal, bad_request

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Headers = Mapping[bytes, bytes]
CLOSE = (("connection", "close"),)  # of a body that was not read to its end
ROOM = 32 << 20  # bytes of bodies that are being received, or slow clients would hold the memory of all others
MOST_DIGITS = 18  # of a length; Python refuses to read some thousands


class Reader:
    """Reads bodies of at most `limit` bytes, each within `seconds`; those that come in parts share ROOM."""

    def __init__(self, *, limit: int, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self._room = max(ROOM, limit)
        self._taken = 0

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """Return the whole body.

        Raises Refusal when it is too large, compressed, too slow, or one too many at the same time, and Disconnected
        when the client left.
        """
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > MOST_DIGITS or int(declared) > self._limit:
            raise self._too_large()
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise Refusal(415, "the body is compressed, wanted it plain", headers=CLOSE)
        message = await _part(receive)
        body: bytes = message.get("body", b"")
        if len(body) > self._limit:
            raise self._too_large()
        return await self._whole(body, receive) if message.get("more_body", False) else body

    async def _whole(self, first: bytes, receive: Receive) -> bytes:
        """Return `first` with the parts that follow, counted in the room until all are there."""
        body, more = bytearray(first), True
        self._taken += len(body)
        try:
            async with asyncio.timeout(self._seconds):
                while more:
                    self._demand_room(len(body))
                    message = await _part(receive)
                    part, more = message.get("body", b""), message.get("more_body", False)
                    body += part
                    self._taken += len(part)
        except TimeoutError as error:
            raise Refusal(408, f"the body was not complete within {self._seconds:g} s", headers=CLOSE) from error
        finally:
            self._taken -= len(body)
        if len(body) > self._limit:
            raise self._too_large()
        return bytes(body)

    def _demand_room(self, size: int) -> None:
        if size > self._limit:
            raise self._too_large()
        if self._taken > self._room:
            raise Refusal(503, "too many bodies are being received; try again", headers=(*RETRY_AFTER, *CLOSE))

    def _too_large(self) -> Refusal:
        text = f"the body is larger than {self._limit} bytes; send fewer rows at once"
        return Refusal(413, text, headers=CLOSE)


async def _part(receive: Receive) -> MutableMapping[str, Any]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message


def as_json(body: bytes) -> Any:
    """Return the JSON document in `body`; Refusal when it is none, as NaN, Infinity and 1e999 are none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"the body is not JSON: {error}") from error


def media_type(headers: Headers) -> str:
    """Return the media type of the body, `application/json` when none is named; Refusal for a foreign charset."""
    declared = headers.get(b"content-type", b"application/json")
    kind, _, parameters = declared.decode("latin-1").partition(";")
    name, _, value = parameters.strip().partition("=")
    if parameters.strip() and (name.lower(), value.strip('"').lower()) != ("charset", "utf-8"):
        raise Refusal(415, f"the content type is {declared.decode('latin-1')!r}, wanted no parameter but charset=utf-8")
    return kind.strip().lower()


def demand_json(headers: Headers) -> None:
    """Raise Refusal unless the body is declared as JSON, or not declared at all."""
    if headers.get(b"content-type") in (b"application/json", None):
        return
    if (kind := media_type(headers)) != "application/json":
        raise Refusal(415, f"the content type is {kind!r}, wanted 'application/json'")
