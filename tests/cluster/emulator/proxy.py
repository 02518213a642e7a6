"""The subresource `proxy` of pods and Services, and `log` of pods."""

from __future__ import annotations

from .endpoints import Endpoints
from .errors import bad_request, not_found, unavailable
from .node import Node
from .pod_state import port_of
from .requests import Request
from .resources import PODS, SERVICES
from .store import Store


class Proxies:
    """Finds what stands behind `services/http:app:80/proxy` and `pods/app-1:8080/proxy`."""

    def __init__(self, store: Store, node: Node, endpoints: Endpoints) -> None:
        self._store, self._node, self._endpoints = store, node, endpoints

    def address(self, request: Request) -> tuple[str, int]:
        """Return the address to hand a request on to; raises 404 or 503."""
        name, port = _target(request.name)
        if request.resource is SERVICES:
            self._store.read(SERVICES, request.namespace, name)
            found = self._endpoints.pick(request.namespace, name, port, fresh=True)
            if found is None:
                raise unavailable(f'no endpoints available for service "{name}"')
            return found
        if request.resource is not PODS:
            raise not_found(PODS, request.name)
        pod = self._store.read(PODS, request.namespace, name)
        number = port_of(pod, port or "8080")
        found = self._node.address(pod, number) if number else None
        if found is None:
            ip = pod.get("status", {}).get("podIP", "")
            text = f"error trying to reach service: dial tcp {ip}:{number}: connect: connection refused"
            raise unavailable(text)
        return found

    def log(self, request: Request) -> str:
        """Return a container's log, the last lines of it when the request says how many."""
        query = request.query
        if query.get("follow") == "true":
            raise bad_request("following a log is not emulated")
        pod = self._store.read(PODS, request.namespace, request.name)
        text = self._node.logs(pod, query.get("container", ""), previous=query.get("previous") == "true").decode()
        if "tailLines" not in query:
            return text
        wanted = int(query["tailLines"])
        return "".join(text.splitlines(keepends=True)[-wanted:]) if wanted else ""


def _target(name: str) -> tuple[str, str]:
    """Return name and port of `[scheme:]name[:port]`."""
    parts = name.split(":")
    if len(parts) == 1:
        return parts[0], ""
    if len(parts) == 2:
        return parts[0], parts[1]
    return parts[1], parts[2]
