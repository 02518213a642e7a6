"""Generate a project and show its whole life: accepted, promoted, compared, and refused when it should be.

`make demo` runs this. It exits 0 only when everything came out as announced, the refusals included.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "build" / "demo"
CUSTOMERS, TUMOURS = HOME / "customer-churn", HOME / "tumour-diagnosis"
PYTHON = ".venv/bin/python"
START = time.monotonic()

# What this `make` tells its children, and a setting without which every command compiles all libraries again.
NOT_INHERITED = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}

# A real table that comes with scikit-learn, as anybody's CSV file.
EXPORT = """
from sklearn.datasets import load_breast_cancer
table = load_breast_cancer(as_frame=True)
frame = table.frame.rename(columns={"target": "diagnosis"})
frame["diagnosis"] = frame["diagnosis"].map(dict(enumerate(table.target_names)))
frame.to_csv("tumours.csv", index=False)
print(f"tumours.csv: {len(frame)} rows, {frame.shape[1]} columns")
"""


class DemoError(Exception):
    """Something did not come out as announced."""


def main() -> int:
    """Run all chapters; return 0, or 1 at the first surprise."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    try:
        accepted()
        refused()
        own_data()
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    heading("Everything came out as announced")
    print(
        f"Look at {(CUSTOMERS / 'artifacts/report.html').relative_to(ROOT)} and {TUMOURS.relative_to(ROOT)}/artifacts."
    )
    return 0


def accepted() -> None:
    """Generate, install, train, promote, train again against the champion, predict."""
    heading("Generate a project")
    generate("Customer Churn")
    heading("Install it")
    run("make setup", CUSTOMERS)
    heading("Validate, train, evaluate, gate, register")
    run("make pipeline", CUSTOMERS)
    heading("Make the registered model the champion")
    run("make promote", CUSTOMERS)
    heading("Train again: now the champion has a say")
    run("make pipeline", CUSTOMERS)
    heading("Score a table with the champion")
    run("make predict OUT=artifacts/predictions.csv", CUSTOMERS)
    run("head -n 4 artifacts/predictions.csv", CUSTOMERS)


def refused() -> None:
    """Try a corrupted batch and a useless model: both stop where they should, and nothing is registered."""
    before = versions()
    heading("A corrupted batch is refused at validation")
    run(f"{PYTHON} data/make_sample.py --corrupted --out artifacts/corrupted.csv", CUSTOMERS)
    run(f"{PYTHON} scripts/pipeline.py --data artifacts/corrupted.csv", CUSTOMERS, expect=1)
    heading("A model that learned nothing is refused at the gate")
    settings = (CUSTOMERS / "config/pipeline.toml").read_text(encoding="utf-8")
    baseline = settings.replace('estimator = "linear"', 'estimator = "baseline"')
    if baseline == settings:
        raise DemoError("config/pipeline.toml does not name the linear estimator, so it could not be replaced")
    (CUSTOMERS / "config/baseline.toml").write_text(baseline, encoding="utf-8")
    run(f"{PYTHON} scripts/pipeline.py --config config/baseline.toml", CUSTOMERS, expect=1)
    (CUSTOMERS / "config/baseline.toml").unlink()
    if versions() != before:
        raise DemoError(f"a refused model was registered: {before} versions before, {versions()} after")
    print(f"\nThe registry still holds the same {before} versions.")


def own_data() -> None:
    """Take a table that the template never saw through the same pipeline, with no code change."""
    heading("Somebody else's data: the breast cancer table of scikit-learn")
    generate("Tumour Diagnosis")
    run("make setup", TUMOURS)
    run([PYTHON, "-c", EXPORT], TUMOURS)
    run(f"{PYTHON} scripts/infer_contract.py tumours.csv --target diagnosis", TUMOURS)
    run("make pipeline DATA=tumours.csv", TUMOURS)


def generate(name: str) -> None:
    """Generate a project called `name`, all other answers being the defaults."""
    cookiecutter = Path(sys.executable).with_name("cookiecutter")
    command = [str(cookiecutter), str(ROOT), "--no-input", "--output-dir", str(HOME), f"project_name={name}"]
    run(command, ROOT, show=f"cookiecutter . --no-input --output-dir build/demo project_name='{name}'")


def heading(text: str) -> None:
    """Print the title of a chapter with the seconds since the start."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}== {text} [{time.monotonic() - START:.0f} s]{plain}", flush=True)


def run(command: str | Sequence[str], folder: Path, *, expect: int = 0, show: str = "") -> None:
    """Print and run a command in `folder`; raise DemoError when it exits with another code than `expect`."""
    words = command.split() if isinstance(command, str) else list(command)
    shown = show or (command if isinstance(command, str) else f"{words[0]} -c …")
    print(f"$ {shown}", flush=True)
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    code = subprocess.run(words, cwd=folder, env=environment, check=False).returncode
    if code != expect:
        raise DemoError(f"{shown!r} exited with {code}, wanted {expect}")
    if expect:
        print(f"(exit {code}, as it should)", flush=True)


def versions() -> int:
    """Return how many model versions the project's registry holds."""
    with closing(sqlite3.connect(CUSTOMERS / "mlflow.db")) as registry:
        (count,) = registry.execute("select count(*) from model_versions").fetchone()
    return int(count)


if __name__ == "__main__":
    sys.exit(main())
