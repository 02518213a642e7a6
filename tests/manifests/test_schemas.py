"""Every object against the schemas of the Kubernetes versions that clusters run."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import jsonschema  # type: ignore[import-untyped] # its types are a package of their own, for two calls
import kubernetes_validate  # type: ignore[import-untyped] # it ships none
import pytest

from ..cluster.emulator.pod_security import violations
from ..conftest import render
from .conftest import Built
from .rendering import OVERLAYS, STAGES, Manifest, choose_the_operator, kustomize, of_kind, one, release

VERSIONS = ("1.34", "1.35", "1.36", "1.37")
CUSTOM = {"HTTPRoute", "PodMonitor"}  # their schemas are not part of Kubernetes
ROUTE, MONITOR = (
    json.loads(Path(__file__).with_name(f"{name}.schema.json").read_text(encoding="utf-8"))
    for name in ("httproute", "podmonitor")
)


@cache
def fault(manifest: str, version: str) -> str:
    """Return what a cluster of `version` would refuse in a manifest, or nothing; equal ones are looked at once."""
    try:
        kubernetes_validate.validate(json.loads(manifest), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    return ""


def faults(manifest: Manifest, version: str) -> str:
    return fault(json.dumps(manifest, sort_keys=True), version)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(version: str, built: Built) -> None:
    for manifest in built.everything:
        if manifest["kind"] not in CUSTOM:
            assert faults(manifest, version) == ""


def test_every_object_is_valid_and_every_pod_restricted_with_the_operator_too(editable: Path) -> None:
    choose_the_operator(editable)
    for overlay in OVERLAYS:
        built = release(editable, overlay)
        for manifest in built:
            if manifest["kind"] not in CUSTOM:
                assert {version: faults(manifest, version) for version in VERSIONS} == dict.fromkeys(VERSIONS, "")
        for monitor in of_kind(built, "PodMonitor"):
            jsonschema.validate(monitor, MONITOR)
        assert violations(one(built, "Deployment")["spec"]["template"]["spec"]) == []


@pytest.mark.parametrize("change", [{"podTargetLabel": ["track"]}, {"podMetricsEndpoints": []}, {"selector": "all"}])
def test_a_wrong_monitor_is_refused(change: dict[str, object], editable: Path) -> None:
    choose_the_operator(editable)
    monitor = one(release(editable, "production"), "PodMonitor")
    monitor["spec"] |= change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(monitor, MONITOR)


def test_routes_are_valid_once_the_names_are_set(built: Built) -> None:
    for route in of_kind(built.everything, "HTTPRoute"):
        jsonschema.validate(route, ROUTE)


@pytest.mark.parametrize("stage", STAGES)
def test_a_route_is_refused_until_gateway_and_host_are_set(stage: str, tmp_path: Path) -> None:
    project = render(tmp_path, traffic_split="gateway-api")
    route = one(release(project, stage), "HTTPRoute")
    refused = {".".join(map(str, error.path)) for error in jsonschema.Draft202012Validator(ROUTE).iter_errors(route)}
    assert refused == {"spec.hostnames.0", "spec.parentRefs.0.name", "spec.parentRefs.0.namespace"}


@pytest.mark.parametrize("change", [{"weight": -1}, {"wieght": 1}, {"port": 0}], ids=str)
def test_a_wrong_route_is_refused(change: dict[str, int], editable: Path) -> None:
    for route in of_kind(release(editable, "production"), "HTTPRoute"):
        route["spec"]["rules"][1]["backendRefs"][1] |= change
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(route, ROUTE)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_unknown_field_a_wrong_type_and_a_removed_api_are_noticed(version: str, editable: Path) -> None:
    deployment = one(kustomize(editable / "k8s/base"), "Deployment")
    deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailble"] = 0
    assert "maxUnavailble" in faults(deployment, version)
    del deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailble"]
    deployment["spec"]["minReadySeconds"] = "ten"
    assert faults(deployment, version).startswith("spec.minReadySeconds")
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        faults({"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {}}, version)
