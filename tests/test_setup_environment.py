"""`make setup` finds a Python, installs by hash, respects pip's settings and explains what it cannot do."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from .test_rendering import GENERATED

SCRIPT = GENERATED / "scripts" / "setup_environment.py"


def load() -> ModuleType:
    """Return the script as a module; it lies in a folder whose name cannot be imported."""
    spec = importlib.util.spec_from_file_location("setup_environment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode  # no cache inside the template
    spec.loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


script = load()


def program(path: Path, body: str) -> Path:
    """Write an executable shell program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a machine with no Python but what a test puts there, and go to a project on it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(script.sys, "executable", str(program(tmp_path / "old/python", "echo 3.9 0")))
    for name in ("requirements/dev.txt", "requirements/uv.txt", "pyproject.toml"):
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text("uv==0.13.8 --hash=x\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


def test_the_wanted_python_is_taken_from_the_path(machine: Path) -> None:
    program(machine / "bin/python3.14", "echo 3.14 0")
    wanted = program(machine / "bin/python3.12", "echo 3.12 0")
    assert script.choose_python("3.12") == ("3.12", str(wanted))


@pytest.mark.parametrize(
    "place", [".pyenv/versions/3.13.{}/bin", ".local/share/uv/python/cpython-3.13.{}-linux-x86_64-gnu/bin"]
)
def test_the_newest_patch_of_pyenv_or_uv_is_found(place: str, machine: Path) -> None:
    for patch in (9, 10):
        program(machine / place.format(patch) / "python3.13", "echo 3.13 0")
    assert script.choose_python("3.13") == ("3.13", str(machine / place.format(10) / "python3.13"))


@pytest.mark.parametrize(
    "body", ["echo 'pyenv: not installed' >&2; exit 127", "echo 3.12 0", "echo 3.13 1"], ids=["shim", "lie", "no-gil"]
)
def test_a_program_that_only_looks_like_the_wanted_python_is_passed_over(body: str, machine: Path) -> None:
    program(machine / "bin/python3.13", body)
    found = program(machine / ".pyenv/versions/3.13.1/bin/python3.13", "echo 3.13 0")
    assert script.choose_python("3.13") == ("3.13", str(found))


def test_without_the_wanted_python_the_newest_supported_is_taken_and_said(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in ("3.11", "3.12", "3.15"):
        program(machine / f"bin/python{version}", f"echo {version} 0")
    assert script.choose_python("3.14")[0] == "3.12"
    assert capsys.readouterr().out.startswith("Python 3.14 is not on this machine")


def test_no_supported_python_is_one_clear_error(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(machine / "bin/python3", "echo 3.9 0")
    assert script.main(["--python", "3.13"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: no supported Python found (looked for 3.14, 3.13, 3.12, 3.11 on the PATH")
    assert "uv python install 3.13" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("says", "wanted"),
    [
        ("The virtual environment was not created because ensurepip is not available.", "apt install python3.13-venv"),
        ("/usr/bin/python3.13: No module named venv", "apt install python3.13-venv"),
        ("Error: [Errno 28] No space left on device", "No space left on device"),
    ],
    ids=["no-ensurepip", "no-venv", "full-disk"],
)
def test_a_python_without_venv_names_the_package_to_install(
    says: str, wanted: str, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(machine / "bin/python3.13", f'if [ "$1" = -c ]; then echo 3.13 0; else echo "{says}"; exit 1; fi')
    assert script.main(["--python", "3.13"]) == 2
    said = capsys.readouterr().err
    assert wanted in said
    assert said.count("\n") == 1
    assert not Path(".venv").exists()


def test_a_missing_lock_is_one_clear_error(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(machine / "bin/python3.13", "echo 3.13 0")
    assert script.main(["--requirements", "requirements/absent.txt"]) == 2
    assert capsys.readouterr().err == "error: requirements/absent.txt: No such file or directory\n"


@pytest.mark.parametrize(
    ("version", "taken"), [("0.13.8", True), ("0.13.12", True), ("0.13.7", False), ("0.14.0", False), ("1.13.9", False)]
)
def test_only_a_compatible_uv_of_the_machine_is_used(version: str, taken: bool, machine: Path) -> None:
    own = program(machine / "bin/uv", f"echo 'uv {version} (linux)'")
    program(Path(".venv/bin/python"), "exit 0")  # stands for pip, which would install the pinned uv
    found = script.find_uv(Path("requirements/uv.txt"))
    assert found == (str(own) if taken else ".venv/bin/uv")


def test_pip_settings_reach_uv_under_its_own_names(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(
        Path(".venv/bin/python"), r"""printf "global.index-url='https://a.example/simple'\nglobal.cert='/c.pem'\n" """
    )
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://b.example/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels https://c.example/wheels")
    made = script.uv_settings(script.pip_settings(), {"SSL_CERT_FILE": "/kept.pem"})
    assert made == {
        "UV_DEFAULT_INDEX": "https://a.example/simple",
        "UV_FIND_LINKS": "/wheels,https://c.example/wheels",
        "UV_INDEX": "https://b.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


@pytest.mark.parametrize(
    ("set_to", "made"), [("1", {"UV_COMPILE_BYTECODE": "1"}), ("", {})], ids=["forbidden", "allowed"]
)
def test_libraries_are_compiled_at_once_where_python_may_not_keep_it(set_to: str, made: dict[str, str]) -> None:
    assert script.uv_settings({}, {"PYTHONDONTWRITEBYTECODE": set_to}) == made


def test_an_old_python_can_read_the_script() -> None:
    code = "import ast, sys; ast.parse(sys.stdin.read(), feature_version=(3, 7))"
    source = SCRIPT.read_text(encoding="utf-8")
    assert subprocess.run([sys.executable, "-c", code], input=source, text=True, check=False).returncode == 0
    assert "import tomllib" not in source
