"""Ids of predictions that only this model's pods can make: what was answered, by whom and when, with a signature."""

from __future__ import annotations

import hmac
import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections import OrderedDict
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

SIGNATURE = 16  # bytes of HMAC-SHA256 that are kept
LONGEST = 4096
REMEMBERED = 65_536


@dataclass(frozen=True)
class Signed:
    """What an id says about its prediction."""

    version: str
    track: str
    prediction: Any


class IdError(ValueError):
    """An id cannot be used; `reason` is one of malformed, forged, expired and repeated."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Signer:
    """Makes ids and reads them back, each once as far as this process remembers."""

    def __init__(self, key: bytes, *, version: str, track: str, window: float) -> None:
        self._key = key
        self._version, self._track, self._window = version, track, window
        # Two equal predictions in one second still have two ids.
        self._nonces = (f"{os.urandom(4).hex()}{number:x}" for number in count())
        self._used: OrderedDict[bytes, None] = OrderedDict()

    def sign(self, prediction: Any) -> str:
        """Return a new id."""
        told = [self._version, self._track, prediction, int(time.time()), next(self._nonces)]
        payload = orjson.dumps(told)
        return urlsafe_b64encode(self._mac(payload) + payload).decode()

    def read(self, text: str) -> Signed:
        """Return what the id `text` says, and accept it no second time; IdError when it cannot be used."""
        try:
            decoded = urlsafe_b64decode(text) if len(text) <= LONGEST else b""
        except (NotBase64, ValueError) as error:
            raise IdError("malformed") from error
        signature, payload = decoded[:SIGNATURE], decoded[SIGNATURE:]
        if not payload:
            raise IdError("malformed")
        if not hmac.compare_digest(signature, self._mac(payload)):
            raise IdError("forged")
        version, track, prediction, issued, _ = orjson.loads(payload)
        if time.time() - issued > self._window:
            raise IdError("expired")
        if signature in self._used:
            raise IdError("repeated")
        self._used[signature] = None
        if len(self._used) > REMEMBERED:
            self._used.popitem(last=False)
        return Signed(version, track, prediction)

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:SIGNATURE]
