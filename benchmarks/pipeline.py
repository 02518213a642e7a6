"""Measure `make pipeline` on the sample against one bare process that imports the same libraries and fits once.

Usage: python benchmarks/pipeline.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
BARE, FIRST, LATER = "bare process: import, read, fit once", "make pipeline, new store", "make pipeline, later runs"

# What anybody would write first: the same libraries, the same table, the same kind of estimator.
NAIVE = """
import mlflow.sklearn, pandas
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
table = pandas.read_csv("data/customers.csv")
features, target = table.iloc[:, 2:-1], table.iloc[:, -1]
encode = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
)
make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(features, target)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print a Markdown table of medians and ratios; return 1 when later runs are slower than the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="timed runs of each, one after another [%(default)s]")
    parser.add_argument("--limit", type=float, default=3.0, help="largest ratio to the bare process [%(default)s]")
    options = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        project = prepare(Path(folder))
        seconds = measure(project, options.rounds)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print("| what | median s | quickest s | against bare |", "|---|---:|---:|---:|", sep="\n")
    for name, values in seconds.items():
        print(f"| {name} | {medians[name]:.2f} | {min(values):.2f} | {medians[name] / medians[BARE]:.2f} |")
    return int(medians[LATER] > options.limit * medians[BARE])


def prepare(folder: Path) -> Path:
    """Generate and install a project in `folder`."""
    generate = [
        str(Path(sys.executable).with_name("cookiecutter")),
        str(ROOT),
        "--no-input",
        "--output-dir",
        str(folder),
    ]
    subprocess.run(generate, check=True, stdout=subprocess.DEVNULL)
    project = folder / "customer-churn"
    subprocess.run(["make", "setup"], cwd=project, check=True, stdout=subprocess.DEVNULL, env=environment())
    return project


def measure(project: Path, rounds: int) -> dict[str, list[float]]:
    """Time each command; rounds alternate, so that a slow moment meets all rows."""
    bare = [str(project / ".venv/bin/python"), "-c", NAIVE]
    seconds: dict[str, list[float]] = {BARE: [], FIRST: [], LATER: []}
    for turn in range(rounds + 1):
        (project / "mlflow.db").unlink(missing_ok=True)
        for name, command in ((BARE, bare), (FIRST, ["make", "pipeline"]), (LATER, ["make", "pipeline"])):
            start = time.perf_counter()
            subprocess.run(command, cwd=project, check=True, capture_output=True, env=environment())
            if turn:  # the first round compiles and warms the disk
                seconds[name].append(time.perf_counter() - start)
    return seconds


def environment() -> dict[str, str]:
    """Return the variables for children: without those of this `make`, and with bytecode kept as for any user."""
    hidden = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "MLFLOW_TRACKING_URI"}
    return {name: value for name, value in os.environ.items() if name not in hidden}


if __name__ == "__main__":
    sys.exit(main())
