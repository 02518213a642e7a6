"""The image of a generated project, built and run by a real engine, hardened as in the cluster.

Where TEMPLATE_REQUIRE_DOCKER is set an engine that does not answer is a failure; elsewhere these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from .conftest import ROOT
from .engine import Container, Image, docker, logs, make, missing, registered, running
from .tools import installed

pytestmark = [pytest.mark.slow, pytest.mark.container, pytest.mark.xdist_group("image")]

RUNTIMES = ("onnx", "skops")
READY = "/v2/health/ready"
# What a running service has no use for; scikit-learn and what it stands on are the skops runtime itself.
TOOLS = ("pip", "uv", "gcc", "cc", "make", "git", "curl")
TRAINING = ("ensurepip", "pip", "setuptools", "uv", "mlflow", "matplotlib", "pyarrow", "sqlalchemy", "alembic", "onnx")
PIPELINE = ("pandas", "scipy", "sklearn", "skops")
MEGABYTE = 1_000_000
COUNT = ("--max-examples=40", "--seed=1")  # of requests to each route; about 1,100 in all


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    """Need an engine that can build and run."""
    if (lacking := missing()) and os.environ.get("TEMPLATE_REQUIRE_DOCKER"):
        pytest.fail(f"{lacking}, and TEMPLATE_REQUIRE_DOCKER asks for it")
    elif lacking:
        pytest.skip(lacking)


@pytest.fixture(scope="module")
def project(_engine: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a small registered model."""
    return registered(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def images(project: Path) -> Iterator[Mapping[str, Image]]:
    """Return the image of each runtime; the folder of the ONNX model is the one that stays in the project."""
    made = {}
    for runtime in reversed(RUNTIMES):
        make(project, "export", f"RUNTIME={runtime}")
        name = f"{project.name}:test-{runtime}-{os.getpid()}"
        make(project, "image", f"IMAGE={name}")
        kept = shutil.copytree(project / "artifacts" / "serving", project / f"serving-{runtime}")
        made[runtime] = Image(runtime, name, kept)
    yield made
    docker("image", "rm", "--force", *(image.name for image in made.values()))


@pytest.fixture(scope="module", params=RUNTIMES)
def image(request: pytest.FixtureRequest, images: Mapping[str, Image]) -> Image:
    """Return the image of one runtime."""
    return images[request.param]


@pytest.fixture(scope="module")
def containers(images: Mapping[str, Image]) -> Iterator[Mapping[str, Container]]:
    """Return a running container of each runtime."""
    with running(images["onnx"]) as onnx, running(images["skops"]) as skops:
        yield {"onnx": onnx, "skops": skops}


@pytest.fixture
def container(image: Image, containers: Mapping[str, Container]) -> Container:
    """Return the running container of the image."""
    return containers[image.runtime]


def test_the_engine_finds_the_container_healthy_without_help(container: Container) -> None:
    state = container.state()
    assert (state["Running"], state["Health"]["Status"]) == (True, "healthy")
    assert container.ask(READY)[0] == 200


def test_golden_rows_are_answered_as_in_training(image: Image, container: Container) -> None:
    golden = image.read("golden.json")
    status, answer = container.ask("/predict", {"rows": golden["rows"]})
    assert status == 200, answer
    assert answer["version"] == image.read("metadata.json")["identity"]["version"]
    assert [one["prediction"] for one in answer["predictions"]] == golden["predictions"]
    shares = [list(one["probabilities"].values()) for one in answer["predictions"]]
    for seen, wanted in zip(shares, golden["probabilities"], strict=True):
        assert seen == pytest.approx(wanted, rel=0, abs=golden["tolerance"])


def test_both_runtimes_answer_alike(images: Mapping[str, Image], containers: Mapping[str, Container]) -> None:
    rows = images["onnx"].read("golden.json")["rows"]
    onnx, skops = (containers[runtime].ask("/predict", {"rows": rows})[1] for runtime in RUNTIMES)
    assert len(rows) > 20
    for seen, wanted in zip(onnx["predictions"], skops["predictions"], strict=True):
        assert seen["prediction"] == wanted["prediction"]
        assert seen["probabilities"] == pytest.approx(wanted["probabilities"], rel=0, abs=1e-6)


def test_the_three_protocols_agree(image: Image, container: Container) -> None:
    rows = image.read("golden.json")["rows"][:3]
    own = [one["prediction"] for one in container.ask("/predict", {"rows": rows})[1]["predictions"]]

    status, invoked = container.ask("/invocations", {"dataframe_records": rows})
    assert status == 200, invoked
    assert [one["prediction"] if isinstance(one, dict) else one for one in invoked["predictions"]] == own

    model = f"/v2/models/{image.read('metadata.json')['identity']['name']}"
    inputs = [
        {**column, "shape": [len(rows)], "data": [row[column["name"]] for row in rows]}
        for column in container.ask(model)[1]["inputs"]
    ]
    status, inferred = container.ask(f"{model}/infer", {"inputs": inputs})
    assert status == 200, inferred
    assert next(one["data"] for one in inferred["outputs"] if one["name"] == "prediction") == own


def test_bad_input_is_refused_by_column(image: Image, container: Container) -> None:
    row = {**image.read("golden.json")["rows"][0], "region": "moon"}
    status, answer = container.ask("/predict", {"rows": [row]})
    assert status == 422
    assert [(one["row"], one["column"], one["value"]) for one in answer["detail"]] == [(0, "region", "moon")]


def test_no_request_within_or_beyond_the_description_makes_it_fail_or_grow(
    image: Image, tmp_path_factory: pytest.TempPathFactory
) -> None:
    command = installed("schemathesis", tmp_path_factory.mktemp("schemathesis"))
    settings = (f"--config-file={ROOT / 'tests/schemathesis.toml'}", "--no-color")
    with running(image, FEEDBACK_KEY="a key of this test", LOG_LEVEL="error") as container:
        url = f"http://{container.address}/openapi.json"
        words = [str(command), *settings, "run", url, "--phases=examples,coverage,fuzzing", *COUNT]
        before = container.memory()
        done = subprocess.run(words, cwd=command.parent, capture_output=True, text=True, check=False)
        print(*re.findall(r"\d+ generated.*|Seed: \d+", done.stdout), sep=", ")
        assert done.returncode == 0, done.stdout
        assert container.memory() < before + (16 << 10)


def test_make_smoke_accepts_the_running_image(
    project: Path, images: Mapping[str, Image], containers: Mapping[str, Container]
) -> None:
    said = make(project, "smoke", f"URL=http://{containers['onnx'].address}")
    assert "golden set: 32 of 32 rows alike" in said


def test_the_process_has_no_rights(container: Container) -> None:
    status = docker("exec", container.name, "cat", "/proc/1/status")
    found = dict(line.split(":\t", maxsplit=1) for line in status.splitlines())
    assert found["Uid"].split() == ["10001"] * 4
    assert found["Gid"].split() == ["10001"] * 4
    assert int(found["CapEff"], 16) == int(found["CapBnd"], 16) == 0
    assert found["NoNewPrivs"] == "1"


@pytest.mark.parametrize("folder", ["/app", "/model", "/opt/venv", "/usr/local/lib"])
def test_its_files_belong_to_somebody_else(image: Image, folder: str) -> None:
    writable = "import os, sys; print([f for f, _, _ in os.walk(sys.argv[1]) if os.access(f, os.W_OK)])"
    words = ("run", "--rm", "--network=none", "--entrypoint=python", image.name, "-IS", "-c", writable, folder)
    assert docker(*words) == "[]"


def test_nothing_says_more_than_the_service_itself(container: Container) -> None:
    """ONNX Runtime reports to its maker unless it is told not to; on a read-only disk its log gives that away."""
    lines = logs(container.name).splitlines()
    assert lines
    assert [line for line in lines if not line.startswith("{")] == []
    assert "ORT_DISABLE_TELEMETRY=1" in docker("exec", container.name, "env").splitlines()


def test_the_image_says_what_it_holds(project: Path, image: Image) -> None:
    config = image.config()["Config"]
    exported, metadata = image.read("export.json"), image.read("metadata.json")
    identity = metadata["identity"]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True)
    assert config["Labels"] == {
        "org.opencontainers.image.title": "customer-churn",
        "org.opencontainers.image.version": identity["version"],
        "org.opencontainers.image.created": metadata["training"]["created"],
        "org.opencontainers.image.source": "https://github.com/example-org/customer-churn",
        "org.opencontainers.image.revision": f"{commit.stdout.strip()}-dirty",
        "ml.model.name": identity["name"],
        "ml.model.run-id": identity["run_id"],
        "ml.model.sha256": exported["model"]["sha256"],
        "ml.model.contract-digest": metadata["lineage"]["contract"]["digest"],
    }
    assert exported["runtime"] == image.runtime
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["python", "-m", "customer_churn.serving"]
    assert list(config["ExposedPorts"]) == ["8080/tcp"]


def test_its_python_is_the_one_that_trained(image: Image) -> None:
    trained = image.read("metadata.json")["environment"]["python"]
    serves = docker("run", "--rm", "--network=none", "--entrypoint=python", image.name, "--version")
    assert serves.split()[1].split(".")[:2] == trained.split(".")[:2]


def test_nothing_is_left_that_installs_builds_or_trains(image: Image) -> None:
    unwanted = [*TRAINING, *(PIPELINE if image.runtime == "onnx" else ["onnxruntime"])]
    assert image.finds(unwanted, TOOLS) == []


def test_the_images_are_small(images: Mapping[str, Image]) -> None:
    added = {}
    for runtime, image in images.items():
        parts = image.copied()
        added[runtime] = sum(parts.values())
        print(f"{runtime}:", ", ".join(f"{path} {size / MEGABYTE:.1f} MB" for path, size in parts.items()))
    assert list(images["onnx"].copied()) == ["/opt/venv", "/app", "/model"]
    assert added["onnx"] < 190 * MEGABYTE
    assert added["onnx"] < added["skops"] < 320 * MEGABYTE


def test_another_model_changes_the_last_layer_alone(project: Path, images: Mapping[str, Image]) -> None:
    card = project / "artifacts" / "serving" / "MODEL_CARD.md"
    card.write_text(card.read_text() + "\nA newer model.\n")
    newer = Image("onnx", f"{images['onnx'].name}-newer", card.parent)
    make(project, "image", f"IMAGE={newer.name}")
    try:
        assert newer.layers()[:-1] == images["onnx"].layers()[:-1]
        assert newer.layers()[-1] != images["onnx"].layers()[-1]
    finally:
        docker("image", "rm", "--force", newer.name)


def test_a_request_that_is_under_way_is_answered_before_the_end(image: Image) -> None:
    body = json.dumps({"rows": image.read("golden.json")["rows"]}).encode()
    with running(image) as container:
        host, _, port = container.address.partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")  # the service waits for the body
            docker("kill", "--signal=TERM", container.name)
            last = time.monotonic() + 10
            while container.ask(READY)[0] == 200:
                assert time.monotonic() < last, "the service takes no notice of SIGTERM"
            connection.sendall(body)
            answered = connection.recv(1 << 20)
        assert answered.startswith(b"HTTP/1.1 200 "), answered
        assert docker("wait", container.name) == "0"
