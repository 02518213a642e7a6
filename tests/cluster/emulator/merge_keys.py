"""How lists and maps merge: which lists are keyed, which maps are one value."""

from __future__ import annotations

from typing import Any

Names = tuple[str, ...]  # the fields on the way to a value, without list positions

_POD_LISTS: dict[Names, Names] = {
    ("spec", "containers"): ("name",),
    ("spec", "initContainers"): ("name",),
    ("spec", "volumes"): ("name",),
    ("spec", "imagePullSecrets"): ("name",),
    ("spec", "hostAliases"): ("ip",),
    ("spec", "topologySpreadConstraints"): ("topologyKey", "whenUnsatisfiable"),
    ("containers", "ports"): ("containerPort", "protocol"),
    ("containers", "env"): ("name",),
    ("containers", "volumeMounts"): ("mountPath",),
    ("initContainers", "env"): ("name",),
    ("initContainers", "volumeMounts"): ("mountPath",),
    ("status", "conditions"): ("type",),
    ("metadata", "ownerReferences"): ("uid",),
}
_SERVICE_LISTS: dict[Names, Names] = {("spec", "ports"): ("port", "protocol")}
_SETS = {("metadata", "finalizers")}
_KEYED = {"Deployment", "ReplicaSet", "Pod", "Job", "CronJob", "Service", "HorizontalPodAutoscaler"}
_ATOMIC_MAPS = {
    "selector",
    "labelSelector",
    "podSelector",
    "nodeSelector",
    "fieldRef",
    "configMapKeyRef",
    "secretKeyRef",
}
_BUILT_IN = _KEYED | {"PodDisruptionBudget", "NetworkPolicy"}

# Strategic merge knows one key per list, where server-side apply may need two.
_STRATEGIC: dict[Names, str] = {
    ("containers", "ports"): "containerPort",
    ("spec", "topologySpreadConstraints"): "topologyKey",
}


def keys_of(kind: str, names: Names) -> Names:
    """Return the fields that identify an item of the list at `names`; none when the list is one value."""
    if kind == "Service" and names in _SERVICE_LISTS:
        return _SERVICE_LISTS[names]
    return _POD_LISTS.get(names[-2:], ()) if kind in _KEYED else ()


def strategic_key(kind: str, names: Names) -> str:
    """Return the field by which a strategic merge patch finds the items of a list; "" when it replaces the list."""
    keys = keys_of(kind, names)
    return _STRATEGIC.get(names[-2:], keys[0] if keys else "")


def is_set(names: Names) -> bool:
    """Tell whether the list at `names` is a set of words, each owned for itself."""
    return names in _SETS


def is_atomic(kind: str, names: Names) -> bool:
    """Tell whether the map at `names` is one value, owned as a whole."""
    return kind in _BUILT_IN and bool(names) and names[-1] in _ATOMIC_MAPS


def identity(item: Any, keys: Names) -> tuple[Any, ...] | None:
    """Return the values that identify a list item; a port without a protocol is a TCP port."""
    if not isinstance(item, dict):
        return None
    return tuple(item.get(key, "TCP" if key == "protocol" else None) for key in keys)
