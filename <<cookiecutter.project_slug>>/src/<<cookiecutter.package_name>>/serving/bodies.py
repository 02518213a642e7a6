"""Request bodies: received whole within limits of size and time, and read as strict JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import orjson

from .refusals import Disconnected, Refusal, bad_request

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Headers = Mapping[bytes, bytes]
CLOSE = (("connection", "close"),)  # of a body that was not read to its end


async def read(headers: Headers, receive: Receive, *, limit: int, seconds: float) -> bytes:
    """Return the whole body.

    Raises Refusal when it is larger than `limit` bytes, compressed, or not there within `seconds`, and Disconnected
    when the client left.
    """
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > limit:
        raise _too_large(limit)
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refusal(415, "the body is compressed, wanted it plain", headers=CLOSE)
    message = await _first(receive, seconds)
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    return await _rest(body, receive, limit=limit, seconds=seconds)


async def _first(receive: Receive, seconds: float) -> MutableMapping[str, Any]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message


async def _rest(body: bytes, receive: Receive, *, limit: int, seconds: float) -> bytes:
    parts, size, more = [body], len(body), True
    try:
        async with asyncio.timeout(seconds):
            while more and size <= limit:
                message = await _first(receive, seconds)
                parts.append(message.get("body", b""))
                size, more = size + len(parts[-1]), message.get("more_body", False)
    except TimeoutError as error:
        raise Refusal(408, f"the body was not complete within {seconds:g} s", headers=CLOSE) from error
    if size > limit:
        raise _too_large(limit)
    return b"".join(parts)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"the body is larger than {limit} bytes; send fewer rows at once", headers=CLOSE)


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
