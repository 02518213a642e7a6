"""Build the container image of artifacts/serving, or plan its build for a workflow.

`--plan` builds nothing: it hands the image's name, labels and build arguments to the next steps of a workflow.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVING = Path("artifacts/serving")  # what the Dockerfile copies
UNKNOWN_OPTION = 125  # how docker ends when it does not know one, as without the plugin
RUNTIMES = ("onnx", "skops")
SLUG = "<<cookiecutter.project_slug>>"
SOURCE = "https://github.com/<<cookiecutter.github_owner>>/<<cookiecutter.project_slug>>"
GITHUB_REGISTRY = "ghcr.io"


class ImageError(Exception):
    """The image cannot be built; the message says what to do."""


@dataclass(frozen=True)
class Plan:
    """What an image is made with: the lock file of `runtime`, the Python of the training, and what its labels say."""

    runtime: str
    python: str
    version: str
    labels: Mapping[str, str]

    @property
    def arguments(self) -> tuple[str, str]:
        """Return the arguments of the Dockerfile."""
        return f"PYTHON={self.python}", f"RUNTIME={self.runtime}"


def main(argv: Sequence[str] | None = None) -> int:
    """Build or plan; exit 0, 1 when the build fails, 2 when there is nothing to build from."""
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", default=f"{SLUG}:dev", metavar="NAME", help="[%(default)s]")
    parser.add_argument("--plan", action="store_true", help="write the plan to $GITHUB_OUTPUT instead of building")
    options = parser.parse_args(argv)
    try:
        plan = make_plan(SERVING)
        return hand_on(outputs(plan, os.environ)) if options.plan else build(plan, options.image)
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.filename or 'file system'}: {error.strerror or error}", file=sys.stderr)
    return 2


def make_plan(serving: Path) -> Plan:
    """Return how to build the image of the folder `serving`. Raises ImageError when it is incomplete or altered."""
    exported, metadata = read(serving / "export.json", "export/1"), read(serving / "metadata.json", "metadata/1")
    runtime = exported.get("runtime")
    if runtime not in RUNTIMES:
        raise ImageError(f"{serving / 'export.json'}: runtime is {runtime!r}, wanted {' or '.join(RUNTIMES)}")
    digest = checked_model(serving, exported)
    identity = metadata["identity"]
    labels = {
        "org.opencontainers.image.title": SLUG,
        "org.opencontainers.image.version": identity["version"],
        "org.opencontainers.image.created": metadata["training"]["created"],
        "org.opencontainers.image.source": source(os.environ),
        "org.opencontainers.image.revision": revision(os.environ),
        "ml.model.name": identity["name"],
        "ml.model.run-id": identity["run_id"],
        "ml.model.sha256": digest,
        "ml.model.contract-digest": metadata["lineage"]["contract"]["digest"],
    }
    python = metadata["environment"]["python"].rpartition(".")[0]  # without its patch, which the base image chooses
    return Plan(runtime, python, identity["version"], labels)


def read(path: Path, expect: str) -> dict[str, Any]:
    """Return the document at `path`, whose `format` must be `expect`."""
    try:
        document = dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ImageError(f"{path}: not found; run 'make export' first") from error
    except ValueError as error:
        raise ImageError(f"{path}: cannot be read as JSON ({error}); run 'make export' again") from error
    if document.get("format") != expect:
        raise ImageError(f"{path}: format is {document.get('format')!r}, wanted {expect!r}; run 'make export' again")
    return document


def checked_model(serving: Path, exported: Mapping[str, Any]) -> str:
    """Return the model's digest. Raises ImageError when it is not the one that was exported."""
    path, wanted = serving / exported["model"]["file"], exported["model"]["sha256"]
    seen = hashlib.sha256(path.read_bytes()).hexdigest()
    if seen != wanted:
        raise ImageError(f"{path}: sha256 is {seen}, wanted {wanted}; run 'make export' again")
    return seen


def source(environment: Mapping[str, str]) -> str:
    """Return the address of the repository: GitHub's own word in a workflow."""
    named = environment.get("GITHUB_REPOSITORY")
    return f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{named}" if named else SOURCE


def revision(environment: Mapping[str, str]) -> str:
    """Return the commit of the code, marked when files differ from it; `unknown` outside of Git."""
    if environment.get("GITHUB_SHA"):
        return environment["GITHUB_SHA"]
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
        changed = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return "unknown" if commit.returncode else commit.stdout.strip() + ("-dirty" if changed.stdout else "")


def build(plan: Plan, image: str) -> int:
    """Build `image` for the local engine and return 0, or 1 when the engine refuses."""
    labels = [f"--label={name}={value}" for name, value in plan.labels.items()]
    arguments = [f"--build-arg={argument}" for argument in plan.arguments]
    options = ["--load", *arguments, *labels, f"--tag={image}"]
    try:
        done = subprocess.run(["docker", "buildx", "build", *options, "."], check=False)
    except FileNotFoundError as error:
        raise ImageError("docker is not installed; see https://docs.docker.com/engine/install/") from error
    if done.returncode:
        unknown = done.returncode == UNKNOWN_OPTION
        hint = "; `docker buildx version` tells whether the plugin is there that builds" if unknown else ""
        print(f"error: building {image} failed with exit code {done.returncode} (see above){hint}", file=sys.stderr)
        return 1
    print(f"{image} serves {plan.labels['ml.model.name']} {plan.version} with {plan.runtime}")
    return 0


def outputs(plan: Plan, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a workflow needs to build and push. Raises ImageError when it could not log in to push."""
    if "GITHUB_OUTPUT" not in environment:
        raise ImageError("--plan is for the steps of a workflow; leave it out to build the image here")
    registry = environment.get("REGISTRY") or GITHUB_REGISTRY
    host = registry.partition("/")[0]
    name = f"{registry}/{environment['GITHUB_REPOSITORY_OWNER']}/{SLUG}".lower()
    check_login(environment, registry, name)
    return {
        "registry": host,
        "name": name,
        # People read the tag; it is never given out again, and what is deployed is named by its digest.
        "tag": f"{name}:{plan.version}-{environment['GITHUB_RUN_ID']}.{environment['GITHUB_RUN_ATTEMPT']}",
        "build-args": "\n".join(plan.arguments),
        "labels": "\n".join(f"{name}={value}" for name, value in plan.labels.items()),
    }


def check_login(environment: Mapping[str, str], registry: str, name: str) -> None:
    """Raise ImageError when the push would be refused, or when GitHub would hide where the image went."""
    user = environment.get("REGISTRY_USERNAME", "")
    if registry.partition("/")[0] != GITHUB_REGISTRY and not (user and environment.get("REGISTRY_PASSWORD")):
        raise ImageError(
            f"REGISTRY is {registry!r}, which does not take GitHub's own token; "
            "set the secrets REGISTRY_USERNAME and REGISTRY_PASSWORD"
        )
    if user and user in name:
        # GitHub drops an output that contains a secret, so the deployment would get an empty name.
        raise ImageError(
            "the secret REGISTRY_USERNAME is part of the image's name, which GitHub would therefore withhold from "
            "the deployment; log in as a user of another name, such as a robot account of the registry"
        )


def hand_on(values: Mapping[str, str]) -> int:
    """Write `values` for the next steps, and to the log."""
    text = "".join(f"{name}<<END-OF-VALUE\n{value}\nEND-OF-VALUE\n" for name, value in values.items())
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as stream:
        stream.write(text)
    print("\n".join(f"{name}: {value}" for name, value in values.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
