"""The embedded tracking store as one archive: packed with a manifest, unpacked only when nothing else is in it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import stat
import zipfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any

FORMAT = "tracking-store/1"
DATABASE, FILES, MANIFEST = Path("mlflow.db"), Path("mlartifacts"), Path("store.json")
LARGEST = 8 * 1024**3  # bytes of an unpacked store that is still believed


class StoreError(Exception):
    """A tracking store is missing, damaged, or not one that the pipeline wrote."""


def copy(folder: Path) -> None:
    """Copy the store of the working folder to `folder`; the database as SQLite sees it, not as it lies on the disk."""
    if not DATABASE.is_file():
        raise StoreError(f"{DATABASE} is missing: there is no store to save; run make pipeline first")
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(DATABASE)) as source, closing(sqlite3.connect(folder / DATABASE)) as target:
        source.backup(target)
    if FILES.is_dir():
        shutil.copytree(FILES, folder / FILES)
    write(folder / MANIFEST, {"sha256": sha256(folder / DATABASE)})


def unpack(archive: Path, folder: Path) -> None:
    """Unpack `archive` into `folder` and hold it against its manifest.

    Raises StoreError for paths that leave the folder, links, foreign files, more bytes than a store has, and a
    database that is not the one that was packed.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            _believe(opened.infolist())
            opened.extractall(folder)
    except zipfile.BadZipFile as error:
        raise StoreError(f"the tracking store is not a readable archive ({error}); run the job again") from error
    wanted = read(folder / MANIFEST).get("sha256")
    if not (folder / DATABASE).is_file() or sha256(folder / DATABASE) != wanted:
        raise StoreError(f"{DATABASE} of the tracking store is not the one that was saved; run the job again")


def _believe(members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        path = PurePosixPath(member.filename)
        known = path.parts[:1] in ((FILES.name,), (DATABASE.name,), (MANIFEST.name,))
        link = stat.S_ISLNK(member.external_attr >> 16)
        if not known or link or ".." in path.parts:
            raise StoreError(f"the tracking store holds {member.filename!r}, which no pipeline writes; it is not used")
    if (size := sum(member.file_size for member in members)) > LARGEST:
        raise StoreError(f"the tracking store would take {size} bytes when unpacked, more than {LARGEST}")


def read(path: Path) -> dict[str, Any]:
    """Return a document of this format. Raises StoreError when it is missing or another."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path.name} cannot be read ({error}); run all jobs again") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise StoreError(f"{path.name}: wanted format {FORMAT!r}; run all jobs again")
    return document


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document of this format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"format": FORMAT, **document}, indent=2) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
