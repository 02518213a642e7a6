"""Shared by the tests: one saved model and one tracking store, copied instead of made anew."""

from __future__ import annotations

import gc
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from <<cookiecutter.package_name>>.config import Tracking
from <<cookiecutter.package_name>>.learning import models
from <<cookiecutter.package_name>>.store import tracking
from <<cookiecutter.package_name>>.store.tracking import Store

from tests.example import fitted, make_contract, make_frame

SETTINGS = Tracking(experiment="example", model="example", timeout_seconds=1, retries=0)

# A tracking store, and exported models: seconds to import and to make.
COSTLY = frozenset({"pristine_store", "folders"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what tries many examples, and what needs something costly."""
    for item in items:
        many = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if many or COSTLY.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """Keep the garbage collector off what was imported and collected: walking it took a tenth of the quick tests."""
    gc.freeze()


@pytest.fixture(scope="session")
def impatient_databases() -> Iterator[None]:
    """Let SQLite not wait for the disk, which would be most of what the tests of the registry do."""
    from sqlalchemy import Engine, event  # noqa: PLC0415  # quick tests do without

    def relax(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    yield
    event.remove(Engine, "connect", relax)


@pytest.fixture(scope="session")
def contract_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a contract folder with the example's binary contract."""
    folder = tmp_path_factory.mktemp("contract")
    (folder / "data.schema.json").write_text(json.dumps(make_contract().schema), encoding="utf-8")
    (folder / "dataset.toml").write_text("[rows]\nmin = 1\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory, contract_folder: Path) -> Path:
    """Return the example's saved model; leave it as it is."""
    folder = tmp_path_factory.mktemp("model") / "model"
    models.save(fitted().pipeline, make_contract(), folder, make_frame(rows=3), contract_folder=contract_folder)
    return folder


@pytest.fixture(scope="session")
def pristine_store(tmp_path_factory: pytest.TempPathFactory, impatient_databases: None) -> Path:
    """Return the file of an empty store, whose making is most of what a test with a store costs."""
    database = tmp_path_factory.mktemp("pristine") / "mlflow.db"
    tracking.connect(SETTINGS, f"sqlite:///{database}")
    return database


@pytest.fixture
def store(pristine_store: Path, tmp_path: Path) -> Store:
    """Return an open store of this test's own."""
    shutil.copyfile(pristine_store, tmp_path / "mlflow.db")
    return tracking.connect(SETTINGS, f"sqlite:///{tmp_path / 'mlflow.db'}")
