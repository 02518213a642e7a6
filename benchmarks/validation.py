"""Measure the validation of a CSV table against reading it with pandas and against peers, in one run.

Usage: python benchmarks/validation.py [--rows 1000000] [--rounds 3], or --gigabytes 2 for the memory of a large file
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "customer-churn"
READ, OURS, LOOP = "pandas: read only", "this template", "jsonschema, row by row"
SCALED_ROWS = 20_000  # the row loop takes a minute per million rows; it is timed on these and scaled
MOST_MEGABYTES = 500
BYTES_PER_ROW = 69
PEERS = {
    "pandera on pandas": "pandera[pandas]==0.35.0 pandas==3.1.1 pyarrow==25.0.1",
    "great_expectations": "great-expectations==1.24.1 pyarrow==25.0.1",
}

NUMBERS = {"fee": (0, 500), "tenure": (0, 72), "calls": (0, 50), "usage": (0, 5000), "score": (0, 1), "age": (18, 120)}
INTEGERS = {"tenure", "calls", "age"}
LISTS = {"plan": ["basic", "plus", "pro"], "region": ["north", "south", "east", "west"], "paid": ["card", "invoice"]}
PATTERNS = {"customer": "^C[0-9]{8}$", "signed_up": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
CONTRACT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "x-version": "1.0.0",
    "type": "object",
    "properties": {
        **{name: {"type": "string", "pattern": pattern, "x-role": "id"} for name, pattern in PATTERNS.items()},
        **{name: {"type": "string", "enum": values, "x-role": "feature"} for name, values in LISTS.items()},
        **{
            name: {
                "type": "integer" if name in INTEGERS else ["number", "null"],
                "minimum": low,
                "maximum": high,
                "x-role": "feature",
            }
            for name, (low, high) in NUMBERS.items()
        },
        "churned": {"type": "integer", "enum": [0, 1], "x-role": "target"},
    },
    "required": [*PATTERNS, *LISTS, *NUMBERS, "churned"],
    "additionalProperties": False,
}

# Ten cells are broken: five above a limit, five outside of an enum.
WRITE = """
import sys, numpy, pandas, pyarrow
from pyarrow import csv
rows, path = int(sys.argv[1]), sys.argv[2]
file = open(path, "wb")
random = numpy.random.default_rng(0)
for start in range(0, rows, 1_000_000):
    n = min(1_000_000, rows - start)
    day = (numpy.datetime64("2020-01-01") + random.integers(0, 2000, n)).astype(str)
    table = pandas.DataFrame({
        "customer": [f"C{i:08d}" for i in range(start, start + n)], "signed_up": day,
        "plan": random.choice(["basic", "plus", "pro"], n),
        "region": random.choice(["north", "south", "east", "west"], n),
        "paid": random.choice(["card", "invoice"], n), "fee": random.uniform(0, 500, n).round(2),
        "tenure": random.integers(0, 72, n), "calls": random.poisson(2, n),
        "usage": random.lognormal(3, 1, n).clip(0, 4999).round(4),
        "score": random.random(n).round(6), "age": random.integers(18, 90, n), "churned": random.integers(0, 2, n)})
    table.loc[random.random(n) < 0.05, "fee"] = numpy.nan
    if not start:
        table.loc[[7, 77, 777, 1777, 2777], "age"] = 999
        table.loc[[8, 88, 888, 1888, 2888], "plan"] = "gold"
    options = csv.WriteOptions(include_header=not start, quoting_style="none")
    csv.write_csv(pyarrow.Table.from_pandas(table, preserve_index=False), file, options)
"""

# Each program times itself from the end of its imports, and prints seconds, cells found broken and peak memory.
FRAME = """
import json, resource, sys, time
{imports}
contract, path = json.load(open("contract/data.schema.json")), sys.argv[1]
start = time.perf_counter()
{work}
seconds = time.perf_counter() - start
print(json.dumps([seconds, found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
PROGRAMS: dict[str, tuple[str, str]] = {
    READ: ("import pandas", "found = 0; pandas.read_csv(path)"),
    OURS: (
        "from pathlib import Path\nfrom customer_churn.contracts.contract import load_contract\n"
        "from customer_churn.dataset.validation import validate",
        "report = validate([Path(path)], load_contract())\nfound = sum(each.count for each in report.violations)",
    ),
    LOOP: (
        "import pandas\nfrom jsonschema import Draft202012Validator",
        f"table = pandas.read_csv(path, nrows={SCALED_ROWS})\n"
        "rows = table.astype(object).where(table.notna(), None).to_dict('records')\n"
        "validator = Draft202012Validator(contract)\n"
        "found = sum(1 for row in rows for _ in validator.iter_errors(row))",
    ),
    "pandera on pandas": (
        "import pandas, pandera.pandas as pa\nfrom pandera.errors import SchemaErrors",
        """
def column(rules):
    kinds = rules["type"] if isinstance(rules["type"], list) else [rules["type"]]
    kind = {"integer": "int64", "number": "float64", "string": None}[kinds[0]]
    checks = [pa.Check.isin(rules["enum"])] if "enum" in rules else []
    checks += [pa.Check.str_matches(rules["pattern"])] if "pattern" in rules else []
    checks += [pa.Check.in_range(rules["minimum"], rules["maximum"])] if "minimum" in rules else []
    return pa.Column(kind, checks, nullable="null" in kinds)
schema = pa.DataFrameSchema({name: column(rules) for name, rules in contract["properties"].items()}, strict=True)
try:
    schema.validate(pandas.read_csv(path), lazy=True); found = 0
except SchemaErrors as error:
    found = len(error.failure_cases)
""",
    ),
    "great_expectations": (
        "import great_expectations as gx, pandas\nfrom great_expectations import expectations as e",
        """
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
asset = context.data_sources.add_pandas("tables").add_dataframe_asset("table")
batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": pandas.read_csv(path)})
wanted = [e.ExpectTableColumnsToMatchSet(column_set=list(contract["properties"]), exact_match=True)]
for name, rules in contract["properties"].items():
    if "null" not in rules["type"]:
        wanted.append(e.ExpectColumnValuesToNotBeNull(column=name))
    if "enum" in rules:
        wanted.append(e.ExpectColumnValuesToBeInSet(column=name, value_set=rules["enum"]))
    if "pattern" in rules:
        wanted.append(e.ExpectColumnValuesToMatchRegex(column=name, regex=rules["pattern"]))
    if "minimum" in rules:
        between = {"min_value": rules["minimum"], "max_value": rules["maximum"]}
        wanted.append(e.ExpectColumnValuesToBeBetween(column=name, **between))
result = batch.validate(gx.ExpectationSuite(name="suite", expectations=wanted))
found = sum(one.result.get("unexpected_count", 0) for one in result.results)
""",
    ),
}


@dataclass
class Result:
    """What the rounds of one program gave."""

    work: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    found: int = 0
    megabytes: float = 0.0


def main(argv: Sequence[str] | None = None) -> int:
    """Print a Markdown table; return 1 when a limit of speed or memory is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000, help="[%(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="timed runs of each, one after another [%(default)s]")
    parser.add_argument("--limit", type=float, default=3.0, help="largest ratio to reading with pandas [%(default)s]")
    parser.add_argument(
        "--python", type=Path, help="a Python with the project's dependencies [make setup of a new one]"
    )
    parser.add_argument("--gigabytes", type=float, help="measure the memory for a file of this size instead")
    options = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        project, python = prepare(Path(folder), options.python)
        if options.gigabytes:
            return memory(project, python, int(options.gigabytes * 1e9 / BYTES_PER_ROW))
        write(project, python, options.rows)
        results = measure(project, {READ: python, OURS: python, LOOP: python, **peers()}, options.rounds)
    print(table(results, options.rows))
    return int(median(results[OURS].work) > options.limit * median(results[READ].work))


def prepare(folder: Path, python: Path | None) -> tuple[Path, Path]:
    """Return a generated project with the benchmark's contract, and a Python that runs it."""
    command = [
        str(Path(sys.executable).with_name("cookiecutter")),
        str(ROOT),
        "--no-input",
        "--output-dir",
        str(folder),
    ]
    subprocess.run([*command, "init_git=false"], check=True, stdout=subprocess.DEVNULL)
    project = folder / PROJECT
    if python is None:
        subprocess.run(["make", "setup"], cwd=project, check=True, stdout=subprocess.DEVNULL)
        python = project / ".venv/bin/python"
    (project / "contract/data.schema.json").write_text(json.dumps(CONTRACT), encoding="utf-8")
    (project / "contract/dataset.toml").write_text("[rows]\nmin = 1\n", encoding="utf-8")
    return project, python.absolute()


def write(project: Path, python: Path, rows: int) -> None:
    """Write the table into the project."""
    subprocess.run([str(python), "-c", WRITE, str(rows), "table.csv"], cwd=project, check=True)


def peers() -> dict[str, Path]:
    """Return the interpreters of the peers; one that cannot be installed here has no row."""
    found = {}
    for name, packages in PEERS.items():
        home = ROOT / "build/peers" / name.replace(" ", "-")
        python = home / "bin/python"
        if not (home / "installed").exists():
            venv.create(home, with_pip=True, clear=True)
            if subprocess.run(
                [str(python), "-m", "pip", "install", "--quiet", *packages.split()], check=False
            ).returncode:
                print(f"{name} cannot be installed here, so the table has no row for it", file=sys.stderr)
                continue
            (home / "installed").touch()
        found[name] = python
    return found


def measure(project: Path, pythons: Mapping[str, Path], rounds: int) -> dict[str, Result]:
    """Run each program; rounds alternate, so that a slow moment meets all rows, and the first one warms up."""
    results = {name: Result() for name in pythons}
    for turn in range(rounds + 1):
        for name, python in pythons.items():
            start = time.perf_counter()
            seconds, found, megabytes = run(project, python, name)
            if turn:
                results[name].work.append(seconds)
                results[name].process.append(time.perf_counter() - start)
            results[name].found, results[name].megabytes = found, max(results[name].megabytes, megabytes)
    return results


def run(project: Path, python: Path, name: str) -> Any:
    """Return seconds, cells found broken and peak megabytes of one program."""
    imports, work = PROGRAMS[name]
    code = FRAME.format(imports=imports, work=work)
    quiet = {"PYTHONWARNINGS": "ignore", "GX_ANALYTICS_ENABLED": "false", "DISABLE_PANDERA_IMPORT_WARNING": "True"}
    surroundings = {**os.environ, **quiet, "PYTHONPATH": str(project / "src")}
    command = [str(python), "-c", code, "table.csv"]
    done = subprocess.run(command, cwd=project, check=True, stdout=subprocess.PIPE, env=surroundings)
    return json.loads(done.stdout.splitlines()[-1])


def table(results: Mapping[str, Result], rows: int) -> str:
    """Return the Markdown table of medians."""
    scale = max(rows / SCALED_ROWS, 1)
    lines = [
        f"{rows:,} rows of 12 columns; the row loop is measured on {SCALED_ROWS:,} rows and scaled.",
        "",
        "| what | s to read and check | against pandas' reading | s of the process | broken cells found | peak MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    read = median(results[READ].work)
    for name, result in results.items():
        work, process = median(result.work), median(result.process)
        if name == LOOP:
            work, process = work * scale, process + work * (scale - 1)
        found = "-" if name == READ else str(result.found)
        lines.append(f"| {name} | {work:.2f} | {work / read:.1f} | {process:.2f} | {found} | {result.megabytes:.0f} |")
    return "\n".join(lines)


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def memory(project: Path, python: Path, rows: int) -> int:
    """Print seconds and peak memory for a large file with unique keys; return 1 when it is too much."""
    (project / "contract/dataset.toml").write_text('[unique]\nkeys = [["customer"]]\n', encoding="utf-8")
    write(project, python, rows)
    size = (project / "table.csv").stat().st_size
    seconds, found, megabytes = run(project, python, OURS)
    print("| file | rows | s | broken cells found | peak MB |", "|---|---:|---:|---:|---:|", sep="\n")
    print(f"| {size / 1e9:.2f} GB | {rows:,} | {seconds:.1f} | {found} | {megabytes:.0f} |")
    return int(megabytes > MOST_MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
