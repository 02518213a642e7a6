"""Measure the service against peers that answer with the same model: the server on one core, the client on another.

Usage: python -m benchmarks.serving [--seconds 8] [--only NAME] [--project FOLDER] [--write]

It needs wrk (apt-get install wrk); where a container engine answers, images are built and their sizes told, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .serving_images import megabytes
from .serving_load import SCRIPT, SERVER_CORE, Load, memory, running, wrk
from .serving_peers import CONSTANT, FILES, MLFLOW, ONNX, PACKAGE, PEERS, SKOPS, Peer

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/benchmarks.md"
PROJECT = "customer-churn"
CONNECTIONS = (1, 16, 64)
LIMITS = ((ONNX, MLFLOW, 40.0), (SKOPS, MLFLOW, 10.0), (ONNX, CONSTANT, 1 / 1.5))  # least ratio of requests per second
FLOOR = f"""
import json, time
from pathlib import Path
from {PACKAGE}.serving import bundle, runtimes
found = bundle.load(Path("served/onnx"))
model, rows = runtimes.load(found, 1), found.golden["rows"][:1]
def spent(count):
    begun = time.perf_counter()
    for _ in range(count):
        model.answer(rows)
    return time.perf_counter() - begun
spent(500)
print(min(spent(2000) for _ in range(5)) / 2000)
"""


@dataclass(frozen=True)
class Result:
    """One server: seconds from exec to the first answer, memory of its processes, and its loads by connections."""

    ready: float
    megabytes: float
    loads: Mapping[int, Load]


def main(argv: Sequence[str] | None = None) -> int:
    """Print a Markdown table; return 1 when a ratio of LIMITS is missed, 2 when wrk is not there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=8, help="of each load [%(default)s]")
    parser.add_argument("--only", action="append", choices=list(PEERS), help="measure this server; may be repeated")
    parser.add_argument("--project", type=Path, help="an installed project with a registered model [make a new one]")
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT.relative_to(ROOT)}")
    options = parser.parse_args(argv)
    if shutil.which("wrk") is None:
        print("error: wrk not found; install it (apt-get install wrk)", file=sys.stderr)
        return 2
    with TemporaryDirectory() as folder:
        project = (options.project or prepare(Path(folder))).absolute()
        write(project)
        pythons = environments(project, options.only or list(PEERS))
        results = {name: measure(project, PEERS[name], home, options.seconds) for name, home in pythons.items()}
        floor = in_process(project, pythons[ONNX]) if ONNX in pythons else None
        images = {} if options.only else megabytes(project)
    lines = table(results, images)
    print("\n".join(lines))
    if floor is not None:
        print(f"\nIn process, without a server: {floor * 1e6:.0f} µs a row, {1 / floor:,.0f} a second.")
    if options.write:
        write_table(lines)
    return verdict(results)


def prepare(folder: Path) -> Path:
    """Return a generated project, installed, with a registered model."""
    cookiecutter = str(Path(sys.executable).with_name("cookiecutter"))
    command = [cookiecutter, str(ROOT), "--no-input", "--output-dir", str(folder), "init_git=false"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    project = folder / PROJECT
    for words in ("setup", "pipeline"):
        subprocess.run(["make", words], cwd=project, check=True, stdout=subprocess.DEVNULL)
    return project


def write(project: Path) -> None:
    """Write what is served, by either runtime, and the files of the peers."""
    for runtime in ("onnx", "skops"):
        target = project / "served" / runtime
        if not target.exists():
            command = ["make", "export", f"RUNTIME={runtime}"]
            subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL)
            shutil.copytree(project / "artifacts/serving", target)
    for name, content in FILES.items():
        (project / name).write_text(content, encoding="utf-8")


def environments(project: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return the environments of the servers; one that cannot be installed here has no row."""
    found = {}
    for name in names:
        home = ROOT / "build/peers" / f"serving-{fingerprint(project, PEERS[name])}"
        if not (home / "installed").exists() and not install(project, PEERS[name], home):
            print(f"{name} cannot be installed here, so the table has no row for it", file=sys.stderr)
            continue
        found[name] = home
    return found


def fingerprint(project: Path, peer: Peer) -> str:
    """Return what names an environment: servers with the same packages share one, and a new lock makes a new one."""
    files = [(project / name).read_bytes() for name in re.findall(r"-r (\S+)", peer.packages)]
    return hashlib.sha256(b"".join([peer.packages.encode(), *files])).hexdigest()[:12]


def install(project: Path, peer: Peer, home: Path) -> bool:
    """Make the environment of a server, and tell whether that went well."""
    shutil.rmtree(home, ignore_errors=True)
    if not any(succeeded([python, "-m", "venv", str(home)], project) for python in peer.pythons):
        return False
    pip = [str(home / "bin/python"), "-m", "pip", "install", "--quiet"]
    # A locked file and a package without hash cannot be given at once.
    parts = [part.split() for part in re.split(r"(-r \S+)", peer.packages) if part.strip()]
    if not all(succeeded([*pip, *part], project) for part in parts):
        return False
    (home / "installed").touch()
    return True


def succeeded(command: Sequence[str], folder: Path) -> bool:
    """Tell whether `command` exists and ends with 0."""
    program = shutil.which(command[0])
    return program is not None and subprocess.run(command, cwd=folder, check=False).returncode == 0


def measure(project: Path, peer: Peer, home: Path, seconds: int) -> Result:
    """Start a server, load it, and end it."""
    rows = json.loads((project / "served/onnx/golden.json").read_bytes())["rows"][:1]
    (project / "body.json").write_text(json.dumps(body(peer.form, rows)), encoding="utf-8")
    (project / "body.lua").write_text(SCRIPT.format(body=project / "body.json"), encoding="utf-8")
    with running(project, peer, home) as (url, ready, process):
        wrk(project, url, 1, 2)
        loads = {connections: wrk(project, url, connections, seconds) for connections in CONNECTIONS}
        return Result(ready, memory(process), loads)


def body(form: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the question in the form that a server takes."""
    if form != "tensors":
        return {form: rows}
    kinds = {str: "BYTES", bool: "BOOL", int: "INT64", float: "FP64"}
    return {
        "parameters": {"content_type": "pd"},
        "inputs": [
            {"name": name, "shape": [1, 1], "datatype": kinds[type(value)], "data": [value]}
            | ({"parameters": {"content_type": "str"}} if isinstance(value, str) else {})
            for name, value in rows[0].items()
        ],
    }


def in_process(project: Path, home: Path) -> float:
    """Return the seconds of one answer without any server."""
    command = ["taskset", "-c", SERVER_CORE, str(home / "bin/python"), "-c", FLOOR]
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    done = subprocess.run(command, cwd=project, env=environment, check=True, stdout=subprocess.PIPE)
    return float(done.stdout)


def table(results: Mapping[str, Result], images: Mapping[str, float]) -> list[str]:
    """Return the lines of the Markdown table."""
    rates = " | ".join(f"req/s, {count}" for count in CONNECTIONS)
    times = " | ".join(f"p50 / p99 ms, {count}" for count in CONNECTIONS)
    lines = [
        f"| server | ready s | MiB | image MB | {rates} | {times} | faults |",
        "|---|" + "---:|" * (4 + 2 * len(CONNECTIONS)),
    ]
    for name, result in results.items():
        image = f"{images[name]:.0f}" if name in images else "-"
        rates = " | ".join(f"{load.per_second:,.0f}" for load in result.loads.values())
        times = " | ".join(f"{load.median_ms:.2f} / {load.p99_ms:.2f}" for load in result.loads.values())
        faults = sum(load.faults for load in result.loads.values())
        lines.append(
            f"| {name} | {result.ready:.2f} | {result.megabytes:.0f} | {image} | {rates} | {times} | {faults} |"
        )
    return lines


def write_table(lines: Sequence[str]) -> None:
    """Put the table between the marks of the document."""
    before, begin, rest = DOCUMENT.read_text(encoding="utf-8").partition("<!-- serving -->\n")
    _, end, after = rest.partition("<!-- /serving -->")
    DOCUMENT.write_text("".join([before, begin, *(f"{line}\n" for line in lines), end, after]), encoding="utf-8")


def verdict(results: Mapping[str, Result]) -> int:
    """Say which of the ratios at 16 connections hold; return 1 when one does not, or when a request failed."""
    failed = any(load.faults for result in results.values() for load in result.loads.values())
    for name, other, least in LIMITS:
        if name in results and other in results:
            ratio = results[name].loads[16].per_second / results[other].loads[16].per_second
            print(f"\n{name} against {other}: {ratio:.2f}, wanted at least {least:.2f}")
            failed |= ratio < least
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
