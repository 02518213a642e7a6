"""Folders that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from <<cookiecutter.package_name>>.errors import PipelineError
from <<cookiecutter.package_name>>.files import draft_folder


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    """Return a folder with one file, `old`."""
    folder = tmp_path / "serving"
    folder.mkdir()
    (folder / "old").write_text("old", encoding="utf-8")
    return folder


def test_a_draft_takes_the_place_of_the_folder(serving: Path) -> None:
    with draft_folder(serving) as draft:
        (draft / "new").write_text("new", encoding="utf-8")
    assert [path.name for path in serving.iterdir()] == ["new"]
    assert list(serving.parent.iterdir()) == [serving]


def test_what_a_killed_process_left_is_in_nobodys_way(serving: Path) -> None:
    left = serving.with_name(".serving.old")
    left.mkdir()
    (left / "file").write_text("left", encoding="utf-8")
    with draft_folder(serving) as draft:
        (draft / "new").write_text("new", encoding="utf-8")
    assert (serving / "new").exists()
    assert (left / "file").exists(), "it may belong to a process that is at work"


def before_the_draft_moves(monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], None]) -> None:
    """Let `act` happen to the finished draft just before it takes its place."""
    move = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if (path / "new").exists():
            act(path)
        return move(path, target)

    monkeypatch.setattr(Path, "replace", replace)


def test_the_old_folder_comes_back_when_the_draft_cannot_take_its_place(
    serving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    before_the_draft_moves(monkeypatch, refuse)
    with pytest.raises(PipelineError, match="No space left on device"), draft_folder(serving) as draft:
        (draft / "new").write_text("new", encoding="utf-8")
    assert [path.name for path in serving.iterdir()] == ["old"]
    assert list(serving.parent.iterdir()) == [serving]


def test_a_folder_that_another_process_put_there_meanwhile_stays(
    serving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtake(_: Path) -> None:
        serving.mkdir()
        (serving / "theirs").write_text("theirs", encoding="utf-8")

    before_the_draft_moves(monkeypatch, overtake)
    with pytest.raises(PipelineError, match="not empty"), draft_folder(serving) as draft:
        (draft / "new").write_text("new", encoding="utf-8")
    assert [path.name for path in serving.iterdir()] == ["theirs"]
    assert list(serving.parent.iterdir()) == [serving]
