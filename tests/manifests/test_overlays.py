"""What a release brings to the cluster, built by kubectl for every combination of options."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ..cluster.emulator.pod_security import violations
from .conftest import Built
from .rendering import (
    IMAGE,
    OVERLAYS,
    STAGES,
    Manifest,
    choose_the_operator,
    container,
    kustomize,
    of_kind,
    one,
    release,
    replace,
)

NAME_LIMITS = {"Namespace": 63, "Service": 63}
NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")


def names(manifests: list[Manifest]) -> set[str]:
    """Return each object as Kind/name, the hash at the end of a ConfigMap's name replaced."""
    return {
        re.sub(r"^(ConfigMap/.+)-[a-z0-9]{10}$", r"\1-HASH", f"{m['kind']}/{m['metadata']['name']}") for m in manifests
    }


def drain_seconds(manifests: list[Manifest]) -> int:
    return int(one(manifests, "ConfigMap")["data"]["DRAIN_SECONDS"])


def pod(manifests: list[Manifest]) -> dict[str, Any]:
    """Return the pod template of the one Deployment, without the name of its track and stage."""
    template = copy.deepcopy(one(manifests, "Deployment")["spec"]["template"])
    for label in ("track", "app.kubernetes.io/instance"):
        del template["metadata"]["labels"][label]
    return dict(template)


def fits(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def test_an_overlay_holds_exactly_what_it_says(built: Built) -> None:
    app = built.slug
    canary = {f"Deployment/{app}-canary", f"ConfigMap/{app}-config-HASH"}
    stable = {f"Deployment/{app}", f"ConfigMap/{app}-config-HASH", f"ServiceAccount/{app}"}
    stable |= {f"Service/{app}", f"Service/{app}-stable", f"Service/{app}-canary"}
    stable |= {f"HorizontalPodAutoscaler/{app}", f"PodDisruptionBudget/{app}", f"NetworkPolicy/{app}"}
    stable |= {f"HTTPRoute/{app}"} if built.split == "gateway-api" else set()
    seen = {name: names(manifests) for name, manifests in built.releases.items()}
    assert seen == {"staging": stable, "production": stable, "production-canary": canary}


def test_everything_stands_in_the_namespace_that_the_pipeline_deploys_to(built: Built) -> None:
    settings = tomllib.loads((built.project / "config/delivery.toml").read_text(encoding="utf-8"))
    assert settings["application"] == built.slug
    for overlay in OVERLAYS:
        wanted = settings["environments"][overlay.removesuffix("-canary")]["namespace"]
        assert {item["metadata"]["namespace"] for item in built.releases[overlay]} == {wanted}
    for stage in STAGES:
        assert (
            one(built.cluster[stage], "Namespace")["metadata"]["name"] == settings["environments"][stage]["namespace"]
        )


def test_the_base_belongs_to_no_namespace(editable: Path) -> None:
    assert [item for item in kustomize(editable / "k8s/base") if "namespace" in item["metadata"]] == []


def test_a_release_runs_one_image_by_its_digest(built: Built) -> None:
    for overlay in OVERLAYS:
        assert container(one(built.releases[overlay], "Deployment"))["image"] == IMAGE


def test_pods_are_restricted(built: Built) -> None:
    for overlay in OVERLAYS:
        spec = one(built.releases[overlay], "Deployment")["spec"]["template"]["spec"]
        assert violations(spec) == []
        assert spec["automountServiceAccountToken"] is False
        assert (
            container(one(built.releases[overlay], "Deployment"))["securityContext"]["readOnlyRootFilesystem"] is True
        )


def test_every_stage_and_both_tracks_run_the_same_pod(built: Built) -> None:
    assert pod(built.releases["staging"]) == pod(built.releases["production"])
    assert pod(built.releases["production-canary"]) == pod(built.releases["production"])
    assert one(built.releases["production-canary"], "ConfigMap") == one(built.releases["production"], "ConfigMap")


def test_a_deployment_selects_its_own_pods_by_labels_that_no_release_changes(built: Built) -> None:
    for overlay in OVERLAYS:
        deployment = one(built.releases[overlay], "Deployment")
        track = "canary" if overlay == "production-canary" else "stable"
        assert deployment["spec"]["selector"]["matchLabels"] == {
            "app.kubernetes.io/name": built.slug,
            "app.kubernetes.io/component": "model-server",
            "track": track,
        }
        assert fits(deployment["spec"]["selector"]["matchLabels"], deployment["spec"]["template"]["metadata"]["labels"])


def test_services_reach_the_tracks_that_they_name(built: Built) -> None:
    tracks = {
        name: one(built.releases[name], "Deployment")["spec"]["template"]["metadata"]["labels"]
        for name in ("production", "production-canary")
    }
    reached = {
        service["metadata"]["name"]: [
            name for name, labels in tracks.items() if fits(service["spec"]["selector"], labels)
        ]
        for service in of_kind(built.releases["production"], "Service")
    }
    assert reached == {
        built.slug: ["production"] if built.split == "gateway-api" else ["production", "production-canary"],
        f"{built.slug}-stable": ["production"],
        f"{built.slug}-canary": ["production-canary"],
    }
    ports = [service["spec"]["ports"] for service in of_kind(built.releases["production"], "Service")]
    assert {(port["name"], port["port"], port["targetPort"]) for (port,) in ports} == {("http", 80, "http")}
    assert container(one(built.releases["production"], "Deployment"))["ports"] == [
        {"name": "http", "containerPort": 8080, "protocol": "TCP"}
    ]


def test_budget_policy_and_spread_cover_both_tracks(built: Built) -> None:
    production = built.releases["production"]
    for overlay in ("production", "production-canary"):
        template = one(built.releases[overlay], "Deployment")["spec"]["template"]
        selectors = [one(production, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
        selectors.append(one(production, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
        selectors += [each["labelSelector"]["matchLabels"] for each in template["spec"]["topologySpreadConstraints"]]
        assert [item for item in selectors if not fits(item, template["metadata"]["labels"])] == []


def test_the_network_lets_callers_in_at_one_port_and_only_names_out(built: Built) -> None:
    spec = one(built.releases["production"], "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    assert [rule["ports"] for rule in spec["egress"]] == [
        [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    ]
    assert all(rule["to"] for rule in spec["egress"])


def test_the_autoscaler_owns_the_number_of_pods(built: Built) -> None:
    for stage in STAGES:
        deployment = one(built.releases[stage], "Deployment")
        spec = one(built.releases[stage], "HorizontalPodAutoscaler")["spec"]
        assert "replicas" not in deployment["spec"]
        assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": built.slug}
        assert 1 <= spec["minReplicas"] < spec["maxReplicas"]
    assert one(built.releases["production-canary"], "Deployment")["spec"]["replicas"] == 1


def test_a_pod_has_the_time_to_answer_what_it_has_taken(built: Built) -> None:
    for overlay in OVERLAYS:
        spec = one(built.releases[overlay], "Deployment")["spec"]["template"]["spec"]
        waits = container(one(built.releases[overlay], "Deployment"))["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert spec["terminationGracePeriodSeconds"] > waits + drain_seconds(built.releases[overlay])


def test_the_cluster_gives_a_rollout_up_before_the_pipeline_does(built: Built) -> None:
    settings = tomllib.loads((built.project / "config/delivery.toml").read_text(encoding="utf-8"))
    for overlay in OVERLAYS:
        deadline = one(built.releases[overlay], "Deployment")["spec"]["progressDeadlineSeconds"]
        assert deadline < settings["rollout"]["timeout_seconds"]


def test_memory_is_reserved_and_threads_are_as_many_as_processors(built: Built) -> None:
    for overlay in OVERLAYS:
        resources = container(one(built.releases[overlay], "Deployment"))["resources"]
        assert resources["requests"]["memory"] == resources["limits"]["memory"]
        assert resources["limits"]["cpu"] == one(built.releases[overlay], "ConfigMap")["data"]["THREADS"]


def test_the_service_is_asked_at_its_own_paths_and_told_who_it_is(built: Built) -> None:
    server = container(one(built.releases["production"], "Deployment"))
    asked = {name: server[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {
        "startupProbe": {"path": "/v2/health/live", "port": "http"},
        "livenessProbe": {"path": "/v2/health/live", "port": "http"},
        "readinessProbe": {"path": "/v2/health/ready", "port": "http"},
    }
    assert {each["name"]: each["valueFrom"] for each in server["env"]} == {
        "MODEL_TRACK": {"fieldRef": {"fieldPath": "metadata.labels['track']"}},
        "POD_NAME": {"fieldRef": {"fieldPath": "metadata.name"}},
        "FEEDBACK_KEY": {"secretKeyRef": {"name": f"{built.slug}-feedback", "key": "FEEDBACK_KEY", "optional": True}},
    }


def test_a_route_gives_everything_to_the_stable_track_and_the_canary_to_those_who_ask(built: Built) -> None:
    routes = of_kind(built.everything, "HTTPRoute")
    assert len(routes) == (2 if built.split == "gateway-api" else 0)
    for route in routes:
        forced, weighted = route["spec"]["rules"]
        assert forced["matches"][0]["headers"] == [{"name": "x-canary", "value": "always"}]
        assert [ref["name"] for ref in forced["backendRefs"]] == [f"{built.slug}-canary"]
        weights = {ref["name"]: ref["weight"] for ref in weighted["backendRefs"]}
        assert weights == {f"{built.slug}-stable": 100, f"{built.slug}-canary": 0}
        assert "headers" not in weighted["matches"][0]


def test_names_and_labels_stay_within_the_limits_of_kubernetes(built: Built) -> None:
    for item in built.everything:
        name = item["metadata"]["name"]
        assert len(name) <= NAME_LIMITS.get(item["kind"], 253), name
        assert NAME.fullmatch(name), name
        for labels in (item["metadata"].get("labels", {}), *labels_inside(item)):
            assert [value for value in labels.values() if len(value) > 63 or not LABEL.fullmatch(value)] == []


def labels_inside(item: Manifest) -> list[dict[str, str]]:
    """Return the labels of a Deployment's pods."""
    return [item["spec"]["template"]["metadata"]["labels"]] if item["kind"] == "Deployment" else []


def test_a_changed_setting_rolls_out(editable: Path) -> None:
    before = one(release(editable, "production"), "ConfigMap")["metadata"]["name"]
    replace(editable / "k8s/base/config.env", "LOG_LEVEL=info", "LOG_LEVEL=debug")
    after = release(editable, "production")
    changed = one(after, "ConfigMap")["metadata"]["name"]
    assert changed != before
    assert container(one(after, "Deployment"))["envFrom"] == [{"configMapRef": {"name": changed}}]


def test_with_the_operator_one_monitor_replaces_the_annotations(editable: Path) -> None:
    choose_the_operator(editable)
    production, canary = release(editable, "production"), release(editable, "production-canary")
    assert one(production, "PodMonitor")["metadata"]["namespace"] == "customer-churn-production"
    assert {item["kind"] for item in canary} == {"Deployment", "ConfigMap"}
    assert pod(canary) == pod(production)
    assert "prometheus.io" not in json.dumps(production)
    labels = one(canary, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert fits(one(production, "PodMonitor")["spec"]["selector"]["matchLabels"], labels)


def test_without_it_annotations_name_the_port_and_path_of_the_metrics(built: Built) -> None:
    for overlay in OVERLAYS:
        annotations = one(built.releases[overlay], "Deployment")["spec"]["template"]["metadata"]["annotations"]
        assert {key: value for key, value in annotations.items() if key.startswith("prometheus.io/")} == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "8080",
            "prometheus.io/path": "/metrics",
        }


GOOD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {"name": "c", "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
    ],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hostNetwork": True}, "host namespaces"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "restricted volume types"),
        ({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}, "runAsNonRoot != true"),
        ({"securityContext": {"runAsNonRoot": True}}, "seccompProfile"),
        ({"securityContext": GOOD["securityContext"] | {"runAsUser": 0}}, "runAsUser=0"),
        ({"initContainers": [{"name": "i"}]}, "unrestricted capabilities"),
        ({"containers": [{"name": "c"}]}, "allowPrivilegeEscalation != false"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_check_for_restricted_pods_refuses_others(change: dict[str, Any], said: str) -> None:
    assert violations(GOOD) == []
    assert any(line.startswith(said) for line in violations(GOOD | change))
