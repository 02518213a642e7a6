"""`smoke_test.py` through the API server's proxy and straight at a service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import render

from .emulator import Emulator
from .stage import APP, NAMESPACE, Stage, quicken


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    project = render(tmp_path)
    quicken(project)
    with Emulator() as cluster:
        yield Stage(project, cluster)


def report(stage: Stage) -> dict[str, Any]:
    return dict(json.loads((stage.project / "artifacts" / "smoke.json").read_text(encoding="utf-8")))


def failed(stage: Stage) -> list[str]:
    return [check["name"] for check in report(stage)["checks"] if not check["passed"]]


def test_the_right_model_passes_through_the_proxy_and_a_load_test_tells_its_latencies(stage: Stage) -> None:
    stage.installed("1.0.0")
    done = stage.run("smoke_test.py", "staging", "--model", str(stage.models["1.0.0"]), "--load", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ golden set: 8 of 8 rows alike\n" in done.stdout and "✗" not in done.stdout
    seen = report(stage)
    assert (seen["format"], seen["passed"], seen["version"]) == ("smoke/1", True, "1.0.0")
    assert seen["load"]["requests"] > 10 and seen["load"]["errors"] == 0
    assert 0 < seen["load"]["p50_ms"] <= seen["load"]["p95_ms"] <= seen["load"]["p99_ms"]
    assert "Smoke test of staging (stable), customer-churn 1.0.0: passed" in stage.summary.read_text(encoding="utf-8")


def test_an_address_is_asked_without_a_cluster(stage: Stage) -> None:
    stage.installed("1.0.0")
    url = stage.cluster.service_url(NAMESPACE, APP)
    done = stage.run("smoke_test.py", "--url", url, "--model", str(stage.models["1.0.0"]), kubeconfig=Path("/nowhere"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert report(stage)["target"] == url


@pytest.mark.parametrize(
    ("behaviour", "checks"),
    [
        ({"shifted": 1}, ["golden set", "load: errors"]),
        ({"slow_ms": 60}, ["latency", "load: p95"]),
        ({"errors": 0.3}, ["load: errors"]),
    ],
    ids=["wrong answers", "slow", "errors"],
)
def test_what_is_wrong_is_named(stage: Stage, behaviour: dict[str, Any], checks: list[str]) -> None:
    stage.installed("1.0.0", **behaviour)
    config = stage.project / "config" / "delivery.toml"
    text = config.read_text(encoding="utf-8")
    if "slow_ms" in behaviour:
        text = text.replace("latency_ms = 5000.0", "latency_ms = 50.0").replace("p95_ms = 1000.0", "p95_ms = 50.0")
    config.write_text(text, encoding="utf-8")
    url = stage.cluster.service_url(NAMESPACE, APP)
    done = stage.run("smoke_test.py", "--url", url, "--model", str(stage.models["1.0.0"]), "--load", "1")
    assert done.returncode == 1
    assert set(checks) <= set(failed(stage))
    for name in checks:
        assert f"✗ {name}: " in done.stdout and ", wanted " in done.stdout


def test_another_model_than_the_one_that_was_built_is_found_out(stage: Stage) -> None:
    stage.installed("1.0.0")
    stage.build("2.0.0")
    done = stage.run("smoke_test.py", "staging", "--model", str(stage.models["2.0.0"]))
    assert done.returncode == 1
    assert "✗ model version: 1.0.0, wanted 2.0.0\n" in done.stdout
    assert "model sha256" in failed(stage)


def test_a_track_without_pods_is_not_ready_and_nothing_else_is_asked(stage: Stage) -> None:
    stage.installed("1.0.0")
    config = stage.project / "config" / "delivery.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("ready_seconds = 10.0", "ready_seconds = 0.5"), encoding="utf-8")
    done = stage.run("smoke_test.py", "staging", "--track", "canary", "--model", str(stage.models["1.0.0"]))
    assert done.returncode == 1
    assert [check["name"] for check in report(stage)["checks"]] == ["ready"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name an environment or --url, one of them"),
        (["staging", "--url", "http://127.0.0.1:1"], "name an environment or --url, one of them"),
        (["stagin"], "environment 'stagin' is not in config/delivery.toml; did you mean 'staging'?"),
        (["--url", "127.0.0.1:8080"], "'127.0.0.1:8080' is not an address such as http://127.0.0.1:8080"),
        (["staging", "--load", "-1"], "--load is -1, wanted 0 or more seconds"),
    ],
    ids=["neither", "both", "unknown environment", "no scheme", "negative load"],
)
def test_misuse_is_one_error_line(stage: Stage, arguments: list[str], words: str) -> None:
    stage.build("1.0.0")
    done = stage.run("smoke_test.py", *arguments, "--model", str(stage.models["1.0.0"]))
    assert (done.returncode, done.stderr) == (2, f"error: {words}\n")
