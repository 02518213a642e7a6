"""Every combination of the options that shape manifests, rendered and built once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..conftest import QUESTIONS, render
from .rendering import OVERLAYS, REVIEW, STAGES, Manifest, fill_in_names, kustomize, release

LONGEST = "abcdefghi-" * 3 + "abcdefghij"  # 40 characters, as many as a slug may have


@dataclass(frozen=True)
class Built:
    """A project whose empty names are filled in, with its overlays as releases and its cluster folders."""

    project: Path
    slug: str
    credentials: str
    split: str
    releases: dict[str, list[Manifest]]
    cluster: dict[str, list[Manifest]]

    @property
    def everything(self) -> list[Manifest]:
        """Return all objects."""
        return [item for built in (self.releases, self.cluster) for manifests in built.values() for item in manifests]


COMBINATIONS = [
    ("customer-churn", *choices)
    for choices in itertools.product(QUESTIONS["cluster_credentials"], QUESTIONS["traffic_split"])
]
COMBINATIONS += [("v", "kubeconfig", "gateway-api"), (LONGEST, "aws", "gateway-api")]


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(combination, id=" ".join(combination), marks=pytest.mark.xdist_group(" ".join(combination)))
        for combination in COMBINATIONS
    ],
)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return what one combination of options leads to."""
    slug, credentials, split = request.param
    answers = {"project_slug": slug, "cluster_credentials": credentials, "traffic_split": split}
    project = render(tmp_path_factory.mktemp("manifests"), **answers)
    fill_in_names(project)
    releases = {name: release(project, name) for name in OVERLAYS}
    return Built(
        project,
        slug,
        credentials,
        split,
        releases,
        {name: kustomize(project / "k8s/cluster" / name) for name in (*STAGES, REVIEW)},
    )


@pytest.fixture(params=QUESTIONS["traffic_split"])
def editable(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a project that a test may change, for each way to split traffic."""
    project = render(tmp_path, traffic_split=request.param)
    fill_in_names(project)
    return project
