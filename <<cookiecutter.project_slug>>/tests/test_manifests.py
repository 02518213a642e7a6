"""The manifests in k8s/ agree with each other, with the service and with the deployment's settings."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # MLflow brings PyYAML, nothing brings its types

from <<cookiecutter.package_name>>.serving.options import Options, from_environment

ROOT = Path(__file__).parents[1]
K8S = ROOT / "k8s"
DELIVERY = tomllib.loads((ROOT / "config/delivery.toml").read_text(encoding="utf-8"))


class Watched(dict[str, str]):
    """An environment that knows which variables were asked for."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def read(path: str) -> dict[str, Any]:
    """Return the one document of a file in k8s/."""
    return dict(yaml.safe_load((K8S / path).read_text(encoding="utf-8")))


def settings() -> Watched:
    """Return the variables of base/config.env."""
    lines = (K8S / "base/config.env").read_text(encoding="utf-8").splitlines()
    return Watched(dict(line.split("=", 1) for line in lines if line and not line.startswith("#")))


@pytest.fixture
def deployment() -> dict[str, Any]:
    return dict(read("base/deployment.yaml")["spec"])


@pytest.fixture
def server(deployment: dict[str, Any]) -> dict[str, Any]:
    (container,) = deployment["template"]["spec"]["containers"]
    return dict(container)


def options() -> Options:
    return from_environment(settings())


def stages() -> Iterator[tuple[str, str]]:
    """Yield each overlay with the environment that it is for."""
    for overlay in ("staging", "production", "production-canary"):
        yield overlay, overlay.removesuffix("-canary")


def test_the_service_knows_every_setting_and_accepts_its_value(server: dict[str, Any]) -> None:
    given = settings()
    from_environment(given)
    assert given.keys() - given.asked == set()
    assert {each["name"] for each in server["env"]} - given.asked == set()


def test_the_model_computes_on_as_many_threads_as_the_pod_may_use_processors(server: dict[str, Any]) -> None:
    assert int(server["resources"]["limits"]["cpu"]) == options().threads


def test_memory_is_reserved(server: dict[str, Any]) -> None:
    assert server["resources"]["requests"]["memory"] == server["resources"]["limits"]["memory"]


def test_a_pod_has_the_time_to_answer_what_it_has_taken(deployment: dict[str, Any], server: dict[str, Any]) -> None:
    before = server["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert deployment["template"]["spec"]["terminationGracePeriodSeconds"] > before + options().drain_seconds


def test_the_autoscaler_owns_the_number_of_pods(deployment: dict[str, Any]) -> None:
    assert "replicas" not in deployment


def test_the_cluster_gives_a_rollout_up_before_the_deployment_does(deployment: dict[str, Any]) -> None:
    assert deployment["progressDeadlineSeconds"] < DELIVERY["rollout"]["timeout_seconds"]


def test_the_canary_differs_from_production_in_nothing_but_its_image() -> None:
    """What only the production overlay changes in the pod, no canary would have tried: it belongs into base/."""
    overlay = read("overlays/production/kustomization.yaml")
    kinds = {patch.get("target", {}).get("kind", patch.get("path", "")) for patch in overlay.get("patches", [])}
    assert kinds <= {"HorizontalPodAutoscaler", "httproute.yaml"}
    assert overlay.keys() & {"configMapGenerator", "images", "replacements", "transformers", "namePrefix"} == set()
    assert overlay["labels"] == read("overlays/production-canary/kustomization.yaml")["labels"]


def test_overlays_and_cluster_stand_in_the_namespaces_that_are_deployed_to() -> None:
    for overlay, environment in stages():
        namespace = DELIVERY["environments"][environment]["namespace"]
        assert read(f"overlays/{overlay}/kustomization.yaml")["namespace"] == namespace
        assert read(f"cluster/{environment}/kustomization.yaml")["namespace"] == namespace


def test_the_image_that_a_release_replaces_is_the_one_in_the_base(server: dict[str, Any]) -> None:
    assert server["image"] == read("base/deployment.yaml")["metadata"]["name"] == DELIVERY["application"]
