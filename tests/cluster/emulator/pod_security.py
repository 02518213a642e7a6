"""Pod Security admission, level restricted."""

from __future__ import annotations

from collections.abc import Iterator

from .errors import ApiError
from .resources import Obj

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def warning(namespace: Obj | None, template: Obj) -> str:
    """Return what the API server warns of when a workload's pods will be refused; "" for nothing."""
    labels = (namespace or {}).get("metadata", {}).get("labels", {})
    if labels.get("pod-security.kubernetes.io/warn") != "restricted":
        return ""
    found = violations(template["spec"])
    return f'would violate PodSecurity "{_level(labels, "warn")}": {", ".join(found)}' if found else ""


def admit(namespace: Obj | None, pod: Obj) -> None:
    """Refuse with 403 a pod that its namespace's level does not allow."""
    labels = (namespace or {}).get("metadata", {}).get("labels", {})
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        return
    if found := violations(pod["spec"]):
        name = pod["metadata"].get("name") or pod["metadata"]["generateName"]
        text = f'violates PodSecurity "{_level(labels, "enforce")}": {", ".join(found)}'
        raise ApiError(403, "Forbidden", f'pods "{name}" is forbidden: {text}', name=name, kind="pods")


def _level(labels: dict[str, str], mode: str) -> str:
    return f"restricted:{labels.get(f'pod-security.kubernetes.io/{mode}-version', 'latest')}"


def violations(spec: Obj) -> list[str]:
    """Return what of a pod's spec the level restricted forbids, in the words of the API server."""
    containers = [*spec.get("initContainers", []), *spec["containers"]]
    found = list(_of_pod(spec))
    for container in containers:
        found += _of_container(container, spec.get("securityContext") or {})
    return found


def _of_pod(spec: Obj) -> Iterator[str]:
    namespaces = [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    if namespaces:
        yield f"host namespaces ({', '.join(f'{name}=true' for name in namespaces)})"
    for volume in spec.get("volumes", []):
        if kinds := set(volume) - {"name"} - _VOLUMES:
            yield f'restricted volume types (volume "{volume["name"]}" uses restricted volume type "{kinds.pop()}")'


def _of_container(container: Obj, pod: Obj) -> Iterator[str]:
    own, name = container.get("securityContext") or {}, container["name"]
    capabilities = own.get("capabilities") or {}
    if own.get("privileged"):
        yield f'privileged (container "{name}" must not set securityContext.privileged=true)'
    if own.get("allowPrivilegeEscalation") is not False:
        need = f'container "{name}" must set securityContext.allowPrivilegeEscalation=false'
        yield f"allowPrivilegeEscalation != false ({need})"
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        need = f'container "{name}" must set securityContext.capabilities.drop=["ALL"]'
        yield f"unrestricted capabilities ({need})"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield f'hostPort (container "{name}" uses a hostPort)'
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f'runAsNonRoot != true (pod or container "{name}" must set securityContext.runAsNonRoot=true)'
    if own.get("runAsUser", pod.get("runAsUser")) == 0:
        yield f'runAsUser=0 (container "{name}" must not set runAsUser=0)'
    profile = own.get("seccompProfile") or pod.get("seccompProfile") or {}
    if profile.get("type") not in ("RuntimeDefault", "Localhost"):
        choice = 'to "RuntimeDefault" or "Localhost"'
        yield f'seccompProfile (pod or container "{name}" must set securityContext.seccompProfile.type {choice})'
