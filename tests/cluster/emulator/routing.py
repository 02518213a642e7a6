"""Which backend a gateway chooses by the cluster's HTTPRoutes."""

from __future__ import annotations

import re
import threading
from collections import defaultdict

from .controllers import Loop, Work
from .endpoints import Endpoints
from .forward import Headers
from .resources import ROUTES, Obj
from .store import Change, Store, timestamp


class Router:
    """Picks the backend of a request by HTTPRoute: headers and path choose the rule, weights the backend."""

    def __init__(self, store: Store, endpoints: Endpoints) -> None:
        self._store, self._endpoints = store, endpoints
        self._lock = threading.Lock()
        self._credit: defaultdict[tuple[str, int], dict[int, int]] = defaultdict(dict)

    def concerns(self, change: Change) -> list[Work]:
        """Return the route that changed."""
        metadata = change.after["metadata"]
        return [(metadata["namespace"], metadata["name"])] if change.resource is ROUTES else []

    def reconcile(self, work: Work, loop: Loop) -> None:
        """Accept a route, as the gateway's controller does."""

        def accept(route: Obj) -> None:
            parents = route["spec"].get("parentRefs", [])
            route["status"] = {"parents": [_accepted(parent, route) for parent in parents]}

        route = self._store.get(ROUTES, *work)
        if route and not _is_current(route):
            self._store.change(ROUTES, *work, accept)

    def route(self, host: str, path: str, headers: Headers) -> tuple[int, tuple[str, int] | None]:
        """Return 200 with the endpoint for a request, or the code with which the gateway itself answers."""
        for route in self._store.all(ROUTES):
            if host not in route["spec"].get("hostnames", [host]):
                continue
            for number, rule in enumerate(route["spec"]["rules"]):
                if any(_fits(match, path, headers) for match in rule["matches"]):
                    return self._backend(route, number, rule.get("backendRefs", []))
        return 404, None

    def _backend(self, route: Obj, number: int, backends: list[Obj]) -> tuple[int, tuple[str, int] | None]:
        chosen = self._weighted((route["metadata"]["uid"], number), [item["weight"] for item in backends])
        if chosen is None:
            return 500, None
        backend, namespace = backends[chosen], route["metadata"]["namespace"]
        if self._endpoints.of(namespace, backend["name"], backend["port"]) is None:
            return 500, None
        address = self._endpoints.pick(namespace, backend["name"], backend["port"])
        return (200, address) if address else (503, None)

    def _weighted(self, key: tuple[str, int], weights: list[int]) -> int | None:
        """Return the backend whose turn it is: in any run of requests shares come as near to the weights as can be."""
        if not sum(weights):
            return None
        with self._lock:
            credit = {at: self._credit[key].get(at, 0) + weight for at, weight in enumerate(weights) if weight}
            chosen = max(credit, key=lambda at: credit[at])
            credit[chosen] -= sum(weights)
            self._credit[key] = credit
            return chosen


def _accepted(parent: Obj, route: Obj) -> Obj:
    condition = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "Route is accepted"}
    condition |= {"observedGeneration": route["metadata"]["generation"], "lastTransitionTime": timestamp()}
    return {"parentRef": parent, "controllerName": "example.net/emulated-gateway", "conditions": [condition]}


def _is_current(route: Obj) -> bool:
    parents = route.get("status", {}).get("parents", [])
    seen = [item["observedGeneration"] for parent in parents for item in parent["conditions"]]
    return bool(seen) and set(seen) == {route["metadata"]["generation"]}


def _fits(match: Obj, path: str, headers: Headers) -> bool:
    wanted = match.get("path", {"type": "PathPrefix", "value": "/"})
    prefix, plain = wanted["value"].rstrip("/"), path.partition("?")[0]
    fits = plain == wanted["value"] if wanted["type"] == "Exact" else plain == prefix or plain.startswith(prefix + "/")
    return fits and all(_header_fits(item, headers.get(item["name"], "")) for item in match.get("headers", []))


def _header_fits(wanted: Obj, value: str) -> bool:
    if wanted.get("type") == "RegularExpression":
        return re.fullmatch(wanted["value"], value) is not None
    return bool(wanted["value"] == value)
