"""Deployments roll, fail and come back as a cluster's do, with pods that are real processes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .emulator import RESTRICTED, Emulator, Timing, stand_in
from .sample import HARDENED, NAMESPACE, apply, deployment, probe, rolled_out, running, service

DEADLINE: dict[str, Any] = {"progressDeadlineSeconds": 40}  # of the cluster's seconds: 0.8 real ones


def status(cluster: Emulator, name: str = "app") -> dict[str, Any]:
    return dict(cluster.object("Deployment", NAMESPACE, name)["status"])


def waiting(cluster: Emulator) -> list[str]:
    """Return why the containers of all pods wait."""
    states = [item["state"] for pod in cluster.pods(NAMESPACE) for item in pod["status"].get("containerStatuses", [])]
    return [state["waiting"]["reason"] for state in states if "waiting" in state]


def reasons(cluster: Emulator, kind: str = "Warning") -> set[str]:
    return {event["reason"] for event in cluster.objects("Event", NAMESPACE) if event["type"] == kind}


def images(cluster: Emulator) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in cluster.pods(NAMESPACE)}


def test_a_rollout_never_falls_below_what_is_wanted_nor_exceeds_the_surge(cluster: Emulator) -> None:
    running(cluster, deployment(replicas=3))
    seen: list[tuple[int, int]] = []
    cluster.store.subscribe(
        lambda change: (
            seen.append((change.after["status"].get("availableReplicas", 0), change.after["status"]["replicas"]))
            if change.resource.kind == "Deployment"
            else None
        )
    )
    running(cluster, deployment("app:2", replicas=3))
    assert {available for available, _ in seen} <= {3, 4}
    assert max(replicas for _, replicas in seen) == 4
    assert images(cluster) == {"app:2"}
    assert status(cluster)["updatedReplicas"] == 3


def test_pods_count_as_available_only_after_min_ready_seconds() -> None:
    with Emulator({"app:1": stand_in()}, timing=Timing(speed=10)) as cluster:
        cluster.create_namespace(NAMESPACE)
        apply(cluster, deployment(minReadySeconds=8))
        cluster.wait_for(lambda: status(cluster).get("readyReplicas") == 1)
        assert "availableReplicas" not in status(cluster)
        cluster.wait_for(lambda: status(cluster).get("availableReplicas") == 1)


@pytest.mark.parametrize(
    ("behaviour", "reason", "event"),
    [
        ({"crash": 1}, "CrashLoopBackOff", "BackOff"),
        ({"never_ready": 1}, "", ""),
        ({}, "ImagePullBackOff", "Failed"),
    ],
    ids=["crash", "never ready", "no image"],
)
def test_a_bad_image_exceeds_the_deadline_while_the_old_pods_serve(
    cluster: Emulator, behaviour: dict[str, int], reason: str, event: str
) -> None:
    running(cluster, deployment(replicas=2, **DEADLINE))
    if behaviour:
        cluster.launcher.add("app:bad", stand_in(**behaviour))
    apply(cluster, deployment("app:bad", replicas=2, **DEADLINE))
    rollout = rolled_out(cluster)
    assert (rollout.returncode, rollout.stderr) == (1, 'error: deployment "app" exceeded its progress deadline\n')
    assert status(cluster)["availableReplicas"] == 2
    assert not event or event in reasons(cluster)
    if reason:
        cluster.wait_for(lambda: reason in waiting(cluster))


def test_a_missed_deadline_is_told_of_the_revision_before_until_there_is_progress(cluster: Emulator) -> None:
    running(cluster, deployment(**DEADLINE))
    cluster.launcher.add("app:bad", stand_in(never_ready=1))
    apply(cluster, deployment("app:bad", **DEADLINE))
    assert rolled_out(cluster).returncode == 1
    left = _generation(cluster)
    seen: list[str] = []
    cluster.store.subscribe(
        lambda change: (
            seen.append(_progressing(change.after))
            if change.resource.kind == "Deployment" and change.after["status"]["observedGeneration"] > left
            else None
        )
    )
    apply(cluster, deployment(**DEADLINE))
    cluster.wait_for(lambda: "NewReplicaSetAvailable" in seen)
    assert seen[0] == "ProgressDeadlineExceeded", "the real controller sees no progress yet"


def _progressing(deployment: dict[str, Any]) -> str:
    conditions = {one["type"]: one["reason"] for one in deployment["status"]["conditions"]}
    return str(conditions["Progressing"])


def test_a_crashed_container_has_a_last_state_and_a_log_of_its_last_life(cluster: Emulator) -> None:
    cluster.launcher.add("app:bad", stand_in(crash=1))
    apply(cluster, deployment("app:bad"))
    cluster.wait_for(lambda: "CrashLoopBackOff" in waiting(cluster))
    [pod] = cluster.pods(NAMESPACE)
    [container] = pod["status"]["containerStatuses"]
    assert container["lastState"]["terminated"]["exitCode"] == 3
    assert container["restartCount"] >= 1
    for pick in ((pod["metadata"]["name"],), ("-l", "app=app", "--prefix")):
        log = cluster.kubectl("-n", NAMESPACE, "logs", *pick, "--previous", "--tail=5")
        assert "error: cannot load the model" in log.stdout, log.stderr


def test_undo_restart_and_history_know_the_revisions(cluster: Emulator) -> None:
    for image, cause in (("app:1", "first"), ("app:2", "second")):
        manifest = deployment(image)
        manifest["metadata"]["annotations"] = {"kubernetes.io/change-cause": cause}
        running(cluster, manifest)
    history = cluster.kubectl("-n", NAMESPACE, "rollout", "history", "deployment/app").stdout
    assert [line.split() for line in history.splitlines()[2:4]] == [["1", "first"], ["2", "second"]]
    assert cluster.kubectl("-n", NAMESPACE, "rollout", "undo", "deployment/app").returncode == 0
    assert rolled_out(cluster).returncode == 0
    cluster.wait_for(lambda: images(cluster) == {"app:1"})
    before = {pod["metadata"]["name"] for pod in cluster.pods(NAMESPACE)}
    assert cluster.kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/app").returncode == 0
    assert rolled_out(cluster).returncode == 0
    assert not before & {pod["metadata"]["name"] for pod in cluster.pods(NAMESPACE)}
    revision = cluster.object("Deployment", NAMESPACE, "app")["metadata"]["annotations"]
    assert revision["deployment.kubernetes.io/revision"] == "4"


def test_a_paused_deployment_waits_until_it_is_resumed(cluster: Emulator) -> None:
    running(cluster, deployment())
    for word, answer in (("pause", "app:1"), ("resume", "app:2")):
        assert cluster.kubectl("-n", NAMESPACE, "rollout", word, "deployment/app").returncode == 0
        cluster.kubectl("-n", NAMESPACE, "set", "image", "deployment/app", "server=app:2")
        if word == "resume":
            assert rolled_out(cluster).returncode == 0
            cluster.wait_for(lambda: len(cluster.pods(NAMESPACE)) == 1)
        cluster.wait_for(lambda: status(cluster)["observedGeneration"] == _generation(cluster))
        assert images(cluster) == {answer}


def _generation(cluster: Emulator) -> int:
    return int(cluster.object("Deployment", NAMESPACE, "app")["metadata"]["generation"])


def test_recreate_stops_the_old_pods_first(cluster: Emulator) -> None:
    manifests = [deployment(image, replicas=2, strategy={"type": "Recreate"}) for image in ("app:1", "app:2")]
    running(cluster, manifests[0])
    together: list[set[str]] = []
    cluster.store.subscribe(lambda change: together.append(images(cluster)))
    running(cluster, manifests[1])
    assert together[-1] == {"app:2"}
    assert {"app:1", "app:2"} not in together


def test_wait_sees_conditions_and_values(cluster: Emulator) -> None:
    apply(cluster, deployment(replicas=2))
    for wanted in ("condition=Available", "jsonpath={.status.readyReplicas}=2"):
        done = cluster.kubectl("-n", NAMESPACE, "wait", "deployment/app", f"--for={wanted}", "--timeout=20s")
        assert done.returncode == 0, done.stderr
    late = cluster.kubectl("-n", NAMESPACE, "wait", "pod", "-l", "app=other", "--for=condition=Ready")
    assert "no matching resources found" in late.stderr


def test_the_history_is_as_long_as_its_limit(cluster: Emulator) -> None:
    for image in ("app:1", "app:2", "app:3", "app:4"):
        running(cluster, deployment(image, revisionHistoryLimit=1))
    cluster.wait_for(lambda: len(cluster.objects("ReplicaSet", NAMESPACE)) == 2)


def test_scaling_to_none_ends_the_pods(cluster: Emulator) -> None:
    running(cluster, deployment(replicas=3))
    cluster.kubectl("-n", NAMESPACE, "scale", "deployment/app", "--replicas=0")
    gone = cluster.kubectl("-n", NAMESPACE, "wait", "pod", "-l", "app=app", "--for=delete", "--timeout=20s")
    assert gone.returncode == 0, gone.stderr
    assert cluster.objects("Pod", NAMESPACE) == []


def test_a_deleted_deployment_takes_its_replica_sets_and_pods_with_it(cluster: Emulator) -> None:
    running(cluster, deployment(replicas=2))
    assert cluster.kubectl("-n", NAMESPACE, "delete", "deployment/app").returncode == 0
    cluster.wait_for(lambda: not cluster.objects("Pod", NAMESPACE) and not cluster.objects("ReplicaSet", NAMESPACE))


def test_a_container_that_fails_its_liveness_probe_is_restarted(cluster: Emulator) -> None:
    cluster.launcher.add("app:1", stand_in(dead_after=1))
    probes = {"livenessProbe": probe("/v2/health/live", failureThreshold=2)}
    running(cluster, deployment(container=probes), service())
    body = json.dumps({"rows": [{"a": 1}]})
    path = f"/api/v1/namespaces/{NAMESPACE}/services/http:app:80/proxy/predict"
    assert cluster.kubectl("create", "--raw", path, "-f", "-", given=body).returncode == 0
    cluster.wait_for(lambda: cluster.pods(NAMESPACE)[0]["status"]["containerStatuses"][0]["restartCount"] == 1)
    assert {"Unhealthy", "BackOff"} <= reasons(cluster)


def test_a_slow_start_is_the_startup_probes_affair(cluster: Emulator) -> None:
    cluster.launcher.add("app:slow", stand_in(start_ms=300))
    probes = {
        "livenessProbe": probe("/v2/health/live", failureThreshold=1),
        "startupProbe": probe("/v2/health/live", failureThreshold=100),
    }
    running(cluster, deployment("app:slow", container=probes))
    assert cluster.pods(NAMESPACE)[0]["status"]["containerStatuses"][0]["restartCount"] == 0


def test_the_environment_comes_from_the_pods_spec(cluster: Emulator) -> None:
    metadata = {"name": "config", "namespace": NAMESPACE}
    track = {"name": "MODEL_TRACK", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['track']"}}}
    key = {"secretKeyRef": {"name": "absent", "key": "KEY", "optional": True}}
    env = [track, {"name": "FEEDBACK_KEY", "valueFrom": key}]
    container = {"env": env, "envFrom": [{"configMapRef": {"name": "config"}}]}
    apply(cluster, deployment("app:0", container=container), service())
    cluster.launcher.add("app:0", stand_in())
    cluster.wait_for(lambda: "CreateContainerConfigError" in waiting(cluster))
    cluster.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"STAND_IN_VERSION": "7"}}])
    assert rolled_out(cluster).returncode == 0
    metrics = cluster.kubectl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/services/app/proxy/metrics").stdout
    assert 'track="stable",version="7"' in metrics


def test_a_restricted_namespace_lets_only_hardened_pods_in(cluster: Emulator) -> None:
    cluster.create_namespace("other")
    cluster.store.change(
        cluster.catalogue.of("Namespace"), None, NAMESPACE, lambda obj: obj["metadata"]["labels"].update(RESTRICTED)
    )
    answer = apply(cluster, deployment(**DEADLINE))
    assert 'Warning: would violate PodSecurity "restricted:latest"' in answer.stderr
    assert rolled_out(cluster).returncode == 1
    messages = [event["message"] for event in cluster.objects("Event", NAMESPACE) if event["reason"] == "FailedCreate"]
    assert 'is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false' in messages[0]
    conditions = {item["type"]: item["reason"] for item in status(cluster)["conditions"]}
    assert conditions["ReplicaFailure"] == "FailedCreate"
    running(cluster, deployment(container={"securityContext": HARDENED}))


def test_people_see_columns(cluster: Emulator) -> None:
    running(cluster, deployment(replicas=2))
    shown = cluster.kubectl("-n", NAMESPACE, "get", "deployment,pods").stdout
    assert "2/2" in shown
    assert shown.count("Running") == 2
    assert "ScalingReplicaSet" in cluster.kubectl("-n", NAMESPACE, "get", "events").stdout
    assert "ScalingReplicaSet" in cluster.kubectl("-n", NAMESPACE, "events").stdout
    assert "RollingUpdate" in cluster.kubectl("-n", NAMESPACE, "describe", "deployment/app").stdout
