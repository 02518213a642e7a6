from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import rollback
from delivery import preflight
from delivery.cluster import Cluster
from delivery.records import Pinned
from delivery.release import State

CONFIG = Path(__file__).parents[2] / "config" / "delivery.toml"
NEW, OLD = (Pinned(f"ghcr.io/acme/churn@sha256:{digit * 64}", f"{digit}.0.0") for digit in "21")


def state(applied: Pinned, verified: Pinned) -> State:
    return State(image=applied.image, applied=applied, verified=verified, previous=None, action="deploy")


def test_what_was_ended_while_the_lock_was_waited_for_is_not_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = [state(NEW, OLD), state(NEW, NEW)]
    changed: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rollback, "read_state", lambda *_: seen.pop(0))
    monkeypatch.setattr(rollback, "locked", lambda *_: nullcontext())
    monkeypatch.setattr(preflight, "check", lambda *_: None)
    monkeypatch.setattr(Cluster, "run", lambda _, *words, **__: changed.append(words))
    assert rollback.main(["production", "--unfinished", "--reason", "cut off", "--config", str(CONFIG)]) == 2
    assert "another delivery has ended meanwhile, so there is nothing to undo" in capsys.readouterr().err
    assert (seen, changed) == ([], [])
