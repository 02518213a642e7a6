"""Format the Python files of the generated tree where they lie, and list the files that a project has.

No formatter can read an import of `<<cookiecutter.package_name>>`. So a project is rendered under a name that occurs
nowhere else, ruff mends it by the project's own settings, and the name is turned back. `make tidy` runs this.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from hooks.post_gen_project import VARIANTS

from .conftest import ROOT, files, render

# As long as a name may be: a line that fits with it fits with every name, and one that was wrapped stays wrapped.
MARK = f"package_to_tidy_{'x' * 24}"
EXPRESSION = "<<cookiecutter.package_name>>"
LIST = Path(__file__).with_name("generated_files.txt")


def main() -> int:
    """Mend the files, write the list, name what changed."""
    with TemporaryDirectory() as folder:
        os.environ["COOKIECUTTER_CONFIG"] = settings(Path(folder))
        project = render(Path(folder), package_name=MARK)
        listed = with_conditions([str(path).replace(MARK, "PACKAGE") for path in files(project)], Path(folder))
        before = {path: path.read_text(encoding="utf-8") for path in project.rglob("*.py")}
        ruff = str(Path(sys.executable).with_name("ruff"))
        for command in (["check", "--fix", "--exit-zero", "--silent"], ["format", "--silent"]):
            subprocess.run([ruff, *command, "."], cwd=project, check=True)
        for path, old in before.items():
            turn_back(path, old, str(path.relative_to(project)))
    LIST.write_text("".join(f"{name}\n" for name in listed), encoding="utf-8")
    return 0


def with_conditions(common: list[str], folder: Path) -> list[str]:
    """Return the files of the default answers and, with their condition, those that only another choice brings."""
    listed = list(common)
    for question, (choices, _) in VARIANTS.items():
        for choice in choices:
            project = render(folder / choice, package_name=MARK, **{question: choice})
            paths = [str(path).replace(MARK, "PACKAGE") for path in files(project)]
            listed += [f"{path} {question}={choice}" for path in paths if path not in common]
    return sorted(listed)


def settings(folder: Path) -> str:
    """Write settings that keep the user's default answers out, and return their path."""
    path = folder / "settings.yaml"
    path.write_text(f"replay_dir: {folder / 'replay'}\n", encoding="utf-8")
    return str(path)


def turn_back(path: Path, old: str, name: str) -> None:
    """Put what ruff made of `path` into the template, unless the template's file holds another expression."""
    new = path.read_text(encoding="utf-8")
    target = ROOT / "<<cookiecutter.project_slug>>" / name.replace(MARK, EXPRESSION)
    if new == old:
        return
    source = target.read_text(encoding="utf-8").replace("<<cookiecutter.package_name>>", EXPRESSION)
    if source != old.replace(MARK, EXPRESSION):
        print(f"by hand: {name.replace(MARK, 'PACKAGE')} (it names more than the package)")
        return
    target.write_text(new.replace(MARK, EXPRESSION), encoding="utf-8")
    print(f"tidied: {name.replace(MARK, 'PACKAGE')}")


if __name__ == "__main__":
    sys.exit(main())
