"""What a request asks for, and the log of what was asked."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from . import protobuf
from .access import Attributes, User
from .errors import ApiError, bad_request
from .forward import Headers
from .resources import NAMESPACES, Catalogue, Resource

_PATH = re.compile(r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))/(?P<rest>.+)")
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Request:
    """One HTTP request, read as the API server reads it; `resource` is None for discovery and the like."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Headers
    body: bytes
    user: User
    verb: str = "get"
    resource: Resource | None = None
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    tail: str = ""  # what follows /proxy, with the query

    @property
    def attributes(self) -> Attributes:
        """Return what RBAC has to judge."""
        if self.resource is None:
            raise ValueError(f"{self.path} names no resource")
        target = self.resource.plural + (f"/{self.subresource}" if self.subresource else "")
        namespace = self.name if self.resource is NAMESPACES else self.namespace
        return Attributes(self.verb, self.resource.group, target, namespace, self.name)

    @property
    def dry(self) -> bool:
        """Tell whether nothing shall be kept."""
        return self.query.get("dryRun") == "All"

    @property
    def wants_table(self) -> bool:
        """Tell whether the client prints for people."""
        return "as=Table" in (self.headers.get("Accept") or "").partition(",")[0]

    def content(self) -> Any:
        """Return the object that the body holds, as JSON, YAML or protobuf."""
        if self.body.startswith(protobuf.MAGIC):
            return protobuf.decode(self.body)
        try:
            text = self.body.decode()
            return json.loads(text) if text.lstrip()[:1] in ("{", "[") else yaml.safe_load(text)
        except (ValueError, yaml.YAMLError) as problem:
            raise bad_request(f"error decoding request: {problem}") from problem


def read(method: str, target: str, headers: Headers, body: bytes, user: User, catalogue: Catalogue) -> Request:
    """Return the request that a line, headers and a body make."""
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    plain = Request(method, parts.path, query, headers, body, user, _VERBS[method])
    found = _PATH.fullmatch(parts.path.rstrip("/"))
    if not found:
        return plain
    rest = parts.path.split("/", 3 if found["core"] else 4)[-1].split("/")
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in NAMESPACES.subresources:
        namespace, rest = rest[1], rest[2:]
    resource = catalogue.at(found["core"] or found["group"], rest[0])
    if resource is None:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    name, subresource = (unquote(part) for part in (*rest[1:3], "", "")[:2])
    tail = "/" + "/".join(rest[3:]) + (f"?{parts.query}" if parts.query else "")
    verb = _verb(method, name, query)
    return Request(method, parts.path, query, headers, body, user, verb, resource, namespace, name, subresource, tail)


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method == "GET" and query.get("watch") in ("true", "1"):
        return "watch"
    if not name:
        return {"GET": "list", "HEAD": "list", "DELETE": "deletecollection"}.get(method, _VERBS[method])
    return _VERBS[method]


@dataclass(frozen=True)
class Entry:
    """One line of the request log: who asked what, and how it was answered."""

    method: str
    path: str
    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int  # 0 when the connection was cut before an answer
    dry: bool = False
    further: tuple[str, ...] = ()  # verbs that were needed besides: apply of a new object is patch and create

    @property
    def target(self) -> str:
        """Return the resource as a role names it: `deployments/scale`."""
        return self.resource + (f"/{self.subresource}" if self.subresource else "")


class RequestLog:
    """Every request of a cluster, in the order of their answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def add(self, request: Request, code: int, further: tuple[str, ...] = ()) -> None:
        """Note a request with its answer."""
        resource = request.resource
        group, plural = (resource.group, resource.plural) if resource else ("", "")
        entry = Entry(
            request.method, request.path, request.user.name, request.verb, group, plural, request.subresource,
            request.namespace, request.name, code, request.dry, further,
        )  # fmt: skip
        with self._lock:
            self._entries.append(entry)

    def __iter__(self) -> Iterator[Entry]:
        with self._lock:
            return iter(list(self._entries))

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def clear(self) -> None:
        """Forget what was asked so far."""
        with self._lock:
            self._entries.clear()

    def used(self, user: str) -> set[tuple[str, str, str]]:
        """Return what a user was allowed, as roles write it: (apiGroup, resource with subresource, verb)."""
        return {
            (entry.group, entry.target, verb)
            for entry in self
            if entry.user == user and entry.resource and entry.code != 403
            for verb in (entry.verb, *entry.further)
        }

    def of(self, *, user: str = "", verb: str = "", target: str = "", code: int | None = None) -> list[Entry]:
        """Return the entries that fit; an argument left out fits all."""
        return [
            entry
            for entry in self
            if user in ("", entry.user)
            and verb in ("", entry.verb, *entry.further)
            and target in ("", entry.target)
            and code in (None, entry.code)
        ]
