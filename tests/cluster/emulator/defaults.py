"""What the API server fills in, and what it refuses, per kind."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Callable

from .errors import all_invalid, invalid
from .resources import Obj, Resource

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.:]{0,251}[a-z0-9])?")
_addresses = itertools.count(10)
MOST = 1_000_000  # weight of a backend


def complete(resource: Resource, new: Obj, old: Obj | None) -> None:
    """Fill in the defaults and refuse what breaks a rule; an object without what it must have is invalid too."""
    try:
        fill(resource, new)
        check(resource, new, old)
    except (KeyError, TypeError, AttributeError) as problem:
        name = new.get("metadata", {}).get("name", "")
        raise invalid(resource, name, "spec", f"Required value: {problem}") from problem


def fill(resource: Resource, obj: Obj) -> None:
    """Write the defaults of a kind into an object."""
    metadata = obj.setdefault("metadata", {})
    for name in ("labels", "annotations"):
        if name in metadata and not metadata[name]:
            del metadata[name]
    if filler := _FILLERS.get(resource.kind):
        filler(obj)


def _deployment(obj: Obj) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    _template(spec)


def _template(spec: Obj) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    template["metadata"].pop("creationTimestamp", None)
    _pod_spec(template.get("spec") or {})


def _pod(obj: Obj) -> None:
    _pod_spec(obj["spec"])
    obj.setdefault("status", {"phase": "Pending"})


def _pod_spec(spec: Obj) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    if account := spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", account)
    for container in [*spec.get("initContainers", []), *spec.get("containers", [])]:
        _container(container)


def _container(container: Obj) -> None:
    image = container.get("image", "").partition("@")[0]
    latest = image.endswith(":latest") or ":" not in image.rpartition("/")[2]
    container.setdefault("imagePullPolicy", "Always" if latest and "@" not in container["image"] else "IfNotPresent")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("resources", {})
    for port in container.get("ports", []):
        port.setdefault("protocol", "TCP")
    for variable in container.get("env", []):
        if reference := variable.get("valueFrom", {}).get("fieldRef"):
            reference.setdefault("apiVersion", "v1")
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        if probe := container.get(name):
            for field, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1)):
                probe.setdefault(field, value)
            probe.setdefault("failureThreshold", 3)
            probe.get("httpGet", {}).setdefault("scheme", "HTTP")


def _service(obj: Obj) -> None:
    spec = obj["spec"]
    if spec.setdefault("type", "ClusterIP") == "ClusterIP":
        spec.setdefault("clusterIP", f"10.96.0.{next(_addresses) % 250}")
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    for port in spec.get("ports", []):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])


def _autoscaler(obj: Obj) -> None:
    for rules in (obj["spec"].get("behavior") or {}).values():
        rules.setdefault("selectPolicy", "Max")


def _route(obj: Obj) -> None:
    for parent in obj["spec"].get("parentRefs", []):
        parent.setdefault("group", "gateway.networking.k8s.io")
        parent.setdefault("kind", "Gateway")
    for rule in obj["spec"].setdefault("rules", []):
        rule.setdefault("matches", [{"path": {"type": "PathPrefix", "value": "/"}}])
        for match in rule["matches"]:
            match.setdefault("path", {"type": "PathPrefix", "value": "/"})
            for header in match.get("headers", []):
                header.setdefault("type", "Exact")
        for backend in rule.get("backendRefs", []):
            for field, value in (("group", ""), ("kind", "Service"), ("weight", 1)):
                backend.setdefault(field, value)


def _secret(obj: Obj) -> None:
    obj.setdefault("type", "Opaque")
    for name, value in (obj.get("data") or {}).items():
        if isinstance(value, bytes):
            obj["data"][name] = base64.b64encode(value).decode()
    for name, text in obj.pop("stringData", {}).items():
        obj.setdefault("data", {})[name] = base64.b64encode(text.encode()).decode()


def _job(obj: Obj) -> None:
    _pod_spec(obj["spec"]["template"]["spec"])


def _namespace(obj: Obj) -> None:
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    obj.setdefault("spec", {"finalizers": ["kubernetes"]})
    obj.setdefault("status", {"phase": "Active"})


_FILLERS: dict[str, Callable[[Obj], None]] = {
    "Deployment": _deployment,
    "HTTPRoute": _route,
    "HorizontalPodAutoscaler": _autoscaler,
    "Job": _job,
    "Namespace": _namespace,
    "Pod": _pod,
    "Secret": _secret,
    "Service": _service,
}


def check(resource: Resource, new: Obj, old: Obj | None) -> None:
    """Refuse an object that breaks a rule of its kind; raises ApiError 422."""
    name = new["metadata"].get("name", "")
    if not _NAME.fullmatch(name):
        raise invalid(
            resource, name, "metadata.name", f'Invalid value: "{name}": a lowercase RFC 1123 subdomain is due'
        )
    if resource.kind == "Deployment":
        _check_deployment(resource, new, old)
    if resource.kind == "HTTPRoute":
        _check_route(resource, new)
    if resource.kind in ("RoleBinding", "ClusterRoleBinding"):
        _demand_names(resource, new, "subjects", new.get("subjects"))
    if resource.kind == "Service" and old and new["spec"].get("clusterIP") != old["spec"].get("clusterIP"):
        raise invalid(resource, name, "spec.clusterIPs[0]", "Invalid value: may not change once set")


def _check_deployment(resource: Resource, new: Obj, old: Obj | None) -> None:
    name, spec = new["metadata"]["name"], new["spec"]
    selector = spec.get("selector", {})
    if old and selector != old["spec"].get("selector"):
        raise invalid(
            resource,
            name,
            "spec.selector",
            f"Invalid value: {json.dumps(selector, separators=(',', ':'))}: field is immutable",
        )
    wanted = selector.get("matchLabels") or {}
    if not wanted:
        raise invalid(resource, name, "spec.selector", "Required value")
    labels = spec["template"]["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        text = f"Invalid value: {labels}: `selector` does not match template `labels`"
        raise invalid(resource, name, "spec.template.metadata.labels", text)
    containers = spec["template"].get("spec", {}).get("containers") or []
    if not containers:
        raise invalid(resource, name, "spec.template.spec.containers", "Required value")
    if spec["replicas"] < 0:
        text = f"Invalid value: {spec['replicas']}: must be greater than or equal to 0"
        raise invalid(resource, name, "spec.replicas", text)


def _demand_names(resource: Resource, new: Obj, field: str, named: list[Obj] | None) -> None:
    for number, one in enumerate(named or []):
        if not one.get("name"):
            raise invalid(resource, new["metadata"]["name"], f"{field}[{number}].name", "Required value")


def _check_route(resource: Resource, new: Obj) -> None:
    """Refuse what the schema of the CRD refuses, all of it at once."""
    spec = new["spec"]
    texts = {f"spec.hostnames[{at}]": host for at, host in enumerate(spec.get("hostnames", []))}
    texts |= {
        f"spec.parentRefs[{at}].{key}": parent[key]
        for at, parent in enumerate(spec.get("parentRefs", []))
        for key in ("name", "namespace")
        if key in parent
    }
    wrong = {field: _in_body("", field, "at least 1 chars long") for field, text in texts.items() if not text}
    for number, rule in enumerate(spec["rules"]):
        for at, backend in enumerate(rule.get("backendRefs", [])):
            field, weight = f"spec.rules[{number}].backendRefs[{at}].weight", backend["weight"]
            if weight < 0:
                wrong[field] = _in_body(weight, field, "greater than or equal to 0")
            elif weight > MOST:
                wrong[field] = _in_body(weight, field, f"less than or equal to {MOST}")
    if wrong:
        raise all_invalid(resource, new["metadata"]["name"], wrong)


def _in_body(seen: str | int, field: str, due: str) -> str:
    return f"Invalid value: {json.dumps(seen)}: {field} in body should be {due}"
