"""canary.py with the real kubectl: what passes, what is aborted, what cannot be judged, and what is left behind."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import render
from .canary_stage import CANARY, HOST, NAMESPACE, Production, failed_checks, name_gateway, service, set_canary, using
from .emulator import Emulator
from .stage import APP, image, kill

# One cluster and one stable release for all tests of this file: they take turns in the same process.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("canary")]


# What a canary that is aborted at its first step changes: first the one of the run before loses its traffic, then its
# pods; of the two weights after that, the second takes the traffic away before the pods go.
CHANGES = ["httproutes", "deployments/scale", "httproutes", "httproutes", "deployments/scale"]


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    with Emulator() as cluster:
        production = Production(render(tmp_path_factory.mktemp("replicas")), cluster)
        production.release("1.0.0", replicas=3)
        yield production


@pytest.fixture
def production(replicas: Production) -> Iterator[Production]:
    """Return production with three stable pods, no canary and its settings as they were, before and after each test."""
    settings = replicas.project / "config" / "delivery.toml"
    kept = settings.read_bytes()
    replicas.summary.unlink(missing_ok=True)
    yield replicas
    replicas.cluster.faults.clear()
    settings.write_bytes(kept)
    if not replicas.gone:
        cleared = replicas.clear()
        assert cleared.returncode == 0, cleared.stderr
    assert replicas.gone
    if len(replicas.ready("stable")) != 3:
        replicas.scale(3)


def test_a_good_canary_passes_every_step_with_its_real_share_and_no_request_is_lost(production: Production) -> None:
    set_canary(production.project, steps="[10, 20, 50]")
    with using(production, service(production)) as users:
        done = production.canary("1.1.0")
    assert done.returncode == 0, done.stderr
    assert set(users.answers) == {"stable", "canary"}
    assert "10 %: 1 of 4 pods = 25 % (asked for 10 %)" in done.stderr
    assert "50 %: 3 of 6 pods = 50 % (asked for 50 %)" in done.stderr
    record = production.record
    assert (record["outcome"], record["action"], record["model_version"]) == ("passed", "canary", "1.1.0")
    assert record["previous"]["image"] == image("1.0.0") == record["running"]["image"]
    assert {window["step"] for window in production.windows} == {10, 50}  # 20 % is the same pod as 10 %
    assert {check["name"] for check in record["checks"]} >= {"ready", "golden set", "track"}
    assert "| 50 % | 3 of 6 pods = 50 % (asked for 50 %) |" in production.summary.read_text(encoding="utf-8")
    assert len(production.ready("canary")) == 3  # still there, for deploy.py to make it the release


@pytest.mark.parametrize(
    ("turned", "names"),
    [
        pytest.param({"errors": 0.5}, {"error ratio", "error ratio above stable"}, id="answers 5xx"),
        pytest.param({"slow_ms": 400}, {"p99 latency"}, id="becomes slow"),
        pytest.param({"shifted": 1}, {"prediction shift"}, id="predicts something else"),
        pytest.param({"crash_after": 40}, {"restarts"}, id="crashes"),
    ],
)
def test_a_canary_that_turns_bad_is_aborted(production: Production, turned: dict[str, float], names: set[str]) -> None:
    with using(production, service(production)) as users:
        done = production.turning_canary("1.2.0", **turned)
    assert done.returncode == 1, done.stderr
    if "crash_after" not in turned:  # with which whatever the canary is asked at that moment is lost
        assert set(users.answers) - {"500 from canary"} == {"stable", "canary"}
    assert failed_checks(production) >= names
    assert production.record["outcome"] == "aborted"
    assert production.record["running"]["image"] == image("1.0.0")
    assert production.gone
    assert len(production.ready("stable")) == 3


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        pytest.param({"shifted": 1}, "the smoke test of the canary failed: golden set", id="answers wrongly"),
        pytest.param({"crash": 1}, "was not rolled out", id="does not start"),
    ],
)
def test_a_canary_that_was_never_good_is_not_measured_and_explained(
    production: Production, behaviour: dict[str, int], reason: str
) -> None:
    with using(production, service(production)) as users:
        # An image of its own: a Deployment that returns to pods it once had makes no rollout, and so has no deadline.
        done = production.canary(f"1.2.1-{next(iter(behaviour))}", **behaviour)
    # As canary.py --help says: without a gateway, users meet each pod that is ready, whatever its smoke test shows.
    assert set(users.answers) == ({"stable"} if "crash" in behaviour else {"stable", "canary"})
    assert (done.returncode, production.record["outcome"]) == (1, "aborted")
    assert reason in done.stderr
    assert "### Why it failed" in production.summary.read_text(encoding="utf-8")
    assert production.windows == []
    assert production.gone


def test_without_traffic_nothing_is_known_and_the_canary_goes(production: Production) -> None:
    done = production.canary("1.3.0")
    assert done.returncode == 3, done.stderr
    assert production.record["outcome"] == "inconclusive"
    assert "canary requests 0, wanted at least 6; send more requests" in done.stderr
    assert "canary.probe.synthetic = true" in done.stderr
    assert production.gone


def test_synthetic_requests_stand_in_for_users_and_are_told_apart(production: Production) -> None:
    set_canary(production.project, synthetic="true", requests_per_second="30.0", max_prediction_shift="0.2")
    done = production.canary("1.3.1")
    assert done.returncode == 0, done.stderr
    assert production.windows[-1]["synthetic_requests"] >= 6
    assert production.record["details"]["canary"]["synthetic"] is True
    assert "synthetic)" in production.summary.read_text(encoding="utf-8")


def test_metrics_that_cannot_be_read_are_no_success(production: Production) -> None:
    production.cluster.faults.add("GET .*/metrics", status=503, times=None)
    set_canary(production.project, error_limit="1", count="4", interval_seconds="0.2")
    done = production.canary("1.3.2")
    assert done.returncode == 3, done.stderr
    assert [window["status"] for window in production.windows] == ["error", "error"]
    assert "did not tell its metrics: 503" in done.stderr
    assert production.gone


def test_a_share_that_is_too_big_is_refused_before_anything_changes(production: Production) -> None:
    production.scale(1)
    before = len(production.cluster.requests.of(verb="patch", target="deployments"))
    done = production.canary("1.4.0")
    assert done.returncode == 2
    assert (
        "1 of 2 pods = 50 % (asked for 25 %), more than canary.max_share = 34; 2 stable replicas would" in done.stderr
    )
    assert production.record["outcome"] == "refused"
    assert len(production.cluster.requests.of(verb="patch", target="deployments")) == before


def test_the_share_follows_the_autoscaler(production: Production) -> None:
    set_canary(production.project, count="100", steps="[30]")
    production.build("1.4.1")
    with using(production, service(production)), production.start(*production.order_canary("1.4.1")) as run:
        production.cluster.wait_for(lambda: len(production.ready("canary")) == 1, timeout=30)
        production.scale(5)
        assert run.stderr
        assert any("2 of 7 pods = 28.6 % (asked for 30 %)" in line for line in run.stderr)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
    assert run.returncode == 1


def test_a_canary_that_is_told_to_stop_leaves_nothing_behind(production: Production) -> None:
    set_canary(production.project, count="100")
    production.build("1.5.0")
    with production.start(*production.order_canary("1.5.0")) as run:
        production.cluster.wait_for(lambda: len(production.ready("canary")) == 1, timeout=30)
        run.send_signal(signal.SIGTERM)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "error: interrupted by SIGTERM" in err
    assert production.record["outcome"] == "aborted"
    assert production.gone


def test_what_a_killed_run_left_is_removed_by_the_next(production: Production) -> None:
    production.build("1.5.1")
    set_canary(production.project, count="100", lock_seconds="2.0")
    run = production.start(*production.order_canary("1.5.1"))
    production.cluster.wait_for(lambda: len(production.ready("canary")) == 1, timeout=30)
    kill(run)
    assert production.record["outcome"] == "started"
    left = {pod["metadata"]["name"] for pod in production.ready("canary")}
    assert left
    set_canary(production.project, count="3", lock_seconds="20.0")
    with using(production, service(production)):
        done = production.canary("1.5.2")
    assert done.returncode == 0, done.stderr
    assert f"{CANARY} was left behind by an earlier run and has been removed" in done.stderr
    assert not left & {pod["metadata"]["name"] for pod in production.cluster.pods(NAMESPACE, track="canary")}


def test_clearing_can_be_repeated_and_spares_young_and_held_canaries(production: Production) -> None:
    with using(production, service(production)):
        done = production.canary("1.6.0", "--hold", "14d")
    assert done.returncode == 0, done.stderr
    spared = production.clear("--older-than", "0m")  # what the workflow runs after each delivery
    assert (spared.returncode, "stays: held until" in spared.stdout) == (0, True)
    assert len(production.ready("canary")) == 1
    refused = production.canary("1.6.1")
    assert (refused.returncode, production.record["outcome"]) == (2, "refused")
    assert f"an experiment holds {CANARY} until" in refused.stderr
    assert "removed" in production.clear().stdout
    assert "there was none" in production.clear().stdout
    assert "there was none" in production.clear("--older-than", "0m").stdout


def test_clearing_any_age_removes_what_nothing_holds_and_a_span_spares_what_is_younger(production: Production) -> None:
    with using(production, service(production)):
        done = production.canary("1.6.2")
    assert done.returncode == 0, done.stderr
    assert f"{CANARY} stays: age" in production.clear("--older-than", "10h").stdout
    assert len(production.ready("canary")) == 1
    assert f"{CANARY}: removed" in production.clear("--older-than", "0m").stdout
    assert production.gone


def test_a_release_that_is_the_stable_one_already_needs_no_canary(production: Production) -> None:
    done = production.run(*production.order_canary("1.0.0"))
    assert (done.returncode, production.record["outcome"]) == (0, "skipped")
    assert "the stable track runs this image already" in done.stderr


def test_the_first_release_of_all_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    with Emulator() as cluster:
        production = Production(render(tmp_path), cluster)
        done = production.canary("1.0.0")
        assert (done.returncode, production.record["outcome"]) == (0, "skipped")
        assert "there is no stable release yet" in done.stderr


def test_behind_a_gateway_the_weights_rise_and_fall_back_first_and_no_request_is_lost(tmp_path: Path) -> None:
    project = render(tmp_path, traffic_split="gateway-api")
    name_gateway(project)
    with Emulator() as cluster:
        production = Production(project, cluster)
        set_canary(project, steps="[30, 60]")
        production.release("1.0.0", replicas=3)
        url = cluster.gateway(HOST)
        with using(production, url) as users:
            passed = production.canary("1.1.0")
            assert passed.returncode == 0, passed.stderr
            assert weights(production) == [40, 60]
            assert len(production.ready("canary")) == 2  # sixty percent of the work of three pods
            cluster.requests.clear()
            failed = production.turning_canary("1.2.0", errors=0.5)
        assert failed.returncode == 1, failed.stderr
        assert failed_checks(production) >= {"error ratio"}
        assert weights(production) == [100, 0]
        assert production.gone
        changes = [entry.target for entry in cluster.requests.of(verb="patch") if entry.target in CHANGES]
        assert changes == CHANGES
        assert {answer for answer in users.answers if answer not in ("stable", "canary")} == {"500 from canary"}

        with using(production, url) as users:
            refused = production.canary("1.2.1", shifted=1)
        assert "the smoke test of the canary failed: golden set" in refused.stderr
        assert set(users.answers) == {"stable"}  # the gateway sends nobody to a canary before that test


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """Return production behind a gateway with two stable pods, where a canary is tried in the shortest time."""
    project = render(tmp_path_factory.mktemp("gateway"), traffic_split="gateway-api")
    name_gateway(project)
    with Emulator() as cluster:
        production = Production(project, cluster)
        quick = {"steps": "[30, 60]", "count": "1", "interval_seconds": "0.5", "lock_seconds": "1.0"}
        few = {"synthetic": "true", "requests_per_second": "20.0", "min_requests": "3", "min_predictions": "3"}
        slow = {"max_p99_seconds": "9.0", "p99_slack_seconds": "9.0"}  # it is not about latency
        set_canary(project, **quick, **few, **slow)
        production.release("1.0.0", replicas=2)
        yield production


@pytest.mark.parametrize("seed", [0, 1, 3, 5])  # which lie apart
def test_wherever_a_canary_is_killed_the_next_command_leaves_one_of_two_good_states(
    gateway: Production, seed: int
) -> None:
    """The moment is counted in requests, so that it lies anywhere from the first look to the last weight."""
    chance = random.Random(seed)
    gateway.build("1.1.0")
    point = chance.randrange(5, 240)  # a whole run makes about 240
    hang = gateway.cluster.faults.pause(point)
    with gateway.start(*gateway.order_canary("1.1.0")) as run:
        while not hang.reached.wait(0.05) and run.poll() is None:
            continue
        kill(run)
    gateway.cluster.faults.clear()
    if again := chance.random() < 0.5:
        done = gateway.run(*gateway.order_canary("1.1.0"))
        assert (done.returncode, weights(gateway)) == (0, [40, 60]), done.stderr
        assert len(gateway.ready("canary")) == 2
    done = gateway.clear("--older-than", "0m")  # what the workflow does after each delivery
    assert done.returncode == 0, done.stderr
    assert ("removed" in done.stdout) >= again
    assert weights(gateway) == [100, 0], f"request {point}"
    assert gateway.gone
    images = {pod["spec"]["containers"][0]["image"] for pod in gateway.ready("stable")}
    assert (images, len(gateway.ready("stable"))) == ({image("1.0.0")}, 2)


def weights(production: Production) -> list[int]:
    route = production.cluster.object("HTTPRoute", NAMESPACE, APP)
    return [backend["weight"] for backend in route["spec"]["rules"][1]["backendRefs"]]
