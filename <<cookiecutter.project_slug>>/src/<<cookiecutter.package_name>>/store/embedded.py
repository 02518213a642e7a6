"""The tracking store that needs no server: one SQLite file, with the artifacts in a folder beside it.

MLflow writes absolute paths into its rows, so that a store that was moved, copied or restored on another
machine points at files that are not there. The folder is therefore noted in the database, and the paths are
rewritten when the two no longer agree.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from ..errors import TrackingError

SCHEME = "sqlite:///"
ARTIFACTS = "mlartifacts"
BUSY_SECONDS = 20
# Every column of MLflow's tables that holds the location of files.
LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
NOTE = "CREATE TABLE IF NOT EXISTS pipeline_store (folder TEXT NOT NULL)"


def locate(uri: str) -> Path | None:
    """Return the database file that `uri` names, or None when it names a server."""
    return Path(uri.removeprefix(SCHEME)).absolute() if uri.startswith(SCHEME) else None


def address(database: Path) -> str:
    """Return the URI of `database`; TrackingError when the path holds characters that MLflow takes for its own."""
    if set(str(database)) & set("%?"):
        raise TrackingError(f"{database}: MLflow cannot keep files under a path with % or ?; rename the folder")
    return SCHEME + str(database)


def prepare(database: Path, create: Callable[[str], object]) -> None:
    """Make sure that `database` exists, is a database, and that its rows point into its own folder.

    `create` gets the URI of a file that does not exist and makes an empty store there; a process killed
    meanwhile leaves no half-made store. Raises TrackingError.
    """
    try:
        if not database.exists():
            _create(database, create)
        _relocate(database)
    except sqlite3.Error as error:
        raise TrackingError(
            f"{database}: cannot be used as tracking store ({error}); restore it, or move it away to start empty"
        ) from error
    except OSError as error:
        raise TrackingError(f"{database}: cannot be written ({error.strerror or error})") from error


def _create(database: Path, create: Callable[[str], object]) -> None:
    database.parent.mkdir(parents=True, exist_ok=True)
    draft = database.with_name(f".{database.name}.{os.getpid()}")
    try:
        draft.touch()  # SQLite's own message does not say that the folder cannot be written
        with _without_waiting():
            create(address(draft))
        _flush(draft)
        try:
            os.link(draft, database)  # unlike a rename, does not replace a store that appeared meanwhile
        except FileExistsError:
            return
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)


@contextmanager
def _without_waiting() -> Iterator[None]:
    """Let SQLite leave its writes to the operating system: a hundred migrations wait for the disk seconds long."""
    # Only the first run of a project makes a store, all others do without this import.
    from sqlalchemy import Engine, event  # noqa: PLC0415

    def relax(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)


def _flush(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _relocate(database: Path) -> None:
    here = str(database.parent)
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        if _noted(connection) == here:
            return
        connection.execute("BEGIN IMMEDIATE")
        there = _noted(connection)
        if there is not None:
            for table, column in LOCATIONS:
                _replace_prefix(connection, table, column, there, here)
        connection.execute(NOTE)
        connection.execute("DELETE FROM pipeline_store")
        connection.execute("INSERT INTO pipeline_store VALUES (?)", (here,))
        connection.execute("COMMIT")


def _noted(connection: sqlite3.Connection) -> str | None:
    tables = "SELECT 1 FROM sqlite_master WHERE name = 'pipeline_store'"
    if connection.execute(tables).fetchone() is None:
        return None
    row = connection.execute("SELECT folder FROM pipeline_store").fetchone()
    return str(row[0]) if row else None


def _replace_prefix(connection: sqlite3.Connection, table: str, column: str, there: str, here: str) -> None:
    """Move the values under folder `there`, written as a path or as a file URI, to folder `here`."""
    for old, new in ((there, here), (f"file://{quote(there)}", f"file://{quote(here)}")):
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
            (new, len(old) + 1, len(old) + 1, old + "/"),
        )
