"""Scale, tokens and reviews of one's own rights."""

from __future__ import annotations

import re

from . import apply as server_side
from .access import Attributes, Authenticator, Authorizer, service_account
from .apply import Manager
from .errors import ApiError, bad_request
from .objects import Answer, patched
from .requests import Request
from .resources import ACCESS, IDENTITY, Obj, Resource
from .store import Store, timestamp

_SCALE = Resource("autoscaling", "v1", "scales", "Scale")
REPLICAS = ("f:spec", "f:replicas")


class Scales:
    """The subresource `scale` of Deployments and ReplicaSets."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, request: Request) -> Answer:
        """Return the scale, after changing it when the request does."""
        resource = request.resource
        if resource is None or request.verb not in ("get", "update", "patch"):
            raise ApiError(405, "MethodNotAllowed", f"{request.verb} is not supported on scale")
        with self._store.lock:
            live = self._store.read(resource, request.namespace, request.name)
            scale = _scale(live)
            if request.verb == "get":
                return Answer(200, scale)
            body, kind = request.content(), request.headers.get("Content-Type", "")
            wanted = body if request.verb == "update" else patched(_SCALE, scale, body, kind)
            replicas = wanted.get("spec", {}).get("replicas", 0)
            if not isinstance(replicas, int) or replicas < 0:
                raise ApiError(422, "Invalid", f"spec.replicas: Invalid value: {replicas}")
            new = {**live, "metadata": dict(live["metadata"]), "spec": {**live["spec"], "replicas": replicas}}
            writer = request.query.get("fieldManager") or request.headers.get("User-Agent", "").partition("/")[0]
            server_side.note_update(resource, live, new, Manager(writer, "Update", "scale"))
            if not replicas:
                server_side.disown(new, REPLICAS)
            return Answer(200, _scale(new if request.dry else self._store.replace(resource, new)))


def _scale(obj: Obj) -> Obj:
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = obj["spec"].get("selector", {}).get("matchLabels", {})
    selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: obj["metadata"][name] for name in kept if name in obj["metadata"]},
        "spec": {"replicas": obj["spec"]["replicas"]},
        "status": {"replicas": obj.get("status", {}).get("replicas", 0), "selector": selector},
    }


class Reviews:
    """What a client asks about itself, and tokens of ServiceAccounts."""

    def __init__(self, store: Store, authorizer: Authorizer, authenticator: Authenticator) -> None:
        self._store, self._authorizer, self._authenticator = store, authorizer, authenticator

    def token(self, request: Request) -> Answer:
        """Make a token for a ServiceAccount."""
        if request.resource is None:
            raise ValueError("tokens belong to ServiceAccounts")
        self._store.read(request.resource, request.namespace, request.name)
        token = self._authenticator.token_for(service_account(request.namespace, request.name))
        status = {"token": token, "expirationTimestamp": timestamp()}
        kinds = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}
        return Answer(201, {**kinds, "metadata": {"name": request.name}, "spec": {}, "status": status})

    def review(self, request: Request) -> Answer:
        """Tell what the client may do."""
        body = request.content()
        if request.resource is ACCESS:
            allowed = self._authorizer.allows(request.user, _asked(body))
            return Answer(201, body | {"status": {"allowed": allowed}})
        if request.resource is IDENTITY:
            user = {"username": request.user.name, "groups": sorted(request.user.groups)}
            return Answer(201, body | {"status": {"userInfo": user}})
        rules = list(self._authorizer.rules(request.user, body["spec"].get("namespace", "")))
        status = {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}
        return Answer(201, body | {"status": status})


def _asked(review: Obj) -> Attributes:
    wanted = review.get("spec", {}).get("resourceAttributes")
    if not wanted:
        raise bad_request("only resourceAttributes are emulated")
    target = wanted.get("resource", "") + (f"/{wanted['subresource']}" if wanted.get("subresource") else "")
    if not re.fullmatch(r"[\w./*-]*", target):
        raise bad_request(f"unreadable resource {target}")
    return Attributes(
        wanted.get("verb", ""), wanted.get("group", ""), target, wanted.get("namespace", ""), wanted.get("name", "")
    )
