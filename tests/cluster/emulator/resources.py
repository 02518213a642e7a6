"""Which kinds the emulated API server serves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Obj = dict[str, Any]

GATEWAY = "gateway.networking.k8s.io"
MONITORING = "monitoring.coreos.com"
RBAC = "rbac.authorization.k8s.io"
REVIEW = ("create",)
ALL = ("create", "delete", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Resource:
    """A kind of object, as discovery describes it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL

    @cached_property
    def group_version(self) -> str:
        """Return `apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def qualified(self) -> str:
        """Return `deployments.apps`, or `pods` for the core group: how messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False, short=("ns",), subresources=("status",))
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", short=("cm",))
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICES = Resource("", "v1", "services", "Service", short=("svc",), subresources=("proxy", "status"))
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", short=("sa",), subresources=("token",))
PODS = Resource("", "v1", "pods", "Pod", short=("po",), subresources=("log", "proxy", "status"))
EVENTS = Resource("", "v1", "events", "Event", short=("ev",))
SCALABLE = ("scale", "status")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", short=("deploy",), subresources=SCALABLE)
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet", short=("rs",), subresources=SCALABLE)
SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
ROLES = Resource(RBAC, "v1", "roles", "Role")
ROLE_BINDINGS = Resource(RBAC, "v1", "rolebindings", "RoleBinding")
CLUSTER_ROLES = Resource(RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS = Resource(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
ROUTES = Resource(GATEWAY, "v1", "httproutes", "HTTPRoute", subresources=("status",))
ACCESS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False, verbs=REVIEW
)
RULES = Resource(
    "authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", namespaced=False, verbs=REVIEW
)
IDENTITY = Resource(
    "authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False, verbs=REVIEW
)

RESOURCES = (
    NAMESPACES, CONFIG_MAPS, SECRETS, SERVICES, ACCOUNTS, PODS, EVENTS, DEPLOYMENTS, REPLICA_SETS, SLICES,
    Resource("batch", "v1", "jobs", "Job", subresources=("status",)),
    Resource("batch", "v1", "cronjobs", "CronJob", short=("cj",)),
    Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", short=("hpa",)),
    Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", short=("pdb",)),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", short=("netpol",)),
    Resource("networking.k8s.io", "v1", "ingresses", "Ingress", short=("ing",)),
    ROLES, ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, ROUTES,
    Resource(MONITORING, "v1", "podmonitors", "PodMonitor"),
    Resource(MONITORING, "v1", "prometheusrules", "PrometheusRule"),
    Resource("coordination.k8s.io", "v1", "leases", "Lease"),
    ACCESS, RULES, IDENTITY,
)  # fmt: skip


class Catalogue:
    """The kinds of one cluster; a cluster may lack the groups that only an add-on brings."""

    def __init__(self, without: Collection[str] = ()) -> None:
        self.resources = tuple(resource for resource in RESOURCES if resource.group not in without)
        self._paths = {(resource.group_version, resource.plural): resource for resource in self.resources}
        self._kinds = {resource.kind: resource for resource in self.resources}

    def at(self, group_version: str, plural: str) -> Resource | None:
        """Return the kind that a path of the API names."""
        return self._paths.get((group_version, plural))

    def of(self, kind: str) -> Resource:
        """Return the kind named as manifests or as kubectl names it (`Deployment`, `deployments`, `deploy`)."""
        if kind in self._kinds:
            return self._kinds[kind]
        found = [item for item in self.resources if kind.lower() in (item.plural, item.kind.lower(), *item.short)]
        if not found:
            raise KeyError(f"this cluster serves no kind {kind}")
        return found[0]

    def group_versions(self) -> list[str]:
        """Return `v1`, `apps/v1` …, each once, in order."""
        return list(dict.fromkeys(resource.group_version for resource in self.resources))
