from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import rollback
from delivery.errors import MisuseError
from delivery.records import Pinned, Record
from delivery.release import CAUSE, REVISION, State, checked_image, notes, notes_of_return, state_of

A, B, C = (Pinned(f"registry/app@sha256:{letter * 64}", f"{letter}.0.0", f"run-{letter}") for letter in "abc")


def record(pin: Pinned, action: str = "deploy") -> Record:
    return Record("staging", "space", action, pin.image, pin.model_version, pin.run_id, reason="because", actor="ada")


def found(image: str, annotations: dict[str, str]) -> dict[str, Any]:
    containers = [{"name": "sidecar", "image": "other"}, {"name": "server", "image": image}]
    metadata = {"annotations": annotations | {REVISION: "3", "foreign": "note"}}
    return {"metadata": metadata, "spec": {"template": {"spec": {"containers": containers}}}}


def after(before: State, pin: Pinned, action: str = "deploy", *, verified: bool) -> State:
    return state_of(found(pin.image, notes(record(pin, action), before, verified=verified)))


def test_nothing_is_there_before_the_first_release() -> None:
    state = state_of(None)
    assert (state.good, state.unfinished, state.image) == (None, False, "")


def test_a_release_that_is_at_work_is_not_good_yet() -> None:
    state = after(State(), A, verified=False)
    assert (state.applied, state.good, state.unfinished) == (A, None, True)


def test_three_releases_leave_the_last_two() -> None:
    state = State()
    for pin in (A, B, C):
        state = after(after(state, pin, verified=False), pin, verified=True)
    assert (state.applied, state.verified, state.previous, state.unfinished) == (C, C, B, False)
    assert state.notes[CAUSE] == "deploy c.0.0: because" and "foreign" not in state.notes


def test_after_a_killed_delivery_the_release_before_stays_good_whatever_runs() -> None:
    killed = after(after(after(State(), A, verified=True), B, verified=True), C, verified=False)
    assert (killed.image, killed.good, killed.previous, killed.unfinished) == (C.image, B, A, True)
    again = after(killed, C, verified=True)
    assert (again.verified, again.previous) == (C, B)


def test_the_same_release_again_keeps_the_one_before() -> None:
    state = after(after(State(), A, verified=True), B, verified=True)
    assert after(state, B, verified=True).previous == A


def test_an_image_that_was_set_by_hand_is_what_people_wanted() -> None:
    state = after(after(State(), A, verified=True), B, verified=True)
    assert replace(state, image="registry/app:patched").good == Pinned("registry/app:patched")
    assert replace(state, image=A.image).good == A, "such as by kubectl rollout undo"


def test_what_is_put_back_has_the_notes_that_it_had() -> None:
    state = after(after(State(), A, verified=True), B, verified=True)
    assert notes_of_return(state) == state.notes
    killed = after(state, C, verified=False)
    restored = state_of(found(B.image, notes_of_return(killed)))
    assert (restored.applied, restored.verified, restored.previous, restored.unfinished) == (B, B, A, False)
    assert notes_of_return(State()) == {}


def test_a_rollback_goes_to_the_release_before_and_not_forth_again() -> None:
    state = after(after(State(), A, verified=True), B, verified=True)
    assert rollback.destination(state, "") == A
    back = after(state, A, "rollback", verified=True)
    assert (back.verified, back.previous) == (A, None)
    with pytest.raises(MisuseError, match="a rollback led to it; name a release with --to"):
        rollback.destination(back, "")
    assert rollback.destination(back, B.image) == Pinned(B.image)


def test_a_rollback_that_was_killed_goes_on_and_a_killed_deployment_is_undone() -> None:
    state = after(after(State(), A, verified=True), B, verified=True)
    assert rollback.destination(after(state, A, "rollback", verified=False), "") == A
    assert rollback.destination(after(state, C, verified=False), "") == B


def test_from_an_image_that_was_set_by_hand_a_rollback_goes_to_the_last_verified_release() -> None:
    state = after(after(State(), A, verified=True), B, verified=True)
    assert rollback.destination(replace(state, image="registry/app:patched"), "") == B
    back = after(state, A, "rollback", verified=True)
    assert rollback.destination(replace(back, image="registry/app:patched"), "") == A
    killed = replace(after(state, A, "rollback", verified=False), image="registry/app:patched")
    assert rollback.destination(killed, "") == A, "a rollback that was killed goes on"


def test_from_the_release_before_set_by_hand_a_rollback_does_not_go_forth_again() -> None:
    state = after(after(State(), A, verified=True), B, verified=True)
    with pytest.raises(MisuseError, match="it is the release before, set by hand; name a release with --to"):
        rollback.destination(replace(state, image=A.image), "")


def test_with_nothing_before_there_is_nowhere_to_go() -> None:
    with pytest.raises(MisuseError, match="nothing was ever deployed here"):
        rollback.destination(State(), "")
    with pytest.raises(MisuseError, match="it is the first release"):
        rollback.destination(after(State(), A, verified=True), "")


@pytest.mark.parametrize("image", ["app:1", "app", "app@sha256:12", f"app@sha256:{'A' * 64}", f"-x@sha256:{'a' * 64}"])
def test_an_image_that_may_change_is_refused(image: str) -> None:
    with pytest.raises(MisuseError, match="is not pinned, wanted registry/name@sha256:…"):
        checked_image(image)
