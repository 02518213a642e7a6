"""Every other page: health, metrics, the model's card and metadata, documentation, feedback."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route

from . import inference_protocol
from .bodies import Reader, demand_json
from .bundle import Bundle
from .card import page as card_page
from .docs import page as docs_page
from .feedback import Feedback
from .metrics import Metrics
from .openapi import document
from .options import Options
from .refusals import Disconnected, Refusal

JSON = "application/json"
NAMED = "/v2/models/{name}"
VERSIONED = "/v2/models/{name}/versions/{version}"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
NO_FOREIGN_CODE = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
Handler = Callable[[Request], Awaitable[Response]]


class Page(Route):
    """A route that leaves itself in the scope, by which requests are counted."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        """Return whether and how the route fits."""
        match, found = super().matches(scope)
        return match, {**found, "route": self}


@dataclass(frozen=True)
class Pages:
    """What the pages tell of; `ready` is asked at each probe."""

    bundle: Bundle
    options: Options
    metrics: Metrics
    feedback: Feedback
    bodies: Reader
    ready: Callable[[], bool]

    def application(self) -> FastAPI:
        """Return the application with every route that answers no rows."""
        described = document(self.bundle, self.options)
        app = FastAPI(
            title=self.bundle.name,
            version=self.bundle.version,
            docs_url=None,  # FastAPI's own pages run scripts from another host
            redoc_url=None,
            swagger_ui_oauth2_redirect_url=None,
            routes=self._routes(described),
        )
        app.openapi = lambda: described  # type: ignore[method-assign]  # as FastAPI's documentation does
        return app

    def _routes(self, described: dict[str, Any]) -> list[BaseRoute]:
        ping = _constant(lambda: Response("\n", 200 if self.ready() else 503, media_type=JSON))
        return [
            Page("/", _constant(lambda: RedirectResponse("/docs"))),
            Page("/docs", _documentation(described, self.bundle)),
            Page("/model", self._card),
            Page("/model/metadata", _constant(lambda: as_json(self.bundle.metadata))),
            Page("/metrics", _constant(lambda: Response(self.metrics.render(), media_type=EXPOSITION))),
            Page("/feedback", self._feedback, methods=["POST"]),
            Page("/ping", ping),
            Page("/health", ping),
            Page("/version", _constant(lambda: PlainTextResponse(self.bundle.version))),
            Page("/v2", _constant(lambda: as_json(_server(self.bundle)))),
            Page("/v2/health/live", _constant(lambda: as_json({"live": True}))),
            Page("/v2/health/ready", _constant(self._ready)),
            *(Page(path, self._model) for path in (NAMED, VERSIONED)),
            *(Page(f"{path}/ready", self._model_ready) for path in (NAMED, VERSIONED)),
            *(Page(f"{path}/infer", self._stranger, methods=["POST"]) for path in (NAMED, VERSIONED)),
        ]

    def _ready(self) -> Response:
        return as_json({"ready": self.ready()}, 200 if self.ready() else 503)

    def _known(self, request: Request) -> bool:
        seen = (request.path_params["name"], request.path_params.get("version", self.bundle.version))
        return seen == (self.bundle.name, self.bundle.version)

    async def _stranger(self, request: Request) -> Response:
        asked = " version ".join(str(part) for part in request.path_params.values())
        return as_json({"error": f"no model {asked}, wanted {self.bundle.name} version {self.bundle.version}"}, 404)

    async def _model(self, request: Request) -> Response:
        if not self._known(request):
            return await self._stranger(request)
        return as_json(inference_protocol.describe(self.bundle))

    async def _model_ready(self, request: Request) -> Response:
        if not self._known(request):
            return await self._stranger(request)
        return as_json({"name": self.bundle.name, "ready": self.ready()}, 200 if self.ready() else 503)

    async def _card(self, request: Request) -> Response:
        accepted = request.headers.get("accept", "")
        if "text/html" in accepted:
            return html(card_page(self.bundle))
        return Response(self.bundle.card, media_type="text/markdown")

    async def _feedback(self, request: Request) -> Response:
        headers = dict(request.scope["headers"])
        try:
            body = await self.bodies.read(headers, request.receive)
            demand_json(headers)
            self.feedback.take(body)
        except Refusal as refusal:
            told = [each.as_json() for each in refusal.violations] or [{"message": refusal.message}]
            return as_json({"detail": told}, refusal.status, dict(refusal.headers))
        except Disconnected:
            return Response(status_code=499)
        return as_json({"status": "accepted"}, 202)


def _constant(answer: Callable[[], Response]) -> Handler:
    """Return a handler for whom all requests are the same.

    Handlers are coroutines, so that they run on the event loop's thread: in another, the series of `/metrics` would
    change while they are read.
    """

    async def handle(_: Request) -> Response:
        return answer()

    return handle


def _documentation(described: dict[str, Any], bundle: Bundle) -> Handler:
    async def handle(request: Request) -> Response:
        return html(docs_page(described, bundle, f"{request.url.scheme}://{request.url.netloc}"))

    return handle


def html(content: str) -> Response:
    """Return a page that may load and run nothing."""
    return Response(content, headers=NO_FOREIGN_CODE, media_type="text/html")


def as_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(orjson.dumps(content), status, headers, JSON)


def _server(bundle: Bundle) -> dict[str, Any]:
    return {"name": bundle.name, "version": bundle.version, "extensions": []}
