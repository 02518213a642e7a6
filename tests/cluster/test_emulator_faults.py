"""Trouble that a test orders comes when and where it is ordered."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .emulator import Emulator
from .sample import NAMESPACE, apply, deployment, rolled_out, running

GET = ("-n", NAMESPACE, "get", "deployments")


@pytest.mark.parametrize(
    ("status", "said"),
    [(500, "InternalError"), (503, "currently unable to handle the request"), (403, "Forbidden")],
)
def test_errors_come_as_often_as_told(cluster: Emulator, status: int, said: str) -> None:
    fault = cluster.faults.add("GET deployments", status=status, times=2)
    answers = [cluster.kubectl(*GET) for _ in range(3)]
    assert [answer.returncode for answer in answers] == [1, 1, 0]
    assert said in answers[0].stderr
    assert fault.hits == 2
    assert len(cluster.requests.of(code=status)) == 2


def test_kubectl_waits_as_long_as_it_is_told_when_there_is_too_much(cluster: Emulator) -> None:
    cluster.faults.add("GET deployments", status=429, retry_after=0)
    assert cluster.kubectl(*GET).returncode == 0
    assert [entry.code for entry in cluster.requests.of(verb="list", target="deployments")] == [429, 200]


def test_a_reset_comes_before_anything_happened(cluster: Emulator) -> None:
    cluster.faults.add("PATCH deployments", reset=True)
    assert apply(cluster, deployment()).returncode == 1
    assert cluster.objects("Deployment") == []
    assert cluster.requests.of(code=0)


def test_a_lost_answer_comes_after_it_happened(cluster: Emulator) -> None:
    cluster.faults.add("PATCH deployments", lose_answer=True)
    assert apply(cluster, deployment()).returncode == 1
    assert len(cluster.objects("Deployment")) == 1


def test_a_rollout_is_followed_over_watches_that_end_early(cluster: Emulator) -> None:
    fault = cluster.faults.add(lambda request: request.verb == "watch", cut_watch=True, times=2)
    apply(cluster, deployment(replicas=2, minReadySeconds=10))
    assert rolled_out(cluster).returncode == 0
    assert fault.hits == 2


def test_a_client_gives_up_on_a_request_that_hangs(cluster: Emulator) -> None:
    fault = cluster.faults.add("GET deployments", hang=True)
    done = cluster.kubectl(*GET, "--request-timeout=300ms")
    assert done.returncode == 1
    assert "Client.Timeout" in done.stderr or "context deadline exceeded" in done.stderr
    fault.release()
    assert cluster.kubectl(*GET).returncode == 0


@contextmanager
def applying(cluster: Emulator, manifest: str) -> Iterator[subprocess.Popen[str]]:
    command = ["kubectl", "apply", "--server-side", "-f", "-"]
    environment = {"KUBECONFIG": str(cluster.kubeconfig), "HOME": str(cluster.directory), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, text=True) as child:
        assert child.stdin
        child.stdin.write(manifest)
        child.stdin.close()
        yield child


def test_a_client_can_be_killed_at_its_nth_request(cluster: Emulator) -> None:
    names = ["one", "two", "three"]
    template = '{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}","namespace":"shop"}}}}\n'
    pause = cluster.faults.pause(2, "PATCH configmaps")
    with applying(cluster, "".join(template.format(name) for name in names)) as client:
        assert pause.reached.wait(10)
        client.send_signal(signal.SIGKILL)
    cluster.faults.clear()
    cluster.wait_for(lambda: len(cluster.objects("ConfigMap", NAMESPACE)) == 2)
    assert {obj["metadata"]["name"] for obj in cluster.objects("ConfigMap", NAMESPACE)} == {"one", "two"}


def test_only_the_request_that_is_held_waits(cluster: Emulator) -> None:
    running(cluster, deployment())
    pause = cluster.faults.pause(1, "PATCH deployments")
    scale = threading.Thread(target=lambda: apply(cluster, deployment(replicas=2)))
    scale.start()
    assert pause.reached.wait(10)
    assert cluster.kubectl(*GET).returncode == 0
    assert cluster.object("Deployment", NAMESPACE, "app")["spec"]["replicas"] == 1
    pause.release()
    scale.join()
    assert cluster.object("Deployment", NAMESPACE, "app")["spec"]["replicas"] == 2
