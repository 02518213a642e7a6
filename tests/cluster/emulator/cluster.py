"""The emulated cluster, as tests use it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from os import environ
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from . import credentials, defaults
from .access import ADMIN, User, service_account
from .controllers import Loop
from .deployments import Deployments
from .endpoints import Endpoints
from .events import Recorder
from .faults import Faults
from .launcher import Launcher, Program, Warden
from .listening import Listener
from .node import Node
from .proxy import Proxies
from .replica_sets import Garbage, ReplicaSets
from .requests import RequestLog
from .resources import Catalogue, Obj
from .routing import Router
from .server import Api, ApiServer
from .store import Store
from .timing import Timing
from .traffic import GatewayEntry, PodNetwork, ServiceEntry

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}


class Emulator:
    """A Kubernetes cluster of one node in this process; its pods are local processes.

    `without` names API groups that the cluster lacks, as one without Gateway API does.
    """

    def __init__(
        self,
        images: Mapping[str, Program] | None = None,
        *,
        timing: Timing | None = None,
        tls: bool = True,
        without: Collection[str] = (),
    ) -> None:
        self.timing = timing or Timing()
        self.launcher = Launcher(images)
        self.store = Store()
        self.catalogue = Catalogue(without)
        self._tls = tls
        self._entries: dict[tuple[str | int, ...], Listener] = {}

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="cluster-", ignore_cleanup_errors=True)
        self.directory = Path(self._folder.name)
        self._warden = Warden(self.directory)
        events = Recorder(self.store)
        self._node = Node(self.store, self.launcher, self.timing, self.directory, self._warden, events)
        self._endpoints = Endpoints(self.store, self._node, self.timing)
        self._router = Router(self.store, self._endpoints)
        self._loop = Loop(self.store, self.timing)
        for controller in (
            Deployments(self.store, events),
            ReplicaSets(self.store, self._node, events),
            Garbage(self.store),
            self._endpoints,
            self._router,
        ):
            self._loop.add(controller)
        self._api = Api(self.store, self.catalogue, Proxies(self.store, self._node, self._endpoints))
        context = credentials.server_context(self.directory) if self._tls else None
        self._server = ApiServer(self._api, ADMIN, context)
        for name in ("default", "kube-system"):
            self.create_namespace(name)
        self._node.start()
        self._loop.start()
        self._server.start()
        self.kubeconfig = self._write_kubeconfig("admin", self._api.authenticator.admin_token, "default")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.faults.clear()
        self.store.close()
        for entry in self._entries.values():
            entry.stop()
        self._server.stop()
        self._loop.stop()
        self._node.stop()
        self._warden.close()
        self._folder.cleanup()
        problems = [text for listener in (self._server, *self._entries.values()) for text in listener.problems]
        if problems and value is None:
            raise AssertionError("the emulator met what it did not expect:\n" + "\n".join(problems))

    @property
    def url(self) -> str:
        """Return the API server's address."""
        return self._server.url

    @property
    def requests(self) -> RequestLog:
        """Return the log of API requests."""
        return self._api.log

    @property
    def faults(self) -> Faults:
        """Return where to inject trouble into the API."""
        return self._api.faults

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Create a namespace; labels `RESTRICTED` make it admit only hardened pods."""
        self.apply(
            [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}]
        )

    def apply(self, manifests: str | Path | Iterable[Obj], namespace: str = "") -> None:
        """Create or replace objects as an administrator, past the API: text, a file or documents."""
        if isinstance(manifests, Path):
            manifests = manifests.read_text(encoding="utf-8")
        documents = yaml.safe_load_all(manifests) if isinstance(manifests, str) else manifests
        for obj in documents:
            if not obj:
                continue
            resource = self.catalogue.of(obj["kind"])
            if resource.namespaced:
                obj["metadata"].setdefault("namespace", namespace or "default")
            defaults.fill(resource, obj)
            if self.store.get(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"]):
                self.store.replace(resource, obj)
            else:
                self.store.create(resource, obj)

    def objects(self, kind: str, namespace: str = "") -> list[Obj]:
        """Return the objects of a kind, of all namespaces when none is named."""
        return self.store.all(self.catalogue.of(kind), namespace or None)

    def object(self, kind: str, namespace: str, name: str) -> Obj:
        """Return one object; raises KeyError when it is not there."""
        found = self.store.get(self.catalogue.of(kind), namespace, name)
        if found is None:
            raise KeyError(f"no {kind} {name} in {namespace}")
        return found

    def wait_for(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        """Wait until a condition on the cluster's objects holds; raises TimeoutError."""
        if not self.store.wait_for(condition, timeout):
            raise TimeoutError(f"the condition did not come within {timeout} s")

    def kubeconfig_for(self, user: str | User, *, groups: Collection[str] = (), namespace: str = "default") -> Path:
        """Return a kubeconfig for a user; "namespace/name" is a ServiceAccount."""
        if isinstance(user, str):
            account = user.split("/")
            named = service_account(*account) if len(account) == 2 else User(user)
            user = User(named.name, named.groups | frozenset(groups) | {"system:authenticated"})
        return self._write_kubeconfig(user.name.replace(":", "-").replace("/", "-"), self.token_for(user), namespace)

    def token_for(self, user: User) -> str:
        """Return a bearer token for a user."""
        return self._api.authenticator.token_for(user)

    def withdraw(self, token: str) -> None:
        """Make a token worthless, as when it expires."""
        self._api.authenticator.withdraw(token)

    def _write_kubeconfig(self, name: str, token: str, namespace: str) -> Path:
        path = self.directory / f"{name}-{namespace}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(credentials.kubeconfig(self.url, token, namespace), encoding="utf-8")
        return path

    def kubectl(
        self, *arguments: str, given: str | None = None, kubeconfig: Path | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl against the cluster and return how it went."""
        own: dict[str, Any] = {"KUBECONFIG": str(kubeconfig or self.kubeconfig), "HOME": str(self.directory)}
        return subprocess.run(
            ["kubectl", *arguments], input=given, env={"PATH": environ["PATH"], **own}, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip

    def service_url(self, namespace: str, name: str, port: str | int = "") -> str:
        """Return a local URL behind which connections are balanced over a Service's ready endpoints."""
        key = (namespace, name, port)
        return self._entry(key, lambda: ServiceEntry(self._endpoints, namespace, name, port))

    def gateway(self, host: str) -> str:
        """Return a local URL that stands for a gateway which serves `host` by the cluster's HTTPRoutes."""
        return self._entry((host,), lambda: GatewayEntry(self._router, host))

    def pod_network(self) -> str:
        """Return a local URL, that of an HTTP proxy which reaches pods by their addresses, as what is in a pod does."""
        return self._entry((), lambda: PodNetwork(self._node))

    def _entry(self, key: tuple[str | int, ...], make: Callable[[], Listener]) -> str:
        if key not in self._entries:
            self._entries[key] = make()
            self._entries[key].start()
        return self._entries[key].url

    def processes(self, pod: str = "") -> list[int]:
        """Return the process ids of the containers that run, in all pods or in those of one name."""
        return self._node.processes(pod)

    def pods(self, namespace: str, **labels: str) -> list[Obj]:
        """Return the pods that are not being deleted, of the given labels."""
        return [
            pod
            for pod in self.objects("Pod", namespace)
            if "deletionTimestamp" not in pod["metadata"]
            and all((pod["metadata"].get("labels") or {}).get(key) == value for key, value in labels.items())
        ]
