"""build-image.yml exports, tries and scans before it pushes, and signs what it pushed.

The export is real once, and copied from then on; the container is a process of the real service.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .runner import GitHub, Run, Runner, events
from .runner.records import Attestation, Image
from .scenario import document, failures, writers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("build image")]

SECRETS = {"REGISTRY_USERNAME": "robot", "REGISTRY_PASSWORD": "hunter2"}


@pytest.fixture
def runner(building: Callable[[Path], Runner], project: Path) -> Runner:
    """Return a runner for a repository whose first push registered a model."""
    return building(project)


def build(runner: Runner) -> Run:
    """Build the image of the model that the first push registered."""
    event = events.workflow_dispatch(runner.hub, "build-image.yml", inputs={"run-id": str(runner.hub.runs[0].id)})
    return runner.trigger(event)["build-image.yml"]


def named(image: Image) -> str:
    """Return what a deployment is given."""
    return f"{image.name}@{image.digest}"


def test_an_accepted_model_becomes_one_signed_image(runner: Runner) -> None:
    run = build(runner)
    assert run.conclusion == "success", str(run)
    (image,) = runner.hub.images
    job = run.jobs["image"]
    assert image.name == "ghcr.io/octo/customer-churn"
    assert image.tags == (f"ghcr.io/octo/customer-churn:1.0.0-{run.id}.1",)
    assert dict(job.outputs) == {"image": named(image), "digest": image.digest}
    assert image.labels["org.opencontainers.image.version"] == "1.0.0"
    assert image.labels["org.opencontainers.image.revision"] == run.event.sha
    assert f"Image `{named(image)}`, signed: on" in job.summary
    assert "golden set" in job.summary

    signed = runner.hub.attestations
    assert {(one.subject, one.digest, one.workflow) for one in signed} == {
        (image.name, image.digest, ".github/workflows/build-image.yml")
    }
    assert [kind(one) for one in signed] == ["provenance/v1", "Document/v2.3", "model-metadata/v1"]
    assert signed[2].predicate["identity"]["version"] == "1.0.0"
    assert signed[2].predicate == document(run, "serving", "metadata.json")
    assert writers(run) == {"image": ["packages", "id-token", "attestations"]}

    (words,) = (call.args for call in runner.calls("docker") if call.args[0] == "run")
    assert {"--read-only", "--user", "10001:10001", "--cap-drop", "ALL", "no-new-privileges"} <= set(words)


def kind(attestation: Attestation) -> str:
    """Return the end of a predicate's type."""
    return "/".join(attestation.predicate_type.split("/")[-2:])


@pytest.mark.parametrize(
    ("misbehaviour", "step"), [("other-model", "Try it"), ("bad-end", "It ends in order")], ids=["answers", "end"]
)
def test_an_image_that_does_not_hold_what_it_promises_is_not_pushed(
    runner: Runner, tmp_path: Path, misbehaviour: str, step: str
) -> None:
    (tmp_path / misbehaviour).touch()
    run = build(runner)
    assert failures(run) == [step], str(run)
    assert (runner.hub.images, runner.hub.attestations) == ([], [])
    assert "draining" in run.jobs["image"].log or step == "Try it"


def test_a_known_hole_that_has_a_fix_stops_the_push(runner: Runner) -> None:
    runner.hub.vulnerabilities.add("HIGH")
    run = build(runner)
    assert failures(run) == ["Scan"], str(run)
    assert (runner.hub.images, runner.hub.attestations) == ([], [])


def test_what_was_not_tried_is_not_signed(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "late-change").touch()
    run = build(runner)
    assert failures(run) == ["What was pushed is what was tried"], str(run)
    assert runner.hub.attestations == []


def test_another_registry_gets_its_own_credentials_only(runner: Runner) -> None:
    runner.hub.variables["REGISTRY"] = "registry.example.com/Team"
    refused = build(runner)
    assert failures(refused) == ["Plan"], str(refused)
    assert "set the secrets REGISTRY_USERNAME and REGISTRY_PASSWORD" in refused.jobs["image"].log
    runner.hub.secrets.update(SECRETS)
    run = build(runner)
    assert run.conclusion == "success", str(run)
    (image,) = runner.hub.images
    assert image.name == "registry.example.com/team/octo/customer-churn"


def test_a_private_repository_says_that_nothing_is_signed(runner: Runner) -> None:
    runner.hub.private = True
    run = build(runner)
    assert run.conclusion == "success", str(run)
    assert runner.hub.attestations == []
    (notice,) = run.jobs["image"].annotations
    assert "ATTESTATIONS" in notice
    runner.hub.variables["ATTESTATIONS"] = "on"
    build(runner)
    assert len(runner.hub.attestations) == 3


def test_a_model_that_was_never_registered_has_no_image(runner: Runner, pushed: GitHub) -> None:
    runner.hub.artifacts = [one for one in pushed.artifacts if one.name != "model-card"]
    run = build(runner)
    assert failures(run) == ["Take over the model's documents"], str(run)
    assert run.conclusions["image"] == "skipped"
    assert runner.hub.images == []
