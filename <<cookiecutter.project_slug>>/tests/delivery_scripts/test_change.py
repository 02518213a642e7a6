from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from delivery import change
from delivery.canary_release import Canary
from delivery.change import Change, bring
from delivery.cluster import Cluster, ClusterError
from delivery.diagnosis import Diagnosis, Finding
from delivery.lock import Lock
from delivery.records import Check, Pinned, Record
from delivery.release import notes, state_of

GOOD, NEW = (Pinned(f"registry/app@sha256:{letter * 64}", letter, f"run-{letter}") for letter in "ab")
PASSED, BROKEN = Check("golden set", True, "8", "8"), Check("golden set", False, "0", "8")
RULES = {"timeout_seconds": 1.0, "poll_seconds": 0.01}
Applied = tuple[str, str]  # image, and whose word its pods are


class Server:
    """A cluster whose pods are always available: it notes what is applied, and fails as it is told."""

    def __init__(self, kept: Sequence[str]) -> None:
        self.applied: list[Applied] = []
        self.notes: dict[str, str] = {}  # of what was applied last
        self.failing: dict[Applied, Exception] = {}
        self._kept = kept

    def kustomize(self, folder: str) -> str:
        asked = json.loads(Path(folder, "kustomization.yaml").read_text(encoding="utf-8"))
        [swapped] = [json.loads(one["patch"]) for one in asked["patches"] if "target" in one] or [None]
        noted = json.loads(asked["patches"][0]["patch"])["metadata"]["annotations"]
        if swapped:
            return manifest(swapped[0]["value"]["spec"]["containers"][0]["image"], "kept", noted)
        [image] = asked["images"]
        return manifest(f"{image['newName']}@{image['digest']}", "written", noted)

    def apply(self, manifests: str, *, dry_run: bool = False, force: bool = True) -> str:
        lines = [line.split() for line in manifests.splitlines()]
        said = {words[0]: words[1] for words in lines if len(words) == 2}
        self.notes = {key: value for key, value in said.items() if key.startswith("release/")}
        what = (said["image:"], said["pods:"])
        if not dry_run:
            self.applied.append(what)
            if error := self.failing.get(what):
                raise error
        return "applied" if force else ""

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
        return {
            "metadata": {"name": name, "generation": 1},
            "spec": {"replicas": 1},
            "status": counts | {"observedGeneration": 1},
        }

    def items(self, kind: str) -> list[dict[str, Any]]:
        return [replicaset(number, image) for number, image in enumerate(self._kept, 1)]


def manifest(image: str, pods: str, noted: Mapping[str, str]) -> str:
    annotations = "".join(f"    {key} {value}\n" for key, value in noted.items())
    return f"kind: Deployment\nmetadata:\n  name: app\n{annotations}spec:\n  image: {image}\n  pods: {pods}\n"


def replicaset(revision: int, image: str) -> dict[str, Any]:
    metadata = {
        "annotations": {"deployment.kubernetes.io/revision": str(revision)},
        "ownerReferences": [{"kind": "Deployment", "name": "app"}],
    }
    template = {"metadata": {"labels": {}}, "spec": {"containers": [{"name": "server", "image": image}]}}
    return {"metadata": metadata, "spec": {"template": template}}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    overlay = tmp_path / "k8s" / "overlays" / "staging"
    overlay.mkdir(parents=True)
    (overlay / "kustomization.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(change, "diagnose", lambda *_: Diagnosis([], {}))
    monkeypatch.setattr(change, "ignore_signals", lambda: None)
    return Server([GOOD.image])


def delivery(server: Server, action: str = "deploy", clear: Callable[[], bool] = lambda: False) -> Change:
    """Return a delivery of NEW where GOOD runs, or of GOOD as a rollback where NEW runs."""
    runs, asked = (NEW, GOOD) if action == "rollback" else (GOOD, NEW)
    record = Record("staging", "space", action, asked.image, asked.model_version, asked.run_id)
    noted = notes(Record("staging", "space", "deploy", runs.image), state_of(None), verified=True)
    containers = [{"name": "server", "image": runs.image}]
    before = state_of({"metadata": {"annotations": noted}, "spec": {"template": {"spec": {"containers": containers}}}})
    lock = cast("Lock", SimpleNamespace(check=lambda: None))
    canary = cast("Canary", SimpleNamespace(clear=clear))
    return Change(cast("Cluster", server), lock, RULES, "app", canary, before, record)


def test_a_release_that_fails_gives_way_to_the_pods_that_served(server: Server) -> None:
    record = bring(delivery(server), lambda: [BROKEN])
    assert record.outcome == "rolled-back"
    assert server.applied == [(NEW.image, "written"), (GOOD.image, "kept")]
    assert str(record.error).endswith(f"{GOOD.image} is back as the cluster kept it")


@pytest.mark.parametrize(
    "error",
    [AttributeError("no attribute 'get'"), RuntimeError("can't start new thread"), ArithmeticError("0"), MemoryError()],
    ids=type,
)
def test_nothing_that_goes_wrong_gets_past_the_undoing_and_its_story_is_told(
    server: Server, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def look() -> Sequence[Check]:
        raise error

    record = bring(delivery(server), look)
    assert (record.outcome, server.applied[-1]) == ("rolled-back", (GOOD.image, "kept"))
    assert str(record.error).startswith(f"{type(error).__name__}: {error}; ")
    assert "in look\n" in capsys.readouterr().err


def test_a_release_that_nobody_looked_at_is_not_good(server: Server) -> None:
    record = bring(delivery(server), lambda: [])
    assert record.outcome == "rolled-back"
    assert "nothing was looked at" in str(record.error)
    assert server.applied[-1] == (GOOD.image, "kept")


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyError("reason"), ValueError("no JSON")], ids=type
)
def test_what_goes_wrong_in_an_explanation_does_not_keep_the_good_release_away(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def refuse(_: str) -> None:
        raise error

    monkeypatch.setattr(change, "diagnose", lambda *_: Diagnosis([Finding("pod", "crashed")], {}))
    monkeypatch.setattr(change, "summarise", refuse)
    record = bring(delivery(server), lambda: [BROKEN])
    assert (record.outcome, server.applied[-1]) == ("rolled-back", (GOOD.image, "kept"))
    assert "the failure cannot be explained" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ClusterError("refused"), ValueError("no JSON")], ids=type)
def test_when_the_kept_pods_do_not_come_back_the_image_does_and_the_record_says_so(
    server: Server, error: Exception
) -> None:
    server.failing[(GOOD.image, "kept")] = error
    record = bring(delivery(server), lambda: [BROKEN])
    assert record.outcome == "rolled-back"
    assert server.applied[1:] == [(GOOD.image, "kept"), (GOOD.image, "written")]
    assert str(record.error).endswith(f"{GOOD.image} is back with the manifests of this commit")


def test_when_no_way_leads_back_the_record_says_what_to_run(server: Server) -> None:
    server.failing = {(GOOD.image, pods): OSError("the disk is full") for pods in ("kept", "written")}
    record = bring(delivery(server), lambda: [BROKEN])
    assert record.outcome == "failed"
    assert "could not be put back: OSError: the disk is full" in str(record.error)
    assert f"rollback.py staging --to {GOOD.image}" in str(record.error)


def test_a_revision_that_the_cluster_forgot_is_rendered_again(server: Server) -> None:
    record = bring(delivery(Server([])), lambda: [BROKEN])
    assert record.outcome == "rolled-back"
    assert str(record.error).endswith("with the manifests of this commit")


def test_a_rollback_brings_the_kept_pods_and_only_when_they_fail_this_commits(server: Server) -> None:
    assert bring(delivery(server, "rollback"), lambda: [PASSED]).details == {"by": "as the cluster kept it"}
    assert set(server.applied) == {(GOOD.image, "kept")}
    seen = [[BROKEN], [PASSED]]
    record = bring(delivery(server, "rollback"), lambda: seen.pop(0))
    assert (record.outcome, record.details) == ("deployed", {"by": "with the manifests of this commit"})
    assert list(record.checks) == [PASSED]


def test_the_model_that_an_older_image_says_it_serves_is_noted_with_it(server: Server) -> None:
    asked = replace(delivery(server, "rollback"), served={"version": "0.5.0", "run_id": "run-0"})
    nameless = replace(asked, record=replace(asked.record, model_version=None, run_id=None))
    record = bring(nameless, lambda: [PASSED])
    assert record.running == Pinned(GOOD.image, "0.5.0", "run-0")
    noted = {"image": GOOD.image, "model-version": "0.5.0", "run-id": "run-0"}
    assert server.notes.items() >= {f"release/verified-{key}": value for key, value in noted.items()}.items()
    assert server.notes.items() >= {f"release/{key}": value for key, value in noted.items()}.items()


def test_a_rollback_whose_last_way_was_not_looked_at_is_none(server: Server) -> None:
    record = bring(delivery(Server([GOOD.image, NEW.image]), "rollback"), lambda: [])
    assert record.outcome == "rolled-back" and record.running is not None
    assert record.running.image == NEW.image


def test_a_canary_that_cannot_be_removed_is_noted_and_changes_no_outcome(server: Server) -> None:
    def refuse() -> bool:
        raise ValueError("no JSON")

    record = bring(delivery(server, clear=refuse), lambda: [PASSED])
    assert (record.outcome, record.details) == ("deployed", {"canary": "left running: ValueError: no JSON"})
    assert bring(delivery(server, clear=lambda: True), lambda: [BROKEN]).details == {"canary": "removed"}
