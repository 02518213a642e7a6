"""Every other page: health, metrics, the model's card and metadata, documentation, feedback."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route

from . import bodies, inference_protocol
from .bundle import Bundle
from .card import page as card_page
from .feedback import Feedback
from .metrics import Metrics
from .openapi import document
from .options import Options
from .refusals import Disconnected, Refusal

JSON = "application/json"
NAMED = "/v2/models/{name}"
VERSIONED = "/v2/models/{name}/versions/{version}"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


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
    ready: Callable[[], bool]

    def application(self) -> FastAPI:
        """Return the application with every route that answers no rows."""
        described = document(self.bundle, self.options)
        app = FastAPI(title=self.bundle.name, version=self.bundle.version, redoc_url=None, routes=self._routes())
        app.openapi = lambda: described  # type: ignore[method-assign]  # as FastAPI's documentation does
        return app

    def _routes(self) -> list[BaseRoute]:
        return [
            Page("/", lambda _: RedirectResponse("/docs")),
            Page("/model", self._card),
            Page("/model/metadata", lambda _: as_json(self.bundle.metadata)),
            Page("/metrics", lambda _: Response(self.metrics.render(), media_type=EXPOSITION)),
            Page("/feedback", self._feedback, methods=["POST"]),
            Page("/ping", self._ping),
            Page("/health", self._ping),
            Page("/version", lambda _: PlainTextResponse(self.bundle.version)),
            Page("/v2", lambda _: as_json(_server(self.bundle))),
            Page("/v2/health/live", lambda _: as_json({"live": True})),
            Page("/v2/health/ready", self._ready),
            *(Page(path, self._model) for path in (NAMED, VERSIONED)),
            *(Page(f"{path}/ready", self._model_ready) for path in (NAMED, VERSIONED)),
            *(Page(f"{path}/infer", self._stranger, methods=["POST"]) for path in (NAMED, VERSIONED)),
        ]

    def _ping(self, _: Request) -> Response:
        return Response("\n", 200 if self.ready() else 503, media_type=JSON)

    def _ready(self, _: Request) -> Response:
        return as_json({"ready": self.ready()}, 200 if self.ready() else 503)

    def _known(self, request: Request) -> bool:
        seen = (request.path_params["name"], request.path_params.get("version", self.bundle.version))
        return seen == (self.bundle.name, self.bundle.version)

    def _stranger(self, request: Request) -> Response:
        asked = " version ".join(str(part) for part in request.path_params.values())
        return as_json({"error": f"no model {asked}, wanted {self.bundle.name} version {self.bundle.version}"}, 404)

    def _model(self, request: Request) -> Response:
        return as_json(inference_protocol.describe(self.bundle)) if self._known(request) else self._stranger(request)

    def _model_ready(self, request: Request) -> Response:
        if not self._known(request):
            return self._stranger(request)
        return as_json({"name": self.bundle.name, "ready": self.ready()}, 200 if self.ready() else 503)

    def _card(self, request: Request) -> Response:
        accepted = request.headers.get("accept", "")
        if "text/html" in accepted:
            return Response(card_page(self.bundle), media_type="text/html")
        return Response(self.bundle.card, media_type="text/markdown")

    async def _feedback(self, request: Request) -> Response:
        headers, limit = dict(request.scope["headers"]), self.options.max_body_bytes
        try:
            body = await bodies.read(headers, request.receive, limit=limit, seconds=self.options.deadline_seconds)
            bodies.demand_json(headers)
            self.feedback.take(body)
        except Refusal as refusal:
            told = [each.as_json() for each in refusal.violations] or [{"message": refusal.message}]
            return as_json({"detail": told}, refusal.status, dict(refusal.headers))
        except Disconnected:
            return Response(status_code=499)
        return as_json({"status": "accepted"}, 202)


def as_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(orjson.dumps(content), status, headers, JSON)


def _server(bundle: Bundle) -> dict[str, Any]:
    return {"name": bundle.name, "version": bundle.version, "extensions": []}
