"""The documents by which kubectl learns what a cluster serves."""

from __future__ import annotations

from .errors import ApiError
from .resources import SERVICES, Catalogue, Obj, Resource

# The oldest API server whose kubectl neighbours are the versions that tests meet.
VERSION = {"major": "1", "minor": "32", "gitVersion": "v1.32.0", "gitCommit": "0" * 40, "gitTreeState": "clean"}
VERSION |= {"buildDate": "2024-12-11T00:00:00Z", "goVersion": "go1.23.3", "compiler": "gc", "platform": "linux/amd64"}
_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")


def answer(path: str, catalogue: Catalogue) -> Obj | str:
    """Return the document at a path that names no object; raises 404."""
    path = path.rstrip("/")
    documents = {_root(version): version for version in catalogue.group_versions()}
    fixed: dict[str, Obj | str] = {
        "/version": VERSION,
        "/healthz": "ok",
        "/livez": "ok",
        "/readyz": "ok",
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups(catalogue)},
        "/openapi/v3": {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}?hash=1"} for root in documents}},
    }
    if path in fixed:
        return fixed[path]
    if path.startswith("/openapi/v3/") and path[12:] in documents:
        return _openapi(documents[path[12:]], catalogue)
    if path[1:] in documents:
        return _resources(documents[path[1:]], catalogue)
    raise ApiError(404, "NotFound", "the server could not find the requested resource")


def _root(version: str) -> str:
    return f"apis/{version}" if "/" in version else f"api/{version}"


def _groups(catalogue: Catalogue) -> list[Obj]:
    versions = [version for version in catalogue.group_versions() if "/" in version]
    described = [{"groupVersion": version, "version": version.partition("/")[2]} for version in versions]
    return [
        {"name": item["groupVersion"].partition("/")[0], "versions": [item], "preferredVersion": item}
        for item in described
    ]


def _resources(version: str, catalogue: Catalogue) -> Obj:
    listed: list[Obj] = []
    for resource in catalogue.resources:
        if resource.group_version == version:
            listed.append(_described(resource))
            listed += [_subresource(resource, name) for name in resource.subresources]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": listed}


def _described(resource: Resource) -> Obj:
    return {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
        "shortNames": list(resource.short),
        "categories": ["all"] if resource.kind in ("Pod", "Service", "Deployment", "ReplicaSet") else [],
    }


def _subresource(resource: Resource, name: str) -> Obj:
    kinds = {"scale": "Scale", "proxy": "ServiceProxyOptions" if resource is SERVICES else "PodProxyOptions"}
    kinds["token"] = "TokenRequest"
    described: Obj = {"name": f"{resource.plural}/{name}", "singularName": "", "namespaced": resource.namespaced}
    described |= {"kind": kinds.get(name, resource.kind)}
    if name == "scale":
        described |= {"group": "autoscaling", "version": "v1"}
    verbs = {"proxy": ["create", "delete", "get", "patch", "update"], "log": ["get"], "token": ["create"]}
    return described | {"verbs": verbs.get(name, ["get", "patch", "update"])}


def _openapi(version: str, catalogue: Catalogue) -> Obj:
    """Return the little of OpenAPI by which kubectl sees that the server validates fields and runs dry."""
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _PARAMETERS]
    paths: Obj = {}
    for resource in catalogue.resources:
        if resource.group_version == version:
            kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
            patch: Obj = {"parameters": parameters, "responses": {"200": {"description": "OK"}}}
            patch |= {"x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": kind}
            where = "/namespaces/{namespace}" if resource.namespaced else ""
            paths[f"/{_root(version)}{where}/{resource.plural}/{{name}}"] = {"patch": patch}
    info = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}
