"""Who asks, and whether Role and RoleBinding objects allow it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .errors import ApiError
from .resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Obj, Resource
from .store import Store


@dataclass(frozen=True)
class User:
    """An authenticated client."""

    name: str
    groups: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_admin(self) -> bool:
        """Tell whether the user may do everything."""
        return "system:masters" in self.groups


ADMIN = User("kubernetes-admin", frozenset({"system:masters"}))
ANONYMOUS = User("system:anonymous", frozenset({"system:unauthenticated"}))


def service_account(namespace: str, name: str) -> User:
    """Return the user that a ServiceAccount's token stands for."""
    groups = {"system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"}
    return User(f"system:serviceaccount:{namespace}:{name}", frozenset(groups))


@dataclass(frozen=True)
class Attributes:
    """What a request wants to do, as RBAC judges it."""

    verb: str
    group: str
    resource: str  # with the subresource: deployments/scale
    namespace: str = ""
    name: str = ""

    def denied(self, user: User) -> ApiError:
        """Return the refusal, in the API server's words."""
        plural, _, subresource = self.resource.partition("/")
        named = f"{plural}.{self.group}" if self.group else plural
        subject = f'{named} "{self.name}" is forbidden' if self.name else f"{named} is forbidden"
        where = f' in the namespace "{self.namespace}"' if self.namespace else " at the cluster scope"
        target = f"{plural}/{subresource}" if subresource else plural
        text = f'User "{user.name}" cannot {self.verb} resource "{target}" in API group "{self.group}"{where}'
        details = {"name": self.name, "group": self.group, "kind": plural}
        return ApiError(403, "Forbidden", f"{subject}: {text}", **details)


class Authenticator:
    """The tokens of a cluster."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[str, User] = {}
        self.admin_token = self.token_for(ADMIN)

    def token_for(self, user: User) -> str:
        """Return a new token that stands for `user`."""
        token = f"token-{secrets.token_hex(16)}"
        with self._lock:
            self._users[token] = user
        return token

    def withdraw(self, token: str) -> None:
        """Make a token worthless, as when it expires."""
        with self._lock:
            self._users.pop(token, None)

    def user(self, header: str | None) -> User:
        """Return who sends an Authorization header; raises 401 for a token nobody gave out."""
        if not header:
            return ANONYMOUS
        with self._lock:
            known = self._users.get(header.removeprefix("Bearer "))
        if known is None:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return known


class Authorizer:
    """Judge requests by the RBAC objects in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def allows(self, user: User, wanted: Attributes) -> bool:
        """Tell whether a rule of a role bound to the user covers the request."""
        if user.is_admin:
            return True
        return any(_covers(rule, wanted) for rule in self.rules(user, wanted.namespace))

    def require(self, user: User, wanted: Attributes) -> None:
        """Refuse with 403 what no rule covers."""
        if not self.allows(user, wanted):
            raise wanted.denied(user)

    def rules(self, user: User, namespace: str) -> Iterator[Obj]:
        """Yield the rules that hold for a user in a namespace."""
        bindings = self._store.all(CLUSTER_ROLE_BINDINGS)
        bindings += self._store.all(ROLE_BINDINGS, namespace) if namespace else []
        for binding in bindings:
            if any(_is(user, subject, binding) for subject in binding.get("subjects") or []):
                reference = binding["roleRef"]
                kind: Resource = CLUSTER_ROLES if reference["kind"] == "ClusterRole" else ROLES
                where = None if kind is CLUSTER_ROLES else binding["metadata"]["namespace"]
                role = self._store.get(kind, where, reference["name"])
                yield from (role or {}).get("rules") or []


def _is(user: User, subject: Obj, binding: Obj) -> bool:
    if subject["kind"] == "Group":
        return subject["name"] in user.groups
    if subject["kind"] == "ServiceAccount":
        namespace = subject.get("namespace") or binding["metadata"].get("namespace", "")
        return user.name == f"system:serviceaccount:{namespace}:{subject['name']}"
    return bool(subject["name"] == user.name)


def _covers(rule: Obj, wanted: Attributes) -> bool:
    names = rule.get("resourceNames") or []
    return (
        _has(rule.get("verbs"), wanted.verb)
        and _has(rule.get("apiGroups"), wanted.group)
        and _has(rule.get("resources"), wanted.resource)
        and (not names or wanted.name in names)
    )


def _has(listed: Iterable[str] | None, wanted: str) -> bool:
    values = set(listed or ())
    subresource = wanted.partition("/")[2]
    return bool(values & {"*", wanted} or (subresource and f"*/{subresource}" in values))
