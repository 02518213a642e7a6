"""Rendering of the template, apart from the machine's settings, for all tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter
from hypothesis import settings

from hooks.post_gen_project import fill_in, keep_chosen

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))

# Caches lie in the template's folders when somebody ran a tool there; a clone has none.
HIDDEN = {".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}

Render = Callable[..., Path]

settings.register_profile("template", deadline=None)  # a shared machine may pause for longer than any example takes
settings.load_profile("template")


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's default answers and Git settings out of the tests, and the tests out of the user's home."""
    home = tmp_path_factory.mktemp("home")
    settings = home / "cookiecutter.yaml"
    settings.write_text(f"replay_dir: {home / 'replay'}\ncookiecutters_dir: {home / 'templates'}\n", encoding="utf-8")
    own = {
        "COOKIECUTTER_CONFIG": str(settings),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "Tester",
        "GIT_AUTHOR_EMAIL": "tester@example.com",
        "GIT_COMMITTER_NAME": "Tester",
        "GIT_COMMITTER_EMAIL": "tester@example.com",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own.items():
            patch.setenv(name, value)
        # Else each process that a test starts would compile all that it imports.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture
def generate(tmp_path: Path) -> Render:
    """Return a function that generates a project as a person does, hooks included."""

    def generated(template: Path = ROOT, into: Path = tmp_path, **answers: object) -> Path:
        return Path(cookiecutter(str(template), no_input=True, output_dir=str(into), extra_context=answers))

    return generated


def render(into: Path, **answers: object) -> Path:
    """Render the template into `into` within this process: no process, no commit, so it is quick."""
    project = cookiecutter(str(ROOT), no_input=True, output_dir=str(into), extra_context=answers, accept_hooks=False)
    given = json.loads((Path(project) / ".template.json").read_text(encoding="utf-8"))
    keep_chosen(given, project)
    fill_in(given, project)
    return Path(project)


def files(project: Path) -> list[Path]:
    """Return every file of `project` that Git would not hide, relative to it."""
    found = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    return sorted(path for path in found if not HIDDEN.intersection(path.parts))
