"""An image is built from what was exported and nothing else, and a workflow gets a plan that it can push."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import build_image
import pytest
import setup_environment

MODEL = b"a model"
DIGEST = hashlib.sha256(MODEL).hexdigest()
EXPORT: dict[str, Any] = {"format": "export/1", "runtime": "onnx", "model": {"file": "model.onnx", "sha256": DIGEST}}
METADATA: dict[str, Any] = {
    "format": "metadata/1",
    "identity": {"name": "churn", "version": "1.2.0", "run_id": "r1"},
    "training": {"created": "2026-01-02T03:04:05+00:00"},
    "lineage": {"contract": {"digest": "c" * 64}},
    "environment": {"python": "3.12.10", "packages": {}},
}
WORKFLOW = {
    "GITHUB_REPOSITORY": "Acme/churn",
    "GITHUB_REPOSITORY_OWNER": "Acme",
    "GITHUB_SHA": "f" * 40,
    "GITHUB_RUN_ID": "4711",
    "GITHUB_RUN_ATTEMPT": "2",
}
SECRETS = {"REGISTRY_USERNAME": "robot", "REGISTRY_PASSWORD": "set"}
Docker = Callable[[int], Path]


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an exported folder where the script looks for it, outside of Git and of any workflow."""
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "REGISTRY"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "artifacts" / "serving"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(MODEL)
    put(folder, EXPORT, METADATA)
    return folder


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """Return a function that puts a docker on the PATH, which notes its words and ends with a code."""

    def make(code: int) -> Path:
        said, program = tmp_path / "said", tmp_path / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{said}"\nexit {code}\n', encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        return said

    return make


def put(folder: Path, export: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Write the two documents that the script reads."""
    (folder / "export.json").write_text(json.dumps(export), encoding="utf-8")
    (folder / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")


def planned(folder: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, str]:
    """Return what a workflow with these variables is handed, by the rules that GitHub reads it by."""
    output = folder / "output"
    for name, value in {**WORKFLOW, **variables, "GITHUB_OUTPUT": str(output)}.items():
        monkeypatch.setenv(name, value)
    assert build_image.main(["--plan"]) == 0
    blocks = output.read_text(encoding="utf-8").split("\nEND-OF-VALUE\n")[:-1]
    return dict(block.split("<<END-OF-VALUE\n", maxsplit=1) for block in blocks)


def test_the_build_is_told_the_python_the_runtime_and_the_labels(serving: Path, docker: Docker) -> None:
    said = docker(0)
    assert build_image.main(["--image", "churn:try"]) == 0
    assert said.read_text(encoding="utf-8").splitlines() == [
        "buildx", "build", "--load", "--build-arg=PYTHON=3.12", "--build-arg=RUNTIME=onnx",
        f"--label=org.opencontainers.image.title={build_image.SLUG}",
        "--label=org.opencontainers.image.version=1.2.0",
        "--label=org.opencontainers.image.created=2026-01-02T03:04:05+00:00",
        f"--label=org.opencontainers.image.source={build_image.SOURCE}",
        "--label=org.opencontainers.image.revision=unknown",
        "--label=ml.model.name=churn",
        "--label=ml.model.run-id=r1",
        f"--label=ml.model.sha256={DIGEST}",
        f"--label=ml.model.contract-digest={'c' * 64}",
        "--tag=churn:try", ".",
    ]  # fmt: skip


def test_every_python_that_setup_offers_has_a_base_image() -> None:
    dockerfile = (Path(__file__).parents[1] / "Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM python:(\S+)-slim\S* AS python-\1$", dockerfile, re.MULTILINE)
    assert sorted(bases) == sorted(setup_environment.SUPPORTED)


def test_a_failed_build_is_an_answer_not_a_misuse(
    serving: Path, docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    docker(3)
    assert build_image.main([]) == 1
    assert capsys.readouterr().err.endswith("failed with exit code 3 (see above)\n")


def test_a_docker_without_the_plugin_that_builds_is_told(
    serving: Path, docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    docker(125)
    assert build_image.main([]) == 1
    assert "`docker buildx version` tells whether the plugin is there" in capsys.readouterr().err


def test_a_workflow_is_handed_a_name_that_a_registry_accepts(serving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(serving, monkeypatch)
    name = f"ghcr.io/acme/{build_image.SLUG}"
    assert (plan["registry"], plan["name"]) == ("ghcr.io", name)
    assert plan["build-args"].splitlines() == ["PYTHON=3.12", "RUNTIME=onnx"]
    assert plan["tag"] == f"{name}:1.2.0-4711.2"
    labels = dict(line.split("=", maxsplit=1) for line in plan["labels"].splitlines())
    assert labels["org.opencontainers.image.revision"] == "f" * 40
    assert labels["org.opencontainers.image.source"] == "https://github.com/Acme/churn"


def test_another_registry_keeps_its_path(serving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(serving, monkeypatch, REGISTRY="registry.example.com/team/Models", **SECRETS)
    assert plan["registry"] == "registry.example.com"
    assert plan["name"] == f"registry.example.com/team/models/acme/{build_image.SLUG}"


def test_a_plan_outside_of_a_workflow_is_a_misuse(serving: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build_image.main(["--plan"]) == 2
    assert "leave it out to build the image here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param({"REGISTRY": "registry.example.com"}, "set the secrets REGISTRY_USERNAME", id="nobody logs in"),
        pytest.param({"REGISTRY": "r.example.com", "REGISTRY_USERNAME": "robot"}, "set the secrets", id="no password"),
        pytest.param(SECRETS | {"REGISTRY_USERNAME": "acme"}, "would therefore withhold", id="a name that is masked"),
    ],
)
def test_a_push_that_cannot_work_is_refused_before_the_build(
    serving: Path,
    variables: dict[str, str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {**WORKFLOW, **variables, "GITHUB_OUTPUT": str(serving / "output")}.items():
        monkeypatch.setenv(name, value)
    assert build_image.main(["--plan"]) == 2
    assert message in capsys.readouterr().err
    assert not (serving / "output").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda folder: (folder / "export.json").unlink(), "run 'make export' first", id="no export"),
        pytest.param(lambda folder: (folder / "metadata.json").write_text("{"), "cannot be read as JSON", id="cut off"),
        pytest.param(lambda folder: (folder / "model.onnx").unlink(), "model.onnx: No such file", id="no model"),
        pytest.param(lambda folder: (folder / "model.onnx").write_bytes(b"?"), f"wanted {DIGEST}", id="another model"),
        pytest.param(lambda folder: put(folder, EXPORT | {"runtime": "x"}, METADATA), "onnx or skops", id="runtime"),
        pytest.param(lambda folder: put(folder, EXPORT | {"format": "export/2"}, METADATA), "'export/1'", id="format"),
    ],
)
def test_without_a_sound_export_nothing_is_built(
    serving: Path,
    docker: Docker,
    spoil: Callable[[Path], object],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = docker(0)
    spoil(serving)
    assert build_image.main([]) == 2
    assert message in capsys.readouterr().err
    assert not said.exists()


def test_without_docker_it_says_what_to_install(
    serving: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(serving))
    assert build_image.main([]) == 2
    assert "error: docker is not installed" in capsys.readouterr().err
