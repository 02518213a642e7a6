"""Exported models and services, made once per session; tests that count or change things make their own service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from <<cookiecutter.package_name>>.files import read_json

from tests.serving.client import Client, serve
from tests.serving.folders import export

Folders = Callable[[str, str], Path]
RUNTIMES = ("onnx", "skops")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Return what gives the exported model of a kind and a runtime; leave it as it is."""
    root = tmp_path_factory.mktemp("served")

    def folder(kind: str, runtime: str) -> Path:
        found = root / kind / runtime
        return found if found.exists() else export(root, kind, runtime)

    return folder


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Return each runtime in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def folder(folders: Folders, runtime: str) -> Path:
    """Return the exported model of two classes."""
    return folders("binary", runtime)


@pytest.fixture(scope="session")
def client(folder: Path) -> Client:
    """Return a client of a shared service."""
    return serve(folder)


@pytest.fixture
def own(folder: Path) -> Client:
    """Return a client of a service of this test's own, whose counters start at zero."""
    return serve(folder)


@pytest.fixture(scope="session")
def rows(folder: Path) -> list[dict[str, Any]]:
    """Return rows that the model was asked at its export."""
    return list(read_json(folder / "golden.json", expect="golden/1")["rows"])
