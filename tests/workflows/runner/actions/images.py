"""Container images: build, push, describe, attest, scan."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..errors import StepFailed, Unsupported
from ..origin import git
from ..records import Attestation, Image
from .build_context import image_digest
from .model import ActionCall, Outputs, model

GHCR = "ghcr.io"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SLSA_PROVENANCE = "https://slsa.dev/provenance/v1"


@model("docker/setup-buildx-action")
def setup_buildx(call: ActionCall) -> Outputs:
    """Accept any builder."""
    return {"driver": call.get("driver", "docker-container")}


@model("docker/login-action")
def login(call: ActionCall) -> Outputs:
    """Remember the registry for the rest of the job."""
    call.only("registry", "username", "password", "logout")
    registry = call.get("registry", "docker.io")
    call.need("username")
    token = call.hub.find_token(call.need("password"))
    if registry == GHCR and token is None:
        raise StepFailed('Error: Error response from daemon: Get "https://ghcr.io/v2/": denied: denied')
    call.state.logins.add(registry)
    call.log("Login Succeeded!")
    return {}


@model("docker/metadata-action")
def metadata(call: ActionCall) -> Outputs:
    """Return tags (`type=raw`, `type=sha` and `type=ref,event=branch`) and the standard labels."""
    call.only("images", "tags", "labels", "flavor", "context", "github-token")
    images = [line.lower() for line in call.lines("images")]
    versions = [version for line in call.lines("tags") or ["type=ref,event=branch"] for version in _version(call, line)]
    github = call.state.contexts["github"]
    labels = [
        f"org.opencontainers.image.revision={github['sha']}",
        f"org.opencontainers.image.source=https://github.com/{call.hub.repository}",
        *call.lines("labels"),
    ]
    tags = [f"{image}:{version}" for image in images for version in versions]
    return {"tags": "\n".join(tags), "labels": "\n".join(labels), "version": versions[0] if versions else ""}


def _version(call: ActionCall, line: str) -> list[str]:
    fields = dict(field.partition("=")[::2] for field in line.split(","))
    github = call.state.contexts["github"]
    if fields.get("enable", "true") != "true":
        return []
    if fields["type"] == "raw":
        return [fields["value"]]
    if fields["type"] == "sha":
        return [fields.get("prefix", "sha-") + (github["sha"] if fields.get("format") == "long" else github["sha"][:7])]
    if fields["type"] == "ref" and fields.get("event") == "branch":
        return [github["ref_name"].replace("/", "-")] if github["ref"].startswith("refs/heads/") else []
    raise Unsupported(call.state.result.path, f"the tag rule '{line}' of {call.name}")


@model("docker/build-push-action")
def build_push(call: ActionCall) -> Outputs:
    """Build an image whose digest follows from its context, labels and arguments; load it or push it when asked."""
    # Caches, platforms and provenance change how an image is built, not what these tests can see of it.
    call.only("context", "file", "push", "load", "tags", "labels", "build-args", "outputs", "cache-from", "cache-to",
              "platforms", "provenance", "sbom", "pull", "no-cache", "github-token", "annotations")  # fmt: skip
    folder = _context(call)
    labels = dict(line.partition("=")[::2] for line in call.lines("labels"))
    arguments = dict(line.partition("=")[::2] for line in call.lines("build-args"))
    dockerfile = call.state.workspace / call.get("file") if call.get("file") else folder / "Dockerfile"
    if not dockerfile.is_file():
        raise StepFailed(f"ERROR: failed to build: failed to read dockerfile: open {dockerfile.name}: no such file")
    digest = image_digest(folder, {**labels, **arguments})
    if call.flag("push", default=False) or "push=true" in call.get("outputs"):
        _push(call, digest, labels)
    # The digest is that of the manifest, which names the compressed layers; the id is that of the configuration.
    image = f"sha256:{hashlib.sha256(digest.encode()).hexdigest()}"
    if call.flag("load", default=False) or call.get("outputs").startswith("type=docker"):
        call.state.images.update(dict.fromkeys(call.lines("tags"), image))
    return {"digest": digest, "imageid": image, "metadata": json.dumps({"containerimage.digest": digest})}


def _context(call: ActionCall) -> Path:
    context = call.get("context")
    if context:
        folder = call.state.workspace / context
        if not folder.is_dir():
            raise StepFailed(f"ERROR: failed to build: unable to prepare context: path {context!r} not found")
        return folder
    # Without `context` the action builds from the commit, not from the workspace: downloaded files are not in it.
    folder = Path(tempfile.mkdtemp(dir=call.state.temp))
    shutil.rmtree(folder)
    call.hub.origin.export(call.state.contexts["github"]["sha"], folder)
    return folder


def _push(call: ActionCall, digest: str, labels: Mapping[str, str]) -> None:
    tags = tuple(tag for line in call.lines("tags") for tag in line.split(","))
    names = sorted({_image_name(tag) for tag in tags} or _named_outputs(call))
    if not names:
        raise StepFailed("ERROR: failed to build: tag is needed when pushing to registry")
    for name in names:
        if name != name.lower():
            raise StepFailed(f"ERROR: failed to build: invalid tag {name!r}: repository name must be lowercase")
        _check_push(call, name)
        call.hub.images.append(Image(name, digest, tags, dict(labels), call.state.run.id))


def _image_name(tag: str) -> str:
    return re.sub(r":[^:/]+$", "", tag)


def _named_outputs(call: ActionCall) -> set[str]:
    return set(re.findall(r"(?:^|,)name=([^,]+)", call.get("outputs")))


def _check_push(call: ActionCall, name: str) -> None:
    registry = name.partition("/")[0]
    if registry not in call.state.logins:
        raise StepFailed(f"ERROR: failed to push {name}: denied: requested access to the resource is denied")
    if registry == GHCR:
        call.require("packages", "write", f"failed to push {name}: denied: installation not allowed to Write packages")


@model("actions/attest")
def attest(call: ActionCall) -> Outputs:
    """Record a signed statement about a digest or about files."""
    call.only(
        "subject-name", "subject-digest", "subject-path", "sbom-path", "predicate-type", "predicate", "predicate-path",
        "push-to-registry", "create-storage-record", "show-summary", "github-token",
    )  # fmt: skip
    call.require("id-token", "write", "Failed to get ID token: missing `id-token: write` permission")
    call.require("attestations", "write", "Failed to persist attestation: Resource not accessible by integration")
    subjects = _subjects(call)
    kind, predicate = _predicate(call)
    github = call.state.contexts["github"]
    number = str(call.hub.next_id())
    for name, digest in subjects:
        call.hub.attestations.append(
            Attestation(name, digest, kind, predicate, call.state.workflow, call.state.run.id, github["ref"])
        )
    url = f"https://github.com/{call.hub.repository}/attestations/{number}"
    return {"attestation-id": number, "attestation-url": url}


def _subjects(call: ActionCall) -> list[tuple[str, str]]:
    if call.get("subject-digest"):
        digest = call.get("subject-digest")
        if not DIGEST.fullmatch(digest):
            raise StepFailed('Error: subject-digest must be in the format "sha256:<hex-digest>"')
        if call.flag("push-to-registry", default=False):
            _check_push(call, call.need("subject-name"))
        return [(call.need("subject-name"), digest)]
    found = [path for line in call.lines("subject-path") for path in sorted(call.state.workspace.glob(line))]
    if not found:
        raise StepFailed(f"Error: Could not find subject at path {call.get('subject-path')}")
    return [(path.name, f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}") for path in found]


def _predicate(call: ActionCall) -> tuple[str, Mapping[str, object]]:
    for name, kind in (("sbom-path", "https://spdx.dev/Document/v2.3"), ("predicate-path", call.get("predicate-type"))):
        if call.get(name):
            file = call.state.workspace / call.get(name)
            if not file.is_file():
                raise StepFailed(f"Error: {name} file not found: {call.get(name)}")
            return kind, json.loads(file.read_text())
    if call.get("predicate"):
        return call.need("predicate-type"), json.loads(call.get("predicate"))
    return SLSA_PROVENANCE, {"commit": git(call.hub.origin.path, "rev-parse", call.state.contexts["github"]["sha"])}


@model("anchore/sbom-action")
def sbom(call: ActionCall) -> Outputs:
    """Write an SPDX document that names the image or folder."""
    call.only("image", "path", "format", "output-file", "artifact-name", "upload-artifact", "dependency-snapshot")
    if call.flag("upload-artifact", default=True):
        raise Unsupported(call.state.result.path, f"the artifact that {call.name} uploads by default")
    _check_known(call, call.get("image"))
    document = {"spdxVersion": "SPDX-2.3", "name": call.get("image") or call.get("path", ".")}
    (call.state.workspace / call.need("output-file")).write_text(json.dumps(document))
    return {}


@model("aquasecurity/trivy-action")
def trivy(call: ActionCall) -> Outputs:
    """Fail with `exit-code` when the test planted a vulnerability of one of the severities."""
    call.only("image-ref", "scan-type", "scan-ref", "severity", "exit-code", "ignore-unfixed", "format", "version",
              "scanners", "cache")  # fmt: skip
    _check_known(call, call.get("image-ref"))
    wanted = set(call.get("severity", "UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL").split(","))
    found = wanted & call.hub.vulnerabilities
    if found and call.get("exit-code", "0") != "0":
        raise StepFailed(f"found vulnerabilities: {', '.join(sorted(found))}")
    return {}


def _check_known(call: ActionCall, image: str) -> None:
    """Fail the step when it names an image that was neither loaded by this job nor ever pushed."""
    pushed = {f"{item.name}@{item.digest}" for item in call.hub.images}
    if image and image not in call.state.images and image not in pushed:
        raise StepFailed(f"unable to find the specified image {image!r} in the local engine or its registry")
