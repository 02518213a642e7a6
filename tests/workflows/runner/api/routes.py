"""The table of modelled requests, each with the permission that it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..hub import GitHub
from ..records import Token

FORBIDDEN = "Resource not accessible by integration"


class ApiError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Request:
    """One request: path parameters, query and body by name."""

    hub: GitHub
    token: Token
    address: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    def number(self, name: str) -> int:
        """Return a path parameter that is a number."""
        return int(self.path[name])

    def require(self, *names: str) -> list[Any]:
        """Return fields of the body; a missing one is GitHub's 422."""
        for name in names:
            if name not in self.body:
                raise ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        return [self.body[name] for name in names]


@dataclass(frozen=True)
class Reply:
    """An answer: JSON, nothing, or a redirect."""

    status: int = 200
    body: Any = None
    location: str = ""


Handler = Callable[[Request], Reply]


@dataclass(frozen=True)
class Route:
    """One modelled request."""

    method: str
    pattern: re.Pattern[str]
    scopes: tuple[str, ...]
    level: str
    handler: Handler


ROUTES: list[Route] = []


def route(method: str, path: str, needs: str) -> Callable[[Handler], Handler]:
    """Register a handler; `needs` is like `issues:write`, or several scopes of which one is enough."""
    scopes, _, level = needs.partition(":")
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path.replace("{path}", "(?P<path>.+)")))

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, pattern, tuple(scopes.split("|")), level, handler))
        return handler

    return register


def dispatch(
    hub: GitHub, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any], token: Token
) -> Reply:
    """Answer one request."""
    if hub.is_down(method, path):
        raise ApiError(503, "Service Unavailable")
    local = path.replace(f"/repos/{hub.repository}", "/repo", 1)
    for item in ROUTES:
        match = item.pattern.fullmatch(local)
        if match and item.method == method:
            if not any(hub.permits(token, scope, item.level) for scope in item.scopes):
                raise ApiError(403, FORBIDDEN)
            return item.handler(Request(hub, token, local, match.groupdict(), query, body))
    if local.startswith("/repos/"):
        raise ApiError(404, "Not Found")
    hub.unmodelled.append(f"the request {method} {path}")
    raise ApiError(501, f"{method} {path} is not modelled by the test runner")
