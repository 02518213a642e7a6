"""`rollback.py` with the real kubectl against an emulated cluster."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import render

from .canary_stage import NAMESPACE as PRODUCTION
from .canary_stage import Production, name_gateway
from .emulator import Emulator
from .load import Traffic
from .stage import APP, NAMESPACE, Stage, image, kill, quicken, until


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    project = render(tmp_path)
    quicken(project)
    with Emulator() as cluster:
        yield Stage(project, cluster)


def test_the_release_before_comes_back_and_its_model_is_named_for_the_registry(stage: Stage) -> None:
    before = stage.build("1.0.0")
    bad = stage.installed("2.0.0", previous="1.0.0")
    with Traffic(stage.cluster.service_url(NAMESPACE, APP)) as traffic:
        done = stage.rollback()
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"staging runs {before}, model 1.0.0\n"
    assert stage.settled(before)()
    assert traffic.answered > 10 and traffic.lost == []
    record = stage.record
    assert (record["action"], record["outcome"], record["reason"]) == ("rollback", "deployed", "too many complaints")
    assert record["running"] == {"image": before, "model_version": "1.0.0", "run_id": "run-1.0.0"}
    assert record["previous"]["image"] == bad
    digest = before.partition("@")[2]
    assert stage.output.read_text(encoding="utf-8") == f"model-version=1.0.0\ndigest={digest}\n"
    again = stage.rollback()
    assert again.returncode == 2
    assert f"error: nothing to go back to from {before}: a rollback led to it; name a release with --to" in again.stderr
    assert stage.record["outcome"] == "refused"


@pytest.mark.parametrize("first", [True, False], ids=["the first release", "nothing"])
def test_with_nothing_before_nothing_is_changed(stage: Stage, *, first: bool) -> None:
    if first:
        stage.installed("1.0.0")
    done = stage.rollback()
    assert done.returncode == 2
    assert ("it is the first release" if first else "nothing was ever deployed here") in done.stderr
    assert not first or stage.settled(image("1.0.0"))()


@pytest.mark.slow
def test_any_release_can_be_named_by_its_digest_and_says_itself_which_model_it_is(stage: Stage) -> None:
    """Whoever compares the next model with the one that runs finds it in the notes."""
    older = stage.build("0.5.0")
    stage.installed("2.0.0", previous="1.0.0")
    done = stage.rollback("--to", older)
    assert done.returncode == 0, done.stderr
    assert stage.settled(older)()
    assert stage.record["running"] == {"image": older, "model_version": "0.5.0", "run_id": "run-0.5.0"}
    for which in ("", "verified-"):
        noted = [stage.notes.get(f"{which}{key}") for key in ("image", "model-version", "run-id")]
        assert noted == [older, "0.5.0", "run-0.5.0"]
    fields = stage.deployment["metadata"]["managedFields"]
    noting = [one for one in fields if "f:release/verified-image" in json.dumps(one["fieldsV1"])]
    assert [(one["manager"], one["operation"]) for one in noting] == [("github-actions", "Apply")]
    stage.build("2.1.0")
    metadata = stage.models["2.1.0"] / "metadata.json"
    compared = json.loads(metadata.read_text(encoding="utf-8")) | {"performance": {"champion": {"version": "0.5.0"}}}
    metadata.write_text(json.dumps(compared), encoding="utf-8")
    accepted = stage.run("check_champion.py", "staging", "--model", str(stage.models["2.1.0"]))
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr


def test_a_rollback_that_was_killed_is_finished_by_the_next(stage: Stage) -> None:
    before = stage.build("1.0.0", start_ms=1000)
    stage.installed("2.0.0", previous="1.0.0")
    with stage.start("rollback.py", "staging", "--reason", "slow") as process:
        until(lambda: stage.running == before)
        kill(process)
    done = stage.rollback()
    assert done.returncode == 0, done.stderr
    assert stage.settled(before)()
    assert stage.notes["verified-image"] == before and "previous-image" not in stage.notes


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2, 5, 9])  # which lie apart
def test_wherever_a_rollback_is_killed_the_next_one_ends_at_the_release_before(stage: Stage, seed: int) -> None:
    before = stage.build("1.0.0")
    stage.installed("2.0.0", previous="1.0.0")
    point = random.Random(seed).randrange(5, 105)  # a whole run makes about 105
    hang = stage.cluster.faults.pause(point)
    with stage.start("rollback.py", "staging", "--reason", "too many complaints") as process:
        while not hang.reached.wait(0.05) and process.poll() is None:
            continue
        kill(process)
    stage.cluster.faults.clear()
    done = stage.rollback()
    refused = done.returncode == 2 and f"nothing to go back to from {before}: a rollback led to it" in done.stderr
    assert done.returncode == 0 or refused, done.stderr
    assert stage.settled(before)(), f"request {point}"
    assert stage.notes["image"] == stage.notes["verified-image"] == before


@pytest.mark.slow
def test_manifests_that_the_cluster_refuses_do_not_keep_the_release_before_away(stage: Stage) -> None:
    before = stage.installed("1.0.0")
    stage.deployed("2.0.0")
    stage.ask_for_privileges()
    done = stage.rollback()
    assert done.returncode == 0, done.stderr
    assert stage.settled(before)()
    assert stage.record["details"] == {"by": "as the cluster kept it"}


@pytest.mark.slow
def test_the_release_before_comes_back_with_its_settings_and_a_canarys_traffic_goes_first(tmp_path: Path) -> None:
    project = render(tmp_path, traffic_split="gateway-api")
    name_gateway(project)
    with Emulator() as cluster:
        stage = Production(project, cluster)
        stage.release("1.0.0", replicas=1)
        pods = cluster.object("Deployment", PRODUCTION, APP)["spec"]["template"]
        stage.release("2.0.0", replicas=1)
        settings = project / "k8s" / "base" / "config.env"
        settings.write_text(settings.read_text(encoding="utf-8") + "STAND_IN_ERRORS=1\n", encoding="utf-8")
        leave_a_canary(stage)
        cluster.requests.clear()
        done = stage.run("rollback.py", "production", "--reason", "too many complaints")
        assert done.returncode == 0, done.stderr
        assert cluster.object("Deployment", PRODUCTION, APP)["spec"]["template"] == pods
        assert stage.gone
        deployer = f"system:serviceaccount:{PRODUCTION}:deployer"
        changed = [entry.target for entry in cluster.requests.of(user=deployer, verb="patch", code=200)]
        assert [one for one in changed if one in ("httproutes", "deployments/scale")] == [
            "httproutes",
            "deployments/scale",
        ], "a share of the traffic that meets no pod would be answered 503"


def leave_a_canary(stage: Production) -> None:
    """Give a canary half of the traffic, as a run that was killed leaves it."""
    overlay = stage.project / "k8s" / "overlays" / "production-canary"
    rendered = stage.cluster.kubectl("kustomize", str(overlay)).stdout
    stage.cluster.apply(rendered.replace(f"image: {APP}\n", f"image: {image('2.0.0')}\n"))
    stage.cluster.wait_for(lambda: bool(stage.ready("canary")))
    weights = [{"op": "replace", "path": f"/spec/rules/1/backendRefs/{index}/weight", "value": 50} for index in (0, 1)]
    route = ("httproute", APP, f"--namespace={PRODUCTION}", "--type=json", f"--patch={json.dumps(weights)}")
    done = stage.cluster.kubectl("patch", *route)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_release_before_that_no_longer_comes_up_leaves_what_runs(stage: Stage) -> None:
    stage.build("1.0.0", crash=1)
    present = stage.installed("2.0.0", previous="1.0.0")
    done = stage.rollback()
    assert done.returncode == 1
    assert f"{present} is back" in done.stderr
    assert stage.settled(present)()
    assert stage.record["outcome"] == "rolled-back"


def test_a_first_release_that_was_cut_off_is_stopped_and_one_that_failed_is_left_alone(stage: Stage) -> None:
    stage.build("1.0.0", never_ready=1)
    with stage.start("deploy.py", *stage.order("1.0.0")) as process:
        until(lambda: bool(stage.cluster.pods(NAMESPACE, track="stable")))
        kill(process)
    for said in ("its pods were stopped", "none of its pods are left to stop"):
        undone = stage.rollback("--unfinished")
        assert undone.returncode == 0, undone.stderr
        assert undone.stdout == f"staging: the first release was not verified, and {said}\n"
        assert stage.deployment["spec"]["replicas"] == 0


def test_a_delivery_that_was_cut_off_is_undone_and_one_that_ended_is_left_alone(stage: Stage) -> None:
    before = stage.installed("1.0.0", previous="0.9.0")
    ended = stage.rollback("--unfinished")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "staging: every delivery has ended, there is nothing to undo\n"
    assert stage.settled(before)()
    built = stage.build("2.0.0", never_ready=1)
    with stage.start("deploy.py", *stage.order("2.0.0")) as process:
        until(lambda: stage.running == built)
        kill(process)
    undone = stage.rollback("--unfinished")
    assert undone.returncode == 0, undone.stderr
    assert stage.settled(before)()
    assert (stage.notes["image"], stage.notes["verified-image"]) == (before, before)
