"""What other parts of the cluster ask of Pod objects."""

from __future__ import annotations

from .resources import PODS, Obj
from .store import Store, timestamp


def owner_of(obj: Obj) -> Obj:
    """Return the reference to the controller that owns an object; {} for none."""
    references = obj["metadata"].get("ownerReferences", [])
    return next((reference for reference in references if reference.get("controller")), {})


def is_leaving(pod: Obj) -> bool:
    """Tell whether a pod is being deleted."""
    return "deletionTimestamp" in pod["metadata"]


def is_ready(pod: Obj) -> bool:
    """Tell whether a pod's condition Ready holds."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def port_of(pod: Obj, wanted: str | int) -> int | None:
    """Return the number of a pod's port, named or numbered."""
    if isinstance(wanted, int) or wanted.isdigit():
        return int(wanted)
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    return next((int(port["containerPort"]) for port in ports if port.get("name") == wanted), None)


def terminate(store: Store, pod: Obj, grace: int) -> Obj:
    """Mark a pod for deletion, which its node then carries out."""

    def mark(obj: Obj) -> None:
        obj["metadata"].setdefault("deletionTimestamp", timestamp())
        obj["metadata"]["deletionGracePeriodSeconds"] = grace

    metadata = pod["metadata"]
    return store.change(PODS, metadata["namespace"], metadata["name"], mark) or pod
