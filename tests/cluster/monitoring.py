"""A real Prometheus in the emulated cluster: it finds pods by the API, and reads them as their PodMonitor says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from .emulator import Emulator, Program
from .emulator.pod_state import is_ready
from .emulator.resources import PODS as PODS_OF_ALL
from .emulator.resources import Obj
from .emulator.store import Change

NAMESPACE, SERVICE = "monitoring", "prometheus-server"
PODS = "pods.json"
INTERVAL = 0.15  # seconds between two scrapes of a pod
REQUIRED = "TEMPLATE_REQUIRE_PROMETHEUS"
OPTIONS = (
    "--storage.tsdb.path=data",
    "--web.listen-address=127.0.0.1:$PORT",
    # Pods come and go within seconds here, and its own default is to look for them every five.
    "--scrape.discovery-reload-interval=50ms",
    "--log.level=warn",
)


def needs_prometheus() -> str:
    """Return the path of the program; without it skip the tests, or fail where it is asked for."""
    found = shutil.which("prometheus")
    if found is None and os.environ.get(REQUIRED):
        pytest.fail(f"prometheus is not installed, and {REQUIRED} asks for it")
    if found is None:
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    return found


def install(cluster: Emulator, monitor: Obj) -> Discovery:
    """Run Prometheus as a pod behind a Service, and return when it answers.

    `monitor` is a PodMonitor, which the operator would make a configuration of.
    """
    program = needs_prometheus()
    folder = cluster.directory / "prometheus"
    folder.mkdir()
    discovery = Discovery(cluster, folder / PODS, monitor["metadata"]["namespace"])
    scrapes = list(scrape_configs(monitor, cluster.pod_network()))
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": scrapes}), encoding="utf-8")
    command = f"cd {shlex.quote(str(folder))} && exec {program} --config.file=prometheus.yml {' '.join(OPTIONS)}"
    cluster.launcher.add(SERVICE, Program(("/bin/sh", "-c", command)))
    cluster.apply(workload())
    cluster.wait_for(lambda: any(map(is_ready, cluster.pods(NAMESPACE))))
    return discovery


def ask(cluster: Emulator, query: str) -> list[float]:
    """Return the values that Prometheus has for a query now."""
    url = f"{cluster.service_url(NAMESPACE, SERVICE)}/api/v1/query?{urlencode({'query': query})}"
    with urlopen(url, timeout=10) as answer:
        return [float(one["value"][1]) for one in json.load(answer)["data"]["result"]]


class Discovery:
    """Writes what kubernetes_sd finds of a namespace's pods whenever one changes, as Debian builds it without that."""

    def __init__(self, cluster: Emulator, path: Path, namespace: str) -> None:
        self.blind = False  # true: it finds no pod that is new
        self._cluster, self._path, self._namespace = cluster, path, namespace
        with cluster.store.lock:
            self._write()
            cluster.store.subscribe(self._note)

    def _note(self, change: Change) -> None:
        ours = change.resource is PODS_OF_ALL and change.after["metadata"]["namespace"] == self._namespace
        if ours and not self.blind:
            self._write()

    def _write(self) -> None:
        groups = [group for pod in self._cluster.objects("Pod", self._namespace) for group in targets(pod)]
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(groups), encoding="utf-8")
        new.replace(self._path)


def targets(pod: Obj) -> Iterator[Obj]:
    """Yield each port of a pod as kubernetes_sd does for the role `pod`."""
    metadata, status = pod["metadata"], pod.get("status", {})
    known = {"namespace": metadata["namespace"], "pod_name": metadata["name"], "pod_phase": status.get("phase", "")}
    for kind in ("label", "annotation"):
        for key, value in (metadata.get(f"{kind}s") or {}).items():
            known |= {f"pod_{kind}_{meta(key)}": value, f"pod_{kind}present_{meta(key)}": "true"}
    for container in pod["spec"]["containers"] if status.get("podIP") else ():
        for port in container["ports"]:
            own = {"pod_container_name": container["name"], "pod_container_port_name": port["name"]}
            labels = {f"__meta_kubernetes_{name}": value for name, value in {**known, **own}.items()}
            yield {"targets": [f"{status['podIP']}:{port['containerPort']}"], "labels": labels}


def workload() -> Iterator[Obj]:
    """Yield the Deployment and the Service of Prometheus, as its chart names them."""
    labels = {"app.kubernetes.io/name": "prometheus"}
    server = {
        "name": "server",
        "image": SERVICE,
        "ports": [{"name": "http", "containerPort": 9090}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": "http"}, "periodSeconds": 5},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [server]}}
    metadata = {"name": SERVICE, "namespace": NAMESPACE}
    body = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    yield {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": body}
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    body = {"selector": labels, "ports": ports}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": body}


def scrape_configs(monitor: Obj, network: str) -> Iterator[Obj]:
    """Yield what the operator generates of a PodMonitor: how pods are found, chosen and named.

    The order and the labels are those of prometheus-operator's pkg/prometheus/promcfg.go. Only the discovery and the
    way to the pods are the emulator's, and the interval is short.
    """
    namespace, name = monitor["metadata"]["namespace"], monitor["metadata"]["name"]
    for number, endpoint in enumerate(monitor["spec"]["podMetricsEndpoints"]):
        yield {
            "job_name": f"podMonitor/{namespace}/{name}/{number}",
            "file_sd_configs": [{"files": [PODS]}],
            "proxy_url": network,
            "scrape_interval": f"{INTERVAL * 1000:.0f}ms",
            "scrape_timeout": f"{INTERVAL * 1000:.0f}ms",
            "metrics_path": endpoint["path"],
            "relabel_configs": list(relabelling(monitor, endpoint)),
        }


def relabelling(monitor: Obj, endpoint: Obj) -> Iterator[Obj]:
    """Yield which pods are chosen, and the labels that their series get."""
    yield {"action": "drop", "source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)"}
    for key, value in monitor["spec"]["selector"]["matchLabels"].items():
        label = meta(key)
        sources = [f"__meta_kubernetes_pod_label_{label}", f"__meta_kubernetes_pod_labelpresent_{label}"]
        yield {"action": "keep", "source_labels": sources, "regex": f"({value});true"}
    port = "__meta_kubernetes_pod_container_port_name"
    yield {"action": "keep", "source_labels": [port], "regex": endpoint["port"]}
    for label, source in (("namespace", "namespace"), ("container", "pod_container_name"), ("pod", "pod_name")):
        yield {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": label}
    for label in monitor["spec"]["podTargetLabels"]:
        source = f"__meta_kubernetes_pod_label_{meta(label)}"
        yield {"source_labels": [source], "target_label": meta(label), "regex": "(.+)"}
    yield {"target_label": "job", "replacement": f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}"}
    yield {"target_label": "endpoint", "replacement": endpoint["port"]}


def meta(label: str) -> str:
    """Return a label of a pod as Prometheus spells it."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", label)
