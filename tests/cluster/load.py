"""Users who keep asking while something is changed behind them."""

from __future__ import annotations

import http.client
import json
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

ROW = {"tenure_months": 3, "plan": "pro"}


class Traffic:
    """Two users, each with a new connection per request, as behind a balancer; what is not answered 200 is lost."""

    def __init__(self, url: str, users: int = 2) -> None:
        self._host = urlsplit(url).netloc
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._users = [threading.Thread(target=self._ask, daemon=True) for _ in range(users)]
        self.answered = 0
        self.lost: list[str] = []

    def __enter__(self) -> Self:
        for user in self._users:
            user.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        for user in self._users:
            user.join()

    def _ask(self) -> None:
        while not self._stop.wait(0.01):
            seen = self._once()
            with self._lock:
                self.answered += 1
                if seen != "200":
                    self.lost.append(seen)

    def _once(self) -> str:
        connection = http.client.HTTPConnection(self._host, timeout=10)
        try:
            connection.request("POST", "/predict", json.dumps({"rows": [ROW]}), {"Content-Type": "application/json"})
            return str(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()
