from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from <<cookiecutter.package_name>>.contracts.contract import Change, from_schema
from <<cookiecutter.package_name>>.errors import RegistryError
from <<cookiecutter.package_name>>.files import sha256
from <<cookiecutter.package_name>>.store import lifecycle, registry, runs, stages
from <<cookiecutter.package_name>>.store.registry import Version
from <<cookiecutter.package_name>>.store.tracking import Store
from <<cookiecutter.package_name>>.store.versions import next_version

from tests.documents import gate_document, run_document
from tests.example import make_contract

NewRun = Callable[..., dict[str, Any]]


class Killed(BaseException):
    """Stands for the end of the process."""


class Dying:
    """A client whose process ends after its first `calls` calls."""

    def __init__(self, client: Any, calls: int) -> None:
        self.client, self.left = client, calls

    def __getattr__(self, name: str) -> Any:
        if self.left == 0:
            raise Killed
        self.left -= 1
        return getattr(self.client, name)


@pytest.fixture
def new_run(store: Store, model_folder: Path) -> NewRun:
    """Return a function that logs a training and returns its run.json; its keywords change the document."""

    def make(**changes: Any) -> dict[str, Any]:
        model = {"path": str(model_folder), "sha256": sha256([model_folder / "model.skops"]), "bytes": 1}
        run = run_document(model=model, **changes)
        made = runs.log_run(store, run, model_folder)
        return run | {"run_id": made.run_id, "model_id": made.model_id}

    return make


def register(store: Store, run: dict[str, Any], folder: Path) -> Version:
    return lifecycle.register(store, run, gate_document(run_id=run["run_id"]), make_contract(), folder, actor="ann")


@pytest.mark.parametrize(
    ("previous", "kinds", "same", "expected"),
    [
        pytest.param(None, [], True, "1.0.0", id="first"),
        pytest.param("1.2.3", [], True, "1.2.4", id="trained-again"),
        pytest.param("1.2.9", [], False, "1.3.0", id="other-estimator"),
        pytest.param("1.2.3", ["compatible"], True, "1.3.0", id="compatible"),
        pytest.param("9.2.3", ["compatible", "breaking"], False, "10.0.0", id="breaking"),
    ],
)
def test_the_version_says_what_changed(previous: str | None, kinds: list[Any], same: bool, expected: str) -> None:
    changes = [Change(kind, "column", "changed") for kind in kinds]
    assert next_version(previous, changes, same_estimator=same) == expected


def test_a_transition_is_noted_once_with_who_and_why() -> None:
    tags = stages.move({}, "Staging", by="ann", why="passed")
    tags = stages.move(tags, "Staging", by="bob", why="again")
    (step,) = stages.history(tags)
    assert (step.before, step.after, step.by, step.why) == ("None", "Staging", "ann", "passed")
    assert step.at.endswith("+00:00")


def test_there_is_no_champion_before_the_first_promotion(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    assert registry.champion(store, tmp_path / "copy") is None
    register(store, new_run(), tmp_path)
    assert registry.champion(store, tmp_path / "copy") is None


def test_a_registry_that_fails_is_not_taken_for_an_empty_one(store: Store, tmp_path: Path) -> None:
    assert store.database is not None
    broken = replace(store, client=Broken())
    with pytest.raises(RegistryError, match="the disk is full"):
        registry.champion(broken, tmp_path)


class Broken:
    """A client whose store fails in a way that says nothing about what it holds."""

    def get_registered_model(self, name: str) -> None:
        raise OSError(f"No space left on device while looking for {name}")


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        pytest.param(gate_document(promote=False), r"the gate refused this model \(roc_auc\)", id="refused"),
        pytest.param(gate_document(run_id="other"), "judges run 'other', but run.json is 'r1'", id="other-run"),
        pytest.param({"run_id": "r1", "promote": "yes"}, "refused", id="not-a-boolean"),
        pytest.param({}, "judges run None", id="empty"),
    ],
)
def test_only_an_accepted_run_is_registered(gate: dict[str, Any], message: str, store: Store, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=message):
        lifecycle.register(store, run_document(), gate, make_contract(), tmp_path, actor="ann")
    assert registry.versions(store) == []


def test_a_version_carries_its_origin_and_waits_as_challenger(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    version = register(store, run := new_run(), tmp_path)
    assert (version.version, version.number, version.aliases, version.stage) == ("1.0.0", 1, ("challenger",), "Staging")
    assert version.tags["model.sha256"] == run["model"]["sha256"]
    assert version.tags["contract.digest"] == make_contract().digest
    data = run["data"]["sha256"]
    split = {"seed": 7, "method": "random", "holdout": 0.25, "data": data, "identity": ["row"]}
    assert version.split == split | {"kinds": ["string as text"]}
    older = {"split": json.dumps({"seed": 7, "method": "random", "holdout": 0.25}), "data.sha256": data}
    assert (replace(version, tags=older).split or {})["data"] == data, "registered before splits named their table"
    assert replace(version, tags={}).split is None, "registered before splits were"
    later = register(store, new_run(), tmp_path)
    assert (later.version, later.aliases) == ("1.0.1", ("challenger",))
    assert registry.find(store, "1.0.0").stage == "Archived"


def test_the_registry_is_asked_once_for_what_it_holds(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    asked: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return getattr(store.client, name)

    register(store, new_run(), tmp_path)
    known, run = registry.versions(store), new_run()
    counted, gate = replace(store, client=Counting()), gate_document(run_id=run["run_id"])
    lifecycle.register(counted, run, gate, make_contract(), tmp_path, actor="ann", known=known)
    assert asked.count("search_model_versions") == 2, "after creating, and for the version as it has become"
    assert "create_registered_model" not in asked


def test_two_registrations_at_once_get_versions_of_their_own(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    first, runs_at_once = register(store, new_run(), tmp_path), [new_run(), new_run()]
    known = registry.versions(store)
    for run in runs_at_once:  # neither has seen the other
        gate = gate_document(run_id=run["run_id"])
        lifecycle.register(store, run, gate, make_contract(), tmp_path, actor="ann", known=known)
    found = registry.versions(store)
    assert [version.version for version in found] == ["1.0.2", "1.0.1", first.version]
    assert [version.stage for version in found] == ["Staging", "Archived", "Archived"]
    assert store.client.get_model_version("example", "3").description == "1.0.2: linear for binary"


class Interrupted:
    """A client that lets another registration happen between its first look at the versions and what follows it."""

    def __init__(self, client: Any, other: Callable[[], object]) -> None:
        self.client, self.others = client, [other]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def search_model_versions(self, query: str) -> Any:
        found = self.client.search_model_versions(query)
        while self.others:
            self.others.pop()()
        return found


@pytest.mark.parametrize("other", [False, True], ids=["same contract", "described anew"])
def test_three_registrations_at_once_get_versions_of_their_own(
    other: bool, store: Store, new_run: NewRun, tmp_path: Path
) -> None:
    register(store, new_run(), tmp_path)
    known = registry.versions(store)
    one, two, three, schema = new_run(), new_run(), new_run(), make_contract().schema

    def at_once(store: Store, run: dict[str, Any]) -> Version:
        gate = gate_document(run_id=run["run_id"])
        contract = from_schema({**schema, "description": "anew"}, "anew") if other and run is three else make_contract()
        return lifecycle.register(store, run, gate, contract, tmp_path / "scratch", actor="ann", known=known)

    at_once(store, one)
    at_once(replace(store, client=Interrupted(store.client, lambda: at_once(store, three))), two)
    assert [version.version for version in registry.versions(store)] == ["1.0.3", "1.0.2", "1.0.1", "1.0.0"]


def test_a_newer_version_stays_challenger_when_an_older_registration_ends_after_it(
    store: Store, new_run: NewRun, tmp_path: Path
) -> None:
    register(store, new_run(), tmp_path)
    older, newer = new_run(), new_run()
    overtaken = replace(store, client=Interrupted(store.client, lambda: register(store, newer, tmp_path / "newer")))
    known = registry.versions(store)
    gate = gate_document(run_id=older["run_id"])
    mine = lifecycle.register(overtaken, older, gate, make_contract(), tmp_path, actor="ann", known=known)
    assert (mine.run_id, mine.aliases, mine.stage) == (older["run_id"], (), "Archived")
    challenger = registry.find(store, "challenger")
    assert (challenger.run_id, challenger.number, challenger.stage) == (newer["run_id"], 3, "Staging")
    assert stages.history(registry.find(store, "2").tags)[-1].why == f"superseded by {challenger.version}"


def test_an_older_registration_that_took_the_alias_late_and_was_killed_gives_it_back_when_run_again(
    store: Store, new_run: NewRun, tmp_path: Path
) -> None:
    older, newer = new_run(), new_run()

    class Late(Interrupted):
        def set_registered_model_alias(self, *given: str) -> None:
            register(store, newer, tmp_path / "newer")
            self.client.set_registered_model_alias(*given)
            raise Killed

    with pytest.raises(Killed):
        register(replace(store, client=Late(store.client, lambda: None)), older, tmp_path)
    challenger = registry.find(store, "challenger")
    assert (challenger.run_id, challenger.stage) == (older["run_id"], "Archived")
    assert register(store, older, tmp_path).aliases == ()
    assert registry.find(store, "challenger").run_id == newer["run_id"]


def test_a_killed_registration_beside_another_converges(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    model_id, known = register(store, new_run(), tmp_path).tags["model.id"], registry.versions(store)
    for calls in range(40):
        run = run_document(run_id=f"run {calls}", model_id=model_id)
        gate = gate_document(run_id=run["run_id"])
        try:
            dying = replace(store, client=Dying(store.client, calls))
            lifecycle.register(dying, run, gate, make_contract(), tmp_path, actor="ann", known=known)
            break
        except Killed:
            register(store, run, tmp_path)
        found = registry.versions(store)
        assert [version.version for version in found] == [f"1.0.{patch}" for patch in range(calls + 1, -1, -1)]
        assert [version.stage for version in found] == ["Staging"] + ["Archived"] * (calls + 1)
    assert calls > 8, "the calls of a registration were counted"


def test_another_contract_is_compared_with_the_one_in_the_model_folder(
    store: Store,
    new_run: NewRun,
    tmp_path: Path,
) -> None:
    register(store, new_run(), tmp_path)
    schema = json.loads(json.dumps(make_contract().schema))
    schema["properties"]["load"]["maximum"] = 3
    run, narrower = new_run(), from_schema(schema, "narrower")
    gate = gate_document(run_id=run["run_id"])
    assert lifecycle.register(store, run, gate, narrower, tmp_path / "old", actor="ann").version == "2.0.0"


def test_a_killed_registration_converges(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    model_id = register(store, new_run(), tmp_path).tags["model.id"]
    for calls in range(40):
        run = run_document(run_id=f"run {calls}", model_id=model_id)
        try:
            register(replace(store, client=Dying(store.client, calls)), run, tmp_path)
            break
        except Killed:
            version = register(store, run, tmp_path)
        newest, *older = registry.versions(store)
        assert newest == version
        assert (newest.number, newest.version) == (calls + 2, f"1.0.{calls + 1}")
        assert (newest.aliases, newest.stage) == (("challenger",), "Staging")
        assert {found.stage for found in older} == {"Archived"}
    assert calls > 8, "the calls of a registration were counted"


def test_a_request_that_was_sent_twice_leaves_one_version(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    run = new_run()
    store.client.create_registered_model("example")
    for _ in range(2):
        store.client.create_model_version("example", f"models:/{run['model_id']}", run["run_id"], {"version": "1.0.0"})
    assert register(store, run, tmp_path).number == 1
    assert [version.number for version in registry.versions(store)] == [1]


def test_promotion_moves_the_aliases_and_keeps_the_history(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    first, second = (register(store, new_run(), tmp_path).version for _ in range(2))
    lifecycle.promote(store, first, actor="ann", reason="first")
    champion = lifecycle.promote(store, "challenger", actor="bob", reason="better", image_digest="sha256:1")
    assert (champion.version, champion.aliases, champion.tags["image.digest"]) == (second, ("champion",), "sha256:1")
    before = registry.find(store, "previous")
    assert (before.version, before.stage) == (first, "Archived")
    assert [step.after for step in stages.history(before.tags)] == ["Staging", "Archived", "Production", "Archived"]
    assert stages.history(before.tags)[-1].why == "replaced by 1.0.1: better"
    assert lifecycle.promote(store, "champion", actor="eve", reason="again") == champion
    loaded = registry.champion(store, tmp_path / "copy")
    assert loaded is not None
    assert (loaded.version, loaded.contract.digest) == (champion, make_contract().digest)


def test_a_killed_promotion_converges_and_never_loses_the_champion(
    store: Store,
    new_run: NewRun,
    tmp_path: Path,
) -> None:
    holder, other = (register(store, new_run(), tmp_path).version for _ in range(2))
    lifecycle.promote(store, holder, actor="ann", reason="first")
    for calls in range(40):
        try:
            dying = replace(store, client=Dying(store.client, calls))
            lifecycle.promote(dying, other, actor="ann", reason="next")
            break
        except Killed:
            assert registry.find(store, "champion").version in {holder, other}
        champion = lifecycle.promote(store, other, actor="ann", reason="next")
        assert (champion.version, champion.stage) == (other, "Production")
        (previous,) = (version for version in registry.versions(store) if "previous" in version.aliases)
        assert (previous.version, previous.stage) == (holder, "Archived")
        holder, other = other, holder
    assert calls > 8, "the calls of a promotion were counted"


def test_a_champion_that_lost_its_alias_is_not_taken_for_none(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    register(store, new_run(), tmp_path)
    lifecycle.promote(store, "challenger", actor="ann", reason="first")
    store.client.delete_registered_model_alias("example", "champion")
    told = (
        r"^example 1\.0\.0 is in Production, but no version has the alias champion; "
        r"run make promote VERSION=1\.0\.0 to give it back$"
    )
    with pytest.raises(RegistryError, match=told):
        registry.champion(store, tmp_path / "copy")
    assert lifecycle.promote(store, "1.0.0", actor="ann", reason="given back").aliases == ("champion",)
    assert registry.champion(store, tmp_path / "copy") is not None


def test_a_champion_that_lost_its_alias_is_kept_as_previous(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    first, second = (register(store, new_run(), tmp_path).version for _ in range(2))
    lifecycle.promote(store, first, actor="ann", reason="first")
    store.client.delete_registered_model_alias("example", "champion")
    assert lifecycle.promote(store, second, actor="ann", reason="next").aliases == ("champion",)
    before = registry.find(store, "previous")
    assert (before.version, before.stage) == (first, "Archived")


def test_a_rollback_that_was_cut_short_asks_for_the_number(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    first, second = (register(store, new_run(), tmp_path).version for _ in range(2))
    for version in (first, second):
        lifecycle.promote(store, version, actor="ann", reason="next")
    store.client.set_registered_model_alias("example", "previous", "2")  # killed before the champion moved
    before = registry.versions(store)
    with pytest.raises(RegistryError, match=r"1\.0\.1 is champion and previous at once, .* by its number: 1\.0\.0$"):
        lifecycle.promote(store, "previous", actor="ann", reason="back", image_digest="sha256:1")
    assert registry.versions(store) == before
    assert lifecycle.promote(store, first, actor="ann", reason="back").aliases == ("champion",)
    assert registry.find(store, "previous").version == second


def test_a_champion_without_a_digest_is_refused(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    register(store, new_run(), tmp_path)
    lifecycle.promote(store, "challenger", actor="ann", reason="first")
    store.client.delete_model_version_tag("example", "1", "model.sha256")
    with pytest.raises(RegistryError, match=r"example 1\.0\.0 has no tag model\.sha256"):
        registry.champion(store, tmp_path / "copy")


def test_a_champion_whose_file_was_changed_is_refused(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    register(store, new_run(), tmp_path)
    lifecycle.promote(store, "challenger", actor="ann", reason="first")
    (weights,) = tmp_path.glob("mlartifacts/models/*/artifacts/model.skops")
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(RegistryError, match=r"example 1\.0\.0 cannot be used: .*sha256 is"):
        registry.champion(store, tmp_path / "copy")


def test_a_champion_whose_files_are_gone_asks_for_them_or_another_version(
    store: Store, new_run: NewRun, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    register(store, new_run(), tmp_path)
    lifecycle.promote(store, "challenger", actor="ann", reason="first")
    shutil.rmtree(tmp_path / "mlartifacts")
    with pytest.raises(RegistryError, match=r"example 1\.0\.0: its files are no longer .* make promote VERSION="):
        registry.champion(store, tmp_path / "copy")
    assert not caplog.messages


def test_an_unknown_version_names_those_there_are(store: Store, new_run: NewRun, tmp_path: Path) -> None:
    with pytest.raises(
        RegistryError, match="has no version 'champion'; none is registered yet, run make pipeline first"
    ):
        registry.find(store, "champion")
    register(store, new_run(), tmp_path)
    with pytest.raises(RegistryError, match="'chalenger'; did you mean 'challenger'"):
        registry.find(store, "chalenger")
