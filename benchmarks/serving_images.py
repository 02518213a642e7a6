"""Images that serve the same model, by size: ours, and the one that MLflow describes, on the same base."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from .serving_peers import MLFLOW, ONNX, SKOPS

TAG = "serving-benchmark"


def megabytes(project: Path) -> dict[str, float]:
    """Return the unpacked size of each image that an engine could build; none where no engine answers."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        return {}
    sizes = {}
    for name, build in ((ONNX, partial(ours, "onnx")), (SKOPS, partial(ours, "skops")), (MLFLOW, mlflow)):
        try:
            sizes[name] = build(project)
        except subprocess.CalledProcessError as error:
            print(f"{name}: no image, because {' '.join(error.cmd)} failed (see above)", file=sys.stderr)
    return sizes


def ours(runtime: str, project: Path) -> float:
    """Return the size of the image of the model that `runtime` serves."""
    target = project / "artifacts/serving"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(project / "served" / runtime, target)
    name = f"{TAG}:{runtime}"
    run(project, "make", "image", f"IMAGE={name}")
    return size(name)


def mlflow(project: Path) -> float:
    """Return the size of MLflow's image, which is given the base image of ours."""
    folder, name = project / "mlflow-image", f"{TAG}:mlflow"
    run(project, ".venv/bin/mlflow", "models", "generate-dockerfile", "-m", "artifacts/model", "-d", str(folder))
    python = json.loads((project / "artifacts/serving/metadata.json").read_bytes())["environment"]["python"]
    base = f"FROM python:{python.rpartition('.')[0]}-slim"
    recipe = folder / "Dockerfile"
    recipe.write_text(re.sub(r"(?m)^FROM \S+", base, recipe.read_text(encoding="utf-8")), encoding="utf-8")
    run(project, "docker", "buildx", "build", "--load", f"--tag={name}", str(folder))
    return size(name)


def size(name: str) -> float:
    """Return the MB of all layers; what the engine lists beside an image depends on how it keeps them."""
    words = ["docker", "history", "--human=false", "--format={{.Size}}", name]
    return sum(map(int, subprocess.run(words, check=True, capture_output=True, text=True).stdout.split())) / 1e6


def run(project: Path, *command: str) -> None:
    """Run a command in the project."""
    subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL)
