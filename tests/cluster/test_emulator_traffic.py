"""Traffic reaches ready pods only, by Service, by gateway and through the API server."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from .emulator import Emulator, Timing, stand_in
from .sample import DRAINING, NAMESPACE, apply, deployment, rolled_out, running, service

BODY = json.dumps({"rows": [{"a": 1}]})
HOST = "app.example.com"


def ask(url: str, path: str = "/predict", headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Send one request over a connection of its own; return the code and the version that answered."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("POST", path, BODY, headers or {})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("X-Model-Version") or ""
    finally:
        connection.close()


class Load:
    """Users who ask again and again; what they were answered, and how many got nothing."""

    def __init__(self, url: str) -> None:
        self.codes: Counter[int] = Counter()
        self.lost = 0
        self._url, self._end = url, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]

    def _ask(self) -> None:
        while not self._end.is_set():
            try:
                self.codes[ask(self._url)[0]] += 1
            except (OSError, http.client.HTTPException):
                self.lost += 1

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask for as long as the block lasts."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in self._threads:
                thread.join()


def test_a_rollout_under_load_loses_no_request(cluster: Emulator) -> None:
    for number in (1, 2):
        cluster.launcher.add(f"app:{number}", stand_in(version=f"{number}.0.0", slow_ms=20))
    running(cluster, deployment(replicas=2, container={"lifecycle": DRAINING}), service())
    load = Load(cluster.service_url(NAMESPACE, "app"))
    with load.running():
        running(cluster, deployment("app:2", replicas=2, container={"lifecycle": DRAINING}))
        cluster.wait_for(lambda: len(cluster.objects("Pod", NAMESPACE)) == 2)
    assert load.lost == 0
    assert set(load.codes) == {200}
    assert load.codes[200] > 20


@pytest.mark.parametrize(
    ("container", "behaviour", "loses"),
    [
        ({"lifecycle": DRAINING}, {}, False),
        ({}, {}, True),
        ({"lifecycle": DRAINING}, {"on_term": "die"}, False),
    ],
    ids=["waits before it stops", "stops at once", "waits and dies idle"],
)
def test_pods_must_outlive_what_traffic_learns_late(
    container: dict[str, object], behaviour: dict[str, object], loses: bool
) -> None:
    with Emulator({"app:": stand_in(**behaviour)}, timing=Timing(endpoint_delay=4)) as cluster:
        cluster.create_namespace(NAMESPACE)
        running(cluster, deployment(replicas=2, container=container), service())
        load = Load(cluster.service_url(NAMESPACE, "app"))
        with load.running():
            running(cluster, deployment("app:2", replicas=2, container=container))
            cluster.wait_for(lambda: len(cluster.objects("Pod", NAMESPACE)) == 2)
        assert (load.lost > 0) is loses


def test_a_request_in_flight_is_lost_with_a_pod_that_does_not_drain(cluster: Emulator) -> None:
    cluster.launcher.add("app:1", stand_in(slow_ms=2000, on_term="die"))
    running(cluster, deployment(), service())
    url = cluster.service_url(NAMESPACE, "app")
    lost: list[str] = []

    def wait_for_answer() -> None:
        try:
            ask(url)
        except (OSError, http.client.HTTPException) as problem:
            lost.append(str(problem))

    user = threading.Thread(target=wait_for_answer)
    user.start()
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", "-l", "app=app", "--wait=false")
    user.join()
    assert lost


def test_connections_take_turns_over_both_tracks(cluster: Emulator) -> None:
    running(cluster, deployment(replicas=3), service(), service("app-canary", track="canary"))
    apply(cluster, deployment("app:2", "app-canary"))
    assert rolled_out(cluster, "app-canary").returncode == 0
    url = cluster.service_url(NAMESPACE, "app")
    assert Counter(ask(url)[1] for _ in range(40)) == {"1.0.0": 30, "2.0.0": 10}
    assert ask(cluster.service_url(NAMESPACE, "app-canary"))[1] == "2.0.0"
    slices = cluster.kubectl("-n", NAMESPACE, "get", "endpointslices", "-o", "json").stdout
    assert sorted(len(item["endpoints"]) for item in json.loads(slices)["items"]) == [1, 4]


def test_a_service_without_ready_pods_refuses(cluster: Emulator) -> None:
    apply(cluster, deployment("app:never"), service())
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(cluster.service_url(NAMESPACE, "app"))
    path = f"/api/v1/namespaces/{NAMESPACE}/services/http:app:80/proxy/predict"
    refused = cluster.kubectl("get", "--raw", path)
    assert refused.returncode == 1
    assert 'no endpoints available for service "app"' in refused.stderr
    assert [entry.code for entry in cluster.requests.of(target="services/proxy")] == [503]


def route(stable: int, canary: int) -> dict[str, object]:
    backends = [{"name": "app-stable", "port": 80, "weight": stable}]
    backends.append({"name": "app-canary", "port": 80, "weight": canary})
    forced = {"matches": [{"headers": [{"name": "x-canary", "value": "always"}]}]}
    rules = [{**forced, "backendRefs": [{"name": "app-canary", "port": 80}]}, {"backendRefs": backends}]
    spec = {"parentRefs": [{"name": "shared"}], "hostnames": [HOST], "rules": rules}
    kinds = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}
    return {**kinds, "metadata": {"name": "app", "namespace": NAMESPACE}, "spec": spec}


def test_a_gateway_splits_by_weight_and_header(cluster: Emulator) -> None:
    services = [service(f"app-{track}", track=track) for track in ("stable", "canary")]
    running(cluster, deployment(), *services)
    done = apply(cluster, deployment("app:2", "app-canary"), route(100, 0))
    assert done.returncode == 0, done.stderr
    assert rolled_out(cluster, "app-canary").returncode == 0
    url = cluster.gateway(HOST)
    assert Counter(ask(url)[1] for _ in range(20)) == {"1.0.0": 20}
    assert ask(url, headers={"X-Canary": "always"}) == (200, "2.0.0")
    weights = json.dumps([{"op": "replace", "path": "/spec/rules/1/backendRefs/1/weight", "value": 25}])
    assert cluster.kubectl("-n", NAMESPACE, "patch", "httproute/app", "--type=json", f"-p={weights}").returncode == 0
    cluster.wait_for(lambda: _accepted(cluster) == 2)
    assert Counter(ask(url)[1] for _ in range(50)) == {"1.0.0": 40, "2.0.0": 10}


def _accepted(cluster: Emulator) -> int:
    status = cluster.object("HTTPRoute", NAMESPACE, "app").get("status", {"parents": []})
    return max((item["conditions"][0]["observedGeneration"] for item in status["parents"]), default=0)


def test_a_gateway_fails_the_share_of_a_backend_that_is_not_there(cluster: Emulator) -> None:
    running(cluster, deployment(), service("app-stable", track="stable"))
    apply(cluster, route(3, 1))
    url = cluster.gateway(HOST)
    assert Counter(ask(url)[0] for _ in range(8)) == {200: 6, 500: 2}
    apply(cluster, service("app-canary", track="canary"))
    assert Counter(ask(url)[0] for _ in range(8)) == {200: 6, 503: 2}
    assert ask(cluster.gateway("unknown.example.com"))[0] == 404


@contextmanager
def kubectl_proxy(cluster: Emulator) -> Iterator[str]:
    environment = {"KUBECONFIG": str(cluster.kubeconfig), "HOME": str(cluster.directory), "PATH": "/usr/bin:/bin"}
    command = ["kubectl", "proxy", "--port=0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        found = re.search(r"127\.0\.0\.1:\d+", child.stdout.readline())
        assert found
        yield found[0]
        child.terminate()


def test_kubectl_proxy_reaches_services_and_pods_over_one_connection(cluster: Emulator) -> None:
    running(cluster, deployment(), service())
    [pod] = cluster.pods(NAMESPACE)
    base = f"/api/v1/namespaces/{NAMESPACE}"
    with kubectl_proxy(cluster) as address:
        connection = http.client.HTTPConnection(address, timeout=10)
        answers = []
        for method, path, body in (
            ("POST", f"{base}/services/http:app:80/proxy/predict", BODY.encode()),
            ("POST", f"{base}/services/app:http/proxy/predict", iter([BODY[:5].encode(), BODY[5:].encode()])),
            ("GET", f"{base}/pods/http:{pod['metadata']['name']}:8080/proxy/metrics", None),
            ("GET", f"{base}/services/http:app:80/proxy/nothing?here=1", None),
            ("GET", f"{base}/pods/http:{pod['metadata']['name']}:9999/proxy/metrics", None),
        ):
            connection.request(method, path, body)
            answer = connection.getresponse()
            answers.append((answer.status, answer.read().decode()))
        connection.close()
    assert [code for code, _ in answers] == [200, 200, 200, 404, 503]
    assert json.loads(answers[0][1])["version"] == "1.0.0"
    assert 'http_requests_total{handler="/predict",method="POST",status="200"} 2.0' in answers[2][1]
    assert "connection refused" in answers[4][1]
    verbs = [(entry.verb, entry.target) for entry in cluster.requests if entry.subresource == "proxy"]
    assert verbs[:3] == [("create", "services/proxy")] * 2 + [("get", "pods/proxy")]
