"""The HTTP side of the API server."""

from __future__ import annotations

import json
import ssl
from http.server import BaseHTTPRequestHandler
from typing import Any

from . import discovery, forward, requests, watches
from .access import Authenticator, Authorizer, User
from .errors import ApiError, unavailable
from .faults import Fault, Faults
from .forward import Forwarded, Unreachable
from .listening import Listener
from .objects import Answer, Objects
from .proxy import Proxies
from .requests import Request, RequestLog
from .resources import ACCESS, IDENTITY, RULES, Catalogue
from .store import Store
from .subresources import Reviews, Scales

_PROXY_TIMEOUT = 60.0


_WORDS = {  # reason and message of an injected code, as an API server in trouble says it
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "forbidden: not now"),
    409: ("Conflict", "the object has been modified; please apply your changes to the latest version and try again"),
    410: ("Expired", "The resourceVersion for the provided watch is too old."),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "Internal error occurred: etcdserver: request timed out"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "Timeout: request did not complete within the allotted duration"),
}


class Cut(Exception):
    """The connection ends here, without an answer."""


class Api:
    """Everything that requests reach."""

    def __init__(self, store: Store, catalogue: Catalogue, proxies: Proxies) -> None:
        self.store, self.catalogue, self.proxies = store, catalogue, proxies
        self.authenticator, self.authorizer = Authenticator(), Authorizer(store)
        self.faults, self.log = Faults(), RequestLog()
        self._objects = Objects(store, catalogue, self.authorizer)
        self._scales = Scales(store)
        self._reviews = Reviews(store, self.authorizer, self.authenticator)

    def answer(self, request: Request) -> Answer:
        """Answer what needs no stream."""
        if request.resource is None:
            return Answer(200, discovery.answer(request.path, self.catalogue))
        if request.resource in (ACCESS, RULES, IDENTITY):
            return self._reviews.review(request)
        self.authorizer.require(request.user, request.attributes)
        if request.subresource == "scale":
            return self._scales.answer(request)
        if request.subresource == "token":
            return self._reviews.token(request)
        if request.subresource == "log":
            return Answer(200, self.proxies.log(request))
        if request.subresource not in ("", "status"):
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        return self._objects.answer(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet per answer
    server: ApiServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Keep still: the request log has it."""

    def do(self) -> None:
        """Serve one request, whatever its method."""
        api = self.server.api
        self._user: User | None = None
        body = forward.read_body(self)
        try:
            user = api.authenticator.user(self.headers.get("Authorization")) if self.server.tls else self.server.user
            request = requests.read(self.command, self.path, self.headers, body, user, api.catalogue)
        except ApiError as refusal:
            self._write(Answer(refusal.code, refusal.status()))
            return
        fault = api.faults.for_request(request)
        try:
            self._serve(api, request, fault)
        except ApiError as refusal:
            api.log.add(request, refusal.code)
            self._write(Answer(refusal.code, refusal.status()), fault.retry_after)
        except Cut:
            api.log.add(request, 0)
            self._hang_up()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815 - names of the base class

    def _serve(self, api: Api, request: Request, fault: Fault) -> None:
        if fault.reset:
            raise Cut
        if fault.status:
            raise _trouble(fault)
        if request.resource and (request.verb == "watch" or request.subresource == "proxy"):
            api.authorizer.require(request.user, request.attributes)
            if request.verb == "watch":
                self._watch(api, request, cut=fault.cut_watch)
            else:
                self._proxy(api, request, fault)
            return
        answer = api.answer(request)
        if fault.lose_answer:
            raise Cut
        api.log.add(request, answer.code, answer.further)
        self._write(answer)

    def _write(self, answer: Answer, retry_after: int | None = None) -> None:
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        self.send_response_only(answer.code)
        kind = "text/plain" if isinstance(answer.body, str) else "application/json"
        self.send_header("Content-Type", kind)
        if answer.warning:
            quoted = answer.warning.replace("\\", "\\\\").replace('"', '\\"')
            self.send_header("Warning", f'299 - "{quoted}"')
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        data = text.encode()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _watch(self, api: Api, request: Request, *, cut: bool) -> None:
        api.log.add(request, 200)
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for event in watches.follow(api.store, request) if not cut else ():
            line = json.dumps(event).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _proxy(self, api: Api, request: Request, fault: Fault) -> None:
        address = api.proxies.address(request)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
        try:
            handed = Forwarded(request.method, request.tail, headers, request.body)
            answer = forward.send_on(address, handed, _PROXY_TIMEOUT)
        except Unreachable as problem:
            raise unavailable(f"error trying to reach service: {problem}") from problem
        if fault.lose_answer:
            answer.close()
            raise Cut
        api.log.add(request, answer.status)
        forward.relay(self, answer)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.server.reset(self.request)


def _trouble(fault: Fault) -> ApiError:
    details = {"retryAfterSeconds": fault.retry_after} if fault.retry_after is not None else {}
    reason, message = _WORDS.get(fault.status, ("", f"unexpected code {fault.status}"))
    return ApiError(fault.status, reason, message, **details)


class ApiServer(Listener):
    """The API server's port, with TLS when it has a certificate; without, every client is `user`."""

    def __init__(self, api: Api, user: User, tls: ssl.SSLContext | None) -> None:
        super().__init__(_Handler)
        self.api, self.user, self.tls = api, user, tls is not None
        if tls:
            self.scheme = "https"
            # The handshake is the connection's own affair: a slow client must not hold up the others.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
