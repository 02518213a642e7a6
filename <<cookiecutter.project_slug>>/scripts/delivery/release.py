"""What runs in an environment and how it is rendered: the overlay, the image by digest, the notes on the Deployment.

The notes are annotations of the Deployment, not of its pods, so writing them restarts nothing. Three releases stand
there: `release/image` is the one that was applied last, `release/verified-image` the last one that was rolled out and
passed its checks, `release/previous-image` the verified one before that; each with its model version and run id. A
delivery that was killed leaves the first two different, so that the next one knows what is good, whatever runs.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cluster import Cluster
from .errors import MisuseError
from .records import Pinned, Record

OVERLAYS = Path("k8s/overlays")
CONTAINER = "server"
DEPLOYMENT = "deployments.apps"
PREFIX = "release/"
CAUSE = "kubernetes.io/change-cause"
REVISION = "deployment.kubernetes.io/revision"
IMAGE = re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class State:
    """A Deployment as it was found; all is empty when there is none. `image` is what it really runs."""

    image: str = ""
    applied: Pinned | None = None
    verified: Pinned | None = None
    previous: Pinned | None = None
    action: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> Pinned | None:
        """Return the release whose image runs; None when none has it, as when it was set by hand."""
        known = (pin for pin in (self.applied, self.verified, self.previous) if pin)
        return next((pin for pin in known if pin.image == self.image), None)

    @property
    def good(self) -> Pinned | None:
        """Return the release to go back to when the next one fails.

        An image that was set by hand is not what a killed delivery left: people wanted it.
        """
        known = [pin for pin in (self.applied, self.verified, self.previous) if pin]
        if self.image and all(pin.image != self.image for pin in known[:2]):
            return next((pin for pin in known if pin.image == self.image), Pinned(self.image))
        return self.verified

    @property
    def unfinished(self) -> bool:
        """Return whether a delivery ended before its release was verified."""
        return self.applied is not None and self.applied != self.verified

    @property
    def never_verified(self) -> bool:
        """Return whether a first release runs that was not verified, so that nothing is there to go back to."""
        return self.verified is None and self.applied is not None and self.image == self.applied.image


def checked_image(image: str) -> str:
    """Return `image` when it names one by its digest. Raises MisuseError otherwise."""
    if not IMAGE.fullmatch(image):
        raise MisuseError(f"image {image!r} is not pinned, wanted registry/name@sha256:… as the image build printed it")
    return image


def read_state(cluster: Cluster, deployment: str) -> State:
    """Return what the cluster says about a Deployment."""
    return state_of(cluster.get(DEPLOYMENT, deployment))


def state_of(found: Mapping[str, Any] | None) -> State:
    """Return the state that a Deployment describes."""
    if found is None:
        return State()
    notes = found["metadata"].get("annotations") or {}
    containers = found["spec"]["template"]["spec"]["containers"]
    image = next((one["image"] for one in containers if one["name"] == CONTAINER), containers[0]["image"])
    return State(
        image=image,
        applied=_pinned(notes, ""),
        verified=_pinned(notes, "verified-"),
        previous=_pinned(notes, "previous-"),
        action=notes.get(f"{PREFIX}action", ""),
        notes={key: value for key, value in notes.items() if key.startswith(PREFIX) or key == CAUSE},
    )


def notes(record: Record, before: State, *, verified: bool) -> dict[str, str]:
    """Return the annotations of a delivery: while it is at work, and when its release has passed."""
    asked = Pinned(record.image, record.model_version, record.run_id)
    if not verified:
        good, previous = before.good, before.previous
    elif record.action == "rollback":  # what it left was not good enough to go back to
        good, previous = asked, None
    else:
        good, previous = asked, before.good if before.good and before.good.image != asked.image else before.previous
    facts = {
        "git-sha": record.git_sha,
        "run-url": record.run_url,
        "actor": record.actor,
        "reason": record.reason,
        "action": record.action,
    }
    what = record.model_version or record.image.rpartition(":")[2][:12]
    cause = f"{record.action} {what}: {record.reason or 'no reason given'}"
    told = _noted(asked, "") | _noted(good, "verified-") | _noted(previous, "previous-")
    return {CAUSE: cause} | told | {f"{PREFIX}{key}": value for key, value in facts.items() if value}


def notes_of_return(before: State) -> dict[str, str]:
    """Return the annotations with which the good release is put back: as they were, if they spoke of it."""
    if before.good is None:
        return {}
    if before.applied == before.verified == before.good:
        return dict(before.notes)
    told = _noted(before.good, "") | _noted(before.good, "verified-") | _noted(before.previous, "previous-")
    return {CAUSE: f"put back {before.good.model_version or before.good.image}", f"{PREFIX}action": "put-back", **told}


def render(
    cluster: Cluster,
    *,
    overlay: str,
    application: str,
    deployment: str,
    image: str,
    notes: Mapping[str, str],
    replicas: int | None = None,
    pods: Mapping[str, Any] | None = None,
) -> str:
    """Return the manifests of `overlay` with `image` in the place of `application`, and `notes` on the Deployment.

    With `pods`, a pod template that runs `image`, return the Deployment alone, with these pods: they have their own
    settings, and nothing that stands around them keeps them away. Raises MisuseError when nothing would run `image`.
    """
    source = OVERLAYS / overlay
    if not (source / "kustomization.yaml").is_file():
        raise MisuseError(f"{source}: no kustomization.yaml; run from the root of the repository")
    name, _, digest = image.partition("@")
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": deployment, "annotations": dict(notes)},
    }
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        document = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(source.resolve(), Path(folder).resolve())],
            "images": [{"name": application, "newName": name, "digest": digest}] if pods is None else [],
            "patches": [{"patch": json.dumps(patch)}, *_swap(deployment, pods)],
            "replicas": [] if replicas is None else [{"name": deployment, "count": replicas}],
        }
        # JSON is YAML, and no reason or model version in it can become syntax.
        Path(folder, "kustomization.yaml").write_text(json.dumps(document), encoding="utf-8")
        manifests = cluster.kustomize(folder)
    if not re.search(rf"^ +(- )?image: {re.escape(image)}$", manifests, re.MULTILINE):
        raise MisuseError(f"{source}: no container runs the image {application!r}, so {name} would not be deployed")
    return manifests if pods is None else only(manifests, "Deployment", deployment)


def only(manifests: str, kind: str, name: str) -> str:
    """Return one object of what kustomize has written, in the same words."""
    marks = (f"^kind: {kind}$", f"^  name: {name}$")
    found = (each for each in manifests.split("\n---\n") if all(re.search(mark, each, re.MULTILINE) for mark in marks))
    return next(found)


def _swap(deployment: str, pods: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return kustomize's patch that gives a Deployment other pods, none where there are none to give."""
    if pods is None:
        return []
    target = {"kind": "Deployment", "name": deployment}
    return [{"target": target, "patch": json.dumps([{"op": "replace", "path": "/spec/template", "value": pods}])}]


def _pinned(notes: Mapping[str, str], which: str) -> Pinned | None:
    image = notes.get(f"{PREFIX}{which}image")
    version, run = notes.get(f"{PREFIX}{which}model-version"), notes.get(f"{PREFIX}{which}run-id")
    return Pinned(image, version, run) if image else None


def _noted(pin: Pinned | None, which: str) -> dict[str, str]:
    if pin is None:
        return {}
    values = {"image": pin.image, "model-version": pin.model_version, "run-id": pin.run_id}
    return {f"{PREFIX}{which}{key}": value for key, value in values.items() if value}
