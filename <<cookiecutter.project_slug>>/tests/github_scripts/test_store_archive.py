from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from github_api import store_archive

from .conftest import nothing_is_here
from .fake_gh import FakeGitHub


@pytest.mark.parametrize(
    "name", ["../mlflow.db", "/etc/passwd", "mlartifacts/../../x", "scripts/check_gate.py", "mlartifacts\\..\\x"]
)
def test_an_archive_with_anything_else_in_it_is_refused(archive: Path, name: str) -> None:
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr(name, "x")
    with pytest.raises(store_archive.StoreError, match="which no pipeline writes"):
        store_archive.unpack(archive, Path("store"))
    assert nothing_is_here()


def test_a_link_in_an_archive_is_refused(archive: Path) -> None:
    link = zipfile.ZipInfo("mlartifacts/link")
    link.external_attr = 0o120777 * 65536
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr(link, "/etc/passwd")
    with pytest.raises(store_archive.StoreError, match="which no pipeline writes"):
        store_archive.unpack(archive, Path("store"))


def test_an_archive_that_unpacks_to_too_much_is_refused(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_archive, "LARGEST", 10)
    with pytest.raises(store_archive.StoreError, match="bytes when unpacked"):
        store_archive.unpack(archive, Path("store"))


def test_a_database_that_is_not_the_packed_one_is_refused(archive: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(other, "w") as target:
        for member in source.namelist():
            target.writestr(member, b"changed" if member == "mlflow.db" else source.read(member))
    with pytest.raises(store_archive.StoreError, match="not the one that was saved"):
        store_archive.unpack(other, Path("store"))


def test_a_file_that_is_no_archive_is_refused(github: FakeGitHub, tmp_path: Path) -> None:
    (tmp_path / "store.zip").write_text("no zip", encoding="utf-8")
    with pytest.raises(store_archive.StoreError, match="not a readable archive"):
        store_archive.unpack(tmp_path / "store.zip", Path("store"))
