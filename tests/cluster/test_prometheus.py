"""canary.py and analyze_ab.py by the counters of a real Prometheus, which reads the pods of both tracks.

Where TEMPLATE_REQUIRE_PROMETHEUS is set a machine without Prometheus is a failure; elsewhere these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..conftest import render
from ..manifests.rendering import choose_the_operator
from . import monitoring
from .canary_stage import CANARY, NAMESPACE, Production, failed_checks, service, set_canary, using
from .emulator import Emulator
from .stage import APP, until
from .test_ab import ROW, ask, tell

# One cluster, one Prometheus and one stable release for all tests of this file: they take turns in the same process.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("prometheus")]

SETTINGS = {  # as config/delivery.toml says of scrape intervals; a new pod may take Prometheus ten windows to find
    "initial_delay_seconds": f"{2 * monitoring.INTERVAL}",
    "interval_seconds": f"{4 * monitoring.INTERVAL}",
    "count": "6",
    "error_limit": "12",
}


@dataclass(frozen=True)
class Measured:
    """Production, and what finds its pods for Prometheus."""

    production: Production
    discovery: monitoring.Discovery


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    monitoring.needs_prometheus()
    project = render(tmp_path_factory.mktemp("measured"))
    choose_the_operator(project)
    with Emulator() as cluster:
        production = Production(project, cluster)
        set_canary(project, **SETTINGS)
        name_prometheus(project)
        let_in(production)
        production.release("1.0.0", replicas=3)
        yield Measured(production, monitoring.install(cluster, cluster.object("PodMonitor", NAMESPACE, APP)))


def name_prometheus(project: Path) -> None:
    """Uncomment what config/delivery.toml has for it."""
    path = project / "config" / "delivery.toml"
    head, found, section = path.read_text(encoding="utf-8").partition("# [canary.prometheus]")
    path.write_text(head + (found + section).replace("# ", ""), encoding="utf-8")


def let_in(production: Production) -> None:
    """Give the deployer the right that k8s/README.md tells an administrator to give."""
    cluster = production.cluster
    cluster.create_namespace(monitoring.NAMESPACE)
    page = (production.project / "k8s" / "README.md").read_text(encoding="utf-8").replace("\\\n", "")
    commands = re.findall(r"^\$ kubectl (--namespace monitoring create role.*)", page, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        words = command.replace("--user=DEPLOYER", f"--serviceaccount={NAMESPACE}:deployer")
        made = cluster.kubectl(*shlex.split(words), "--dry-run=client", "--output=yaml")
        assert made.returncode == 0, made.stderr
        cluster.apply(made.stdout, monitoring.NAMESPACE)


@pytest.fixture
def measured(installed: Measured) -> Iterator[Measured]:
    """Return production with three stable pods, no canary, and a Prometheus that finds every pod, before and after."""
    settings = installed.production.project / "config" / "delivery.toml"
    kept = settings.read_bytes()
    yield installed
    installed.discovery.blind = False
    settings.write_bytes(kept)
    if not installed.production.gone:
        cleared = installed.production.clear()
        assert cleared.returncode == 0, cleared.stderr


@pytest.fixture
def production(measured: Measured) -> Production:
    return measured.production


def test_a_good_canary_passes_and_stable_pods_that_restart_vanish_or_come_bring_no_past(production: Production) -> None:
    restarting, vanishing, _ = (pod["metadata"]["name"] for pod in production.ready("stable"))
    for _ in range(100):
        ask(production, f"{APP}-stable", "/predict", {"rows": [ROW]})
    production.build("1.1.0")
    with using(production, service(production)) as users, production.start(*production.order_canary("1.1.0")) as run:
        assert run.stderr
        next(line for line in run.stderr if "requests to the canary" in line)
        os.kill(production.cluster.processes(restarting)[0], signal.SIGKILL)
        production.cluster.kubectl("-n", NAMESPACE, "delete", f"pod/{vanishing}", "--wait=false")
        _, told = run.communicate(timeout=60)
    assert run.returncode == 0, told
    seen = [window["stable"]["requests"] for window in production.windows if window["status"] == "passed"]
    assert 0 < sum(seen) <= sum(users.answers.values())


@pytest.mark.parametrize(
    ("turned", "names"),
    [
        pytest.param({"errors": 0.5}, {"error ratio", "error ratio above stable"}, id="answers 5xx"),
        pytest.param({"slow_ms": 400}, {"p99 latency"}, id="becomes slow"),
        pytest.param({"shifted": 1}, {"prediction shift"}, id="predicts something else"),
    ],
)
def test_a_canary_that_turns_bad_is_aborted(production: Production, turned: dict[str, float], names: set[str]) -> None:
    with using(production, service(production)):
        done = production.turning_canary("1.2.0", **turned)
    assert done.returncode == 1, done.stderr
    assert failed_checks(production) >= names
    assert production.record["outcome"] == "aborted"
    assert production.gone


def test_without_traffic_nothing_is_known_and_the_canary_goes(production: Production) -> None:
    set_canary(production.project, count="4")
    done = production.canary("1.3.0")
    assert done.returncode == 3, done.stderr
    assert production.record["outcome"] == "inconclusive"
    assert "canary requests 0, wanted at least 6; send more requests" in done.stderr
    assert production.gone


def test_a_canary_that_prometheus_does_not_find_is_no_canary_without_errors(measured: Measured) -> None:
    production = measured.production
    set_canary(production.project, error_limit="2", interval_seconds="0.2")
    measured.discovery.blind = True
    with using(production, service(production)):
        done = production.turning_canary("1.3.1", errors=1)
    assert done.returncode == 3, done.stderr
    assert {window["status"] for window in production.windows} == {"error"}
    assert re.search(rf"Prometheus has no series of pod/{CANARY}-\S+, which is ready; see its targets", done.stderr)
    assert production.gone


def test_an_ab_test_counts_every_outcome_of_its_time_and_none_before(production: Production) -> None:
    tell(production, f"{APP}-stable", f"{APP}-stable", correct=40, wrong=0)  # A's past, which is none of B's affair
    until(lambda: outcomes(production) == 40)
    begun = time.monotonic()
    production.act("1.4.0")
    with using(production, service(production)):
        held = production.run(*production.order_canary("1.4.0", "--hold", "14d"))
    assert held.returncode == 0, held.stderr
    tell(production, CANARY, f"{APP}-stable", correct=54, wrong=6)
    tell(production, f"{APP}-stable", f"{APP}-stable", correct=30, wrong=30)
    until(lambda: outcomes(production) == 160)
    span = f"{int(time.monotonic() - begun)}s"  # rounded up it would reach to before A's past was read
    done = production.run("analyze_ab.py", "production", "--since", span, "--minimum-difference", "0.3")
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads((production.project / "artifacts" / "ab-test.json").read_text(encoding="utf-8"))
    assert (report["outcomes_a"], report["outcomes_b"]) == (60, 60)
    assert (report["a"], report["b"]) == (0.5, 0.9)


def outcomes(production: Production) -> float:
    """Return how many outcomes Prometheus knows of."""
    return sum(monitoring.ask(production.cluster, "model_feedback_total"))
