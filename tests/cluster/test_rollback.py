"""`rollback.py` with the real kubectl against an emulated cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import render

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
    older = stage.build("0.5.0")
    stage.installed("2.0.0", previous="1.0.0")
    done = stage.rollback("--to", older)
    assert done.returncode == 0, done.stderr
    assert stage.settled(older)()
    assert stage.record["running"] == {"image": older, "model_version": "0.5.0", "run_id": "run-0.5.0"}


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
def test_manifests_that_the_cluster_refuses_do_not_keep_the_release_before_away(stage: Stage) -> None:
    before = stage.installed("1.0.0")
    stage.deployed("2.0.0")
    stage.ask_for_privileges()
    done = stage.rollback()
    assert done.returncode == 0, done.stderr
    assert "as the cluster kept it" in done.stderr
    assert stage.settled(before)()
    assert stage.record["details"] == {"by": "rollout undo"}


@pytest.mark.slow
def test_a_release_before_that_no_longer_comes_up_leaves_what_runs(stage: Stage) -> None:
    stage.build("1.0.0", crash=1)
    present = stage.installed("2.0.0", previous="1.0.0")
    done = stage.rollback()
    assert done.returncode == 1
    assert f"{present} is back" in done.stderr
    assert stage.settled(present)()
    assert stage.record["outcome"] == "rolled-back"
