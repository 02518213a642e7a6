"""Pods are processes that start quickly, behave as told, and never outlive the cluster."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .emulator import Emulator, Timing, stand_in
from .sample import NAMESPACE, deployment, rolled_out, running, service

ROOT = Path(__file__).parents[2]
KILLED = """
import sys
from tests.cluster.emulator import Emulator, Timing, stand_in
from tests.cluster.sample import NAMESPACE, deployment
with Emulator({"app:1": stand_in()}) as cluster:
    cluster.create_namespace(NAMESPACE)
    cluster.apply([deployment(replicas=3)])
    cluster.wait_for(lambda: cluster.object("Deployment", NAMESPACE, "app").get("status", {}).get("readyReplicas") == 3)
    print(cluster.directory, *cluster.processes(), flush=True)
    sys.stdin.read()
"""


def alive(process: int) -> bool:
    """Tell whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until_gone(processes: list[int], folder: Path) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end and (folder.exists() or any(alive(process) for process in processes)):
        time.sleep(0.01)  # they are not children of this process: there is nothing to wait on
    return not folder.exists() and not any(alive(process) for process in processes)


def test_a_killed_test_leaves_nothing_behind() -> None:
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        folder, *words = child.stdout.readline().split()
        processes = [int(word) for word in words]
        assert len(processes) == 3
        assert all(alive(process) for process in processes)
        child.kill()
    assert until_gone(processes, Path(folder))


def test_a_cluster_that_ends_takes_its_processes_with_it() -> None:
    with Emulator({"app:1": stand_in(on_term="ignore")}) as cluster:
        cluster.create_namespace(NAMESPACE)
        running(cluster, deployment(replicas=2))
        processes = cluster.processes()
        assert len(processes) == 2
    assert not any(alive(process) for process in processes)
    assert not cluster.directory.exists()


def test_a_process_that_ignores_its_end_is_killed_after_the_grace_period() -> None:
    images = {"app:1": stand_in(on_term="ignore")}
    with Emulator(images, timing=Timing(speed=40, grace_floor=0.1)) as cluster:
        cluster.create_namespace(NAMESPACE)
        _check_the_grace_period(cluster)


def _check_the_grace_period(cluster: Emulator) -> None:
    running(cluster, deployment())
    [process] = cluster.processes()
    begun = time.monotonic()
    cluster.kubectl("-n", NAMESPACE, "scale", "deployment/app", "--replicas=0")
    cluster.wait_for(lambda: not cluster.objects("Pod", NAMESPACE))
    assert not alive(process)
    assert time.monotonic() - begun >= cluster.timing.grace(40) == 1.0


@pytest.mark.parametrize(
    ("behaviour", "codes"),
    [
        ({}, [200] * 6),
        ({"errors": "0.5"}, [200, 500] * 3),
        ({"errors": "1", "turn_after": "2"}, [200, 200, 500]),
        ({"crash_after": "3"}, [200, 200, 0]),
        ({"slow_ms": "50"}, [200]),
    ],
    ids=["good", "half fail", "fails later", "dies at the third", "slow"],
)
def test_the_stand_in_behaves_as_told(cluster: Emulator, behaviour: dict[str, str], codes: list[int]) -> None:
    cluster.launcher.add("app:1", stand_in(**behaviour))
    running(cluster, deployment(), service())
    address = cluster.service_url(NAMESPACE, "app").removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=10)
    seen = []
    begun = time.monotonic()
    for _ in codes:
        try:
            connection.request("POST", "/predict", json.dumps({"rows": [{"a": 1}]}))
            answer = connection.getresponse()
            answer.read()
            seen.append(answer.status)
        except (OSError, http.client.HTTPException):
            seen.append(0)
    connection.close()
    assert seen == codes
    assert time.monotonic() - begun >= float(behaviour.get("slow_ms", 0)) / 1000


def test_the_stand_in_answers_the_golden_rows_or_others(cluster: Emulator, tmp_path: Path) -> None:
    rows = [{"a": number} for number in range(4)]
    golden = {"rows": rows, "predictions": [0, 1, 0, 1], "probabilities": [[0.9, 0.1], [0.2, 0.8]] * 2}
    columns = [{"name": "a", "kind": "number"}]
    (tmp_path / "golden.json").write_text(json.dumps(golden), encoding="utf-8")
    export = {"columns": columns, "output": {"classes": [0, 1]}}
    (tmp_path / "export.json").write_text(json.dumps(export), encoding="utf-8")
    cluster.launcher.add("app:1", stand_in(MODEL_DIR=tmp_path))
    cluster.launcher.add("app:2", stand_in(MODEL_DIR=tmp_path, shifted=1))
    path = f"/api/v1/namespaces/{NAMESPACE}/services/http:app:80/proxy/predict"
    for image, wanted in (("app:1", [0, 1, 0, 1]), ("app:2", [1, 0, 1, 0])):
        running(cluster, deployment(image), service())
        body = json.dumps({"rows": rows})
        answer = cluster.kubectl("create", "--raw", path, "-f", "-", given=body)
        assert [item["prediction"] for item in json.loads(answer.stdout)["predictions"]] == wanted, answer.stderr
    refused = cluster.kubectl("create", "--raw", path, "-f", "-", given='{"rows": [{"a": "x"}]}')
    assert refused.returncode == 1
    metrics = cluster.kubectl("get", "--raw", path.replace("/predict", "/metrics")).stdout
    assert 'contract_violations_total{column="a",rule="type"} 1.0' in metrics


def test_a_cluster_and_its_pods_start_quickly() -> None:
    begun = time.perf_counter()
    with Emulator({"app:1": stand_in()}) as cluster:
        started = time.perf_counter() - begun
        cluster.create_namespace(NAMESPACE)
        cluster.apply([deployment()])
        cluster.wait_for(lambda: bool(cluster.processes()))
        assert rolled_out(cluster).returncode == 0
    assert started < 1.0  # about 0.05 s on an idle machine
