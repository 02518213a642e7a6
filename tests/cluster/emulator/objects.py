"""What the API server does with objects: get, list, create, update, patch, apply, delete."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import apply as server_side
from . import defaults, patches, pod_security, selectors
from .access import Attributes, Authorizer
from .apply import Manager
from .errors import ApiError, bad_request, exists, not_found
from .pod_state import terminate
from .requests import Request
from .resources import GATEWAY, MONITORING, NAMESPACES, PODS, Catalogue, Obj, Resource
from .store import Store, timestamp
from .tables import table

_UNKNOWN_FORMAT = (
    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
    "application/merge-patch+json, application/apply-patch+yaml"
)


@dataclass(frozen=True)
class Answer:
    """A response, ready to be written."""

    code: int
    body: Obj | str
    warning: str = ""
    further: tuple[str, ...] = ()  # verbs that were needed besides the request's own


class Objects:
    """The verbs on stored objects."""

    def __init__(self, store: Store, catalogue: Catalogue, authorizer: Authorizer) -> None:
        self._store, self._catalogue, self._authorizer = store, catalogue, authorizer

    def answer(self, request: Request) -> Answer:
        """Do what a request on an object or a list of objects asks."""
        resource = request.resource
        if resource is None:
            raise ValueError("only requests on resources come here")
        verbs: dict[str, Callable[[Request, Resource], Answer]] = {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
        }
        if request.verb not in verbs:
            raise ApiError(405, "MethodNotAllowed", f"{request.verb} of {resource.plural} is not emulated")
        with self._store.lock:
            return verbs[request.verb](request, resource)

    def _get(self, request: Request, resource: Resource) -> Answer:
        found = self._store.read(resource, request.namespace, request.name)
        if request.wants_table:
            return Answer(200, table(resource, [found], found["metadata"]["resourceVersion"]))
        return Answer(200, found)

    def _list(self, request: Request, resource: Resource) -> Answer:
        match = selectors.by_text(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
        items = [obj for obj in self._store.all(resource, request.namespace) if match(obj)]
        if request.wants_table:
            return Answer(200, table(resource, items, str(self._store.version)))
        metadata = {"resourceVersion": str(self._store.version)}
        kinds = {"kind": f"{resource.kind}List", "apiVersion": resource.group_version}
        return Answer(200, {**kinds, "metadata": metadata, "items": items})

    def _create(self, request: Request, resource: Resource) -> Answer:
        obj = request.content()
        if obj.get("kind") != resource.kind:
            raise bad_request(f"{obj.get('kind')} cannot be created as {resource.plural}")
        metadata = obj.setdefault("metadata", {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + secrets.token_hex(3)[:5]
        return self._keep_new(request, resource, obj, _writer(request, "Update"))

    def _keep_new(self, request: Request, resource: Resource, obj: Obj, manager: Manager) -> Answer:
        if obj["metadata"].get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        self._place(request, resource, obj)
        defaults.complete(resource, obj, None)
        if resource is PODS:
            pod_security.admit(self._namespace(request), obj)
        if manager.operation == "Update":
            server_side.note_update(resource, None, obj, manager)
        warning = self._warning(request, obj)
        if not request.dry:
            return Answer(201, self._store.create(resource, obj), warning)
        if self._store.get(resource, request.namespace, obj["metadata"]["name"]):
            raise exists(resource, obj["metadata"]["name"])
        obj["metadata"] |= {"uid": "00000000-0000-0000-0000-000000000000", "creationTimestamp": timestamp()}
        return Answer(201, obj, warning)

    def _place(self, request: Request, resource: Resource, obj: Obj) -> None:
        metadata = obj["metadata"]
        if not resource.namespaced:
            metadata.pop("namespace", None)
            return
        if metadata.setdefault("namespace", request.namespace) != request.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if self._namespace(request) is None:
            raise not_found(NAMESPACES, request.namespace)

    def _namespace(self, request: Request) -> Obj | None:
        return self._store.get(NAMESPACES, None, request.namespace)

    def _warning(self, request: Request, obj: Obj) -> str:
        template = obj.get("spec", {}).get("template") if obj["kind"] == "Deployment" else None
        return pod_security.warning(self._namespace(request), template) if template else ""

    def _update(self, request: Request, resource: Resource) -> Answer:
        live, obj = self._store.read(resource, request.namespace, request.name), request.content()
        metadata = {"managedFields": live["metadata"].get("managedFields"), **obj["metadata"]}
        obj["metadata"] = {name: value for name, value in metadata.items() if value is not None}
        return self._keep(request, resource, live, obj, _writer(request, "Update"))

    def _patch(self, request: Request, resource: Resource) -> Answer:
        kind = request.headers.get("Content-Type", "")
        if "apply-patch" in kind:
            return self._apply(request, resource)
        live = self._store.read(resource, request.namespace, request.name)
        new = patched(resource, live, request.content(), kind)
        return self._keep(request, resource, live, new, _writer(request, "Update"))

    def _apply(self, request: Request, resource: Resource) -> Answer:
        manager, config = _writer(request, "Apply"), request.content()
        if not request.query.get("fieldManager"):
            raise bad_request(
                "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply"
            )
        if config.get("metadata", {}).get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        live = self._store.get(resource, request.namespace, request.name)
        if live is not None:
            force = request.query.get("force") == "true"
            new = server_side.apply(resource, live, config, manager, force=force)
            return self._keep(request, resource, live, new, manager)
        self._authorizer.require(
            request.user,
            Attributes("create", resource.group, resource.plural, request.namespace, request.name),
        )
        empty = {"apiVersion": resource.group_version, "kind": resource.kind, "metadata": {"name": request.name}}
        new = server_side.apply(resource, empty, config, manager, force=False)
        answer = self._keep_new(request, resource, new, manager)
        return Answer(answer.code, answer.body, answer.warning, further=("create",))

    def _keep(self, request: Request, resource: Resource, live: Obj, new: Obj, manager: Manager) -> Answer:
        new = copy.deepcopy(new)
        if request.subresource == "status":
            new = {**copy.deepcopy(live), "status": new.get("status", {})}
        else:
            if "status" in resource.subresources:
                new.pop("status", None)
                new |= {"status": live["status"]} if "status" in live else {}
            defaults.complete(resource, new, live)
            if manager.operation == "Update":
                server_side.note_update(resource, live, new, manager)
        warning = self._warning(request, new)
        if request.dry:
            if new.get("spec") != live.get("spec") and "generation" in live["metadata"]:
                new["metadata"]["generation"] = live["metadata"]["generation"] + 1
            return Answer(200, new, warning)
        return Answer(200, self._store.replace(resource, new), warning)

    def _delete(self, request: Request, resource: Resource) -> Answer:
        live = self._store.read(resource, request.namespace, request.name)
        options = request.content() if request.body else {}
        wanted = ((options or {}).get("preconditions") or {}).get("uid")
        if wanted not in (None, live["metadata"]["uid"]):
            raise ApiError(409, "Conflict", f"the UID in the precondition ({wanted}) is not the object's")
        if (options or {}).get("propagationPolicy") == "Orphan":
            raise bad_request("propagationPolicy Orphan is not emulated")
        if request.dry:
            return Answer(200, live)
        grace = (options or {}).get("gracePeriodSeconds", live.get("spec", {}).get("terminationGracePeriodSeconds", 30))
        if resource is PODS and grace > 0:
            return Answer(200, terminate(self._store, live, grace))
        if resource is NAMESPACES:
            self._empty(request.name)
        self._store.remove(resource, request.namespace, request.name)
        details = {
            "name": request.name,
            "group": resource.group,
            "kind": resource.plural,
            "uid": live["metadata"]["uid"],
        }
        return Answer(
            200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        )

    def _empty(self, namespace: str) -> None:
        for resource in self._catalogue.resources:
            for obj in self._store.all(resource, namespace) if resource.namespaced else ():
                self._store.remove(resource, namespace, obj["metadata"]["name"])


def _writer(request: Request, operation: str) -> Manager:
    agent = request.headers.get("User-Agent", "unknown").partition("/")[0]
    return Manager(request.query.get("fieldManager") or agent, operation)


def patched(resource: Resource, live: Obj, patch: Any, kind: str) -> Obj:
    """Return an object after a patch in the format that its content type names."""
    if "json-patch" in kind:
        return patches.json_patch(live, patch)
    if "strategic" in kind and resource.group not in (GATEWAY, MONITORING):
        merged: Obj = patches.strategic(live, patch, resource.kind)
        return merged
    if "merge-patch+json" in kind and "strategic" not in kind:
        merged = patches.merge_patch(live, patch)
        return merged
    raise ApiError(415, "UnsupportedMediaType", _UNKNOWN_FORMAT)
