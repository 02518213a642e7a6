"""Files between steps: strict JSON with a format name, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from typing import Any, TextIO, cast

from .errors import EvidenceError, PipelineError

# What to run again when its file is missing.
WRITERS = {
    "data-report": "make pipeline",
    "run": "make pipeline",
    "profile": "make pipeline",
    "metrics": "make pipeline",
    "gate": "make pipeline",
    "metadata": "make pipeline",
    "export": "make export",
    "golden": "make export",
}


def read_json(path: Path, *, expect: str) -> dict[str, Any]:
    """Return the document at `path`, whose `format` must be `expect` (such as `gate/1`).

    Raises EvidenceError when the file is missing, unreadable or of another format.
    """
    writer = WRITERS.get(expect.split("/", maxsplit=1)[0], "the step that writes it")
    try:
        document = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except FileNotFoundError as error:
        raise EvidenceError(f"{path}: not found; run {writer} first") from error
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{path}: cannot be read as JSON ({error}); run {writer} again") from error
    seen = document.get("format") if isinstance(document, dict) else None
    if seen != expect:
        raise EvidenceError(f"{path}: format is {seen!r}, wanted {expect!r}; run {writer} again")
    return dict(document)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write `document` to `path`; NaN and infinities are refused, because JSON has neither."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader sees the old file or the new one, never a part.

    Raises PipelineError naming the path when the folder cannot be written or the disk is full.
    """
    with draft_text(path) as stream:
        stream.write(text)


@contextmanager
def draft_text(path: Path) -> Iterator[TextIO]:
    """Yield a new file that takes the place of `path` when the block succeeds, and goes when it fails.

    Raises PipelineError naming the path when the folder cannot be written or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _draft(path) as stream:
            yield stream
    except (FileExistsError, NotADirectoryError) as error:
        raise PipelineError(f"{path.parent}: is a file, wanted a folder; move it away") from error
    except OSError as error:
        raise PipelineError(f"{path}: cannot be written ({error.strerror or error})") from error


@contextmanager
def _draft(path: Path) -> Iterator[TextIO]:
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8") as draft:
        try:
            yield cast(TextIO, draft)
            draft.flush()
            os.chmod(draft.name, 0o644)  # temporary files are private; what steps hand on is not
            os.replace(draft.name, path)
        except BaseException:
            Path(draft.name).unlink(missing_ok=True)
            raise


@contextmanager
def draft_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder that takes the place of `folder` when the block succeeds, and goes when it fails.

    Raises PipelineError naming the path when the disk does not take it.
    """
    draft = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        yield draft
        draft.chmod(0o755)  # temporary folders are private; what steps hand on is not
        _take_place(draft, folder)
    except OSError as error:
        raise PipelineError(f"{error.filename or folder}: cannot be written ({error.strerror or error})") from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def _take_place(draft: Path, folder: Path) -> None:
    """Move `draft` to `folder`; what lay there goes, or comes back when nothing could take its place."""
    old = draft.with_name(f"{draft.name}.old")  # as much this process's own as the draft
    if folder.exists():
        folder.replace(old)
    try:
        draft.replace(folder)
    finally:
        if old.exists() and not folder.exists():
            old.replace(folder)
        shutil.rmtree(old, ignore_errors=True)


def sha256(paths: Iterable[Path]) -> str:
    """Return the hex digest over the contents of `paths` in the given order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
