"""Go back to the release that was verified before the present one, or to any other by its digest.

Its pods come back as the cluster kept them, with the settings that they had, and nothing else is touched. Only when it
keeps them no longer, or they do not pass, the manifests of this commit are applied with the older image. Afterwards
artifacts/deployment.json names the model that runs, so that the registry can follow.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from delivery import preflight, rollout, settings
from delivery.canary_release import Canary
from delivery.change import Change, bring
from delivery.cluster import Cluster
from delivery.errors import MisuseError, fail, raise_on_signals, run
from delivery.lock import locked
from delivery.records import DEPLOYMENT, Check, Pinned, Record, begin, carry_out, output
from delivery.release import State, checked_image, read_state
from delivery.service import Client
from delivery.settings import Settings
from delivery.smoke import example_answered, identity, patient, ready

EPILOG = "exit codes: 0 done, 1 not done: refused, or failed and put back, 2 misuse, or nothing to go back to"


def main(argv: Sequence[str] | None = None) -> int:
    """Go back."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", help="such as production")
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument("--to", metavar="NAME@sha256:DIGEST", help="[the release before, from the Deployment's notes]")
    wanted.add_argument(
        "--unfinished", action="store_true", help="undo a delivery that was cut off; without one, change nothing"
    )
    parser.add_argument("--reason", required=True, help="kept with the release")
    parser.add_argument("--config", type=Path, default=settings.PATH, help="[%(default)s]")
    options = parser.parse_args(argv)
    raise_on_signals()
    return run(lambda: rollback(options))


def rollback(options: argparse.Namespace) -> int:
    """Return 0 when the environment runs the older release; write the record whenever there is one to go back to."""
    rules, wanted = settings.load(options.config), checked_image(options.to) if options.to else ""
    cluster = Cluster.of(rules, options.environment)
    if options.unfinished:
        left = read_state(cluster, rules["application"])
        if not left.unfinished:
            print(f"{options.environment}: every delivery has ended, there is nothing to undo")
            return 0
        if left.never_verified:
            return stop(cluster, rules, options.environment)
    DEPLOYMENT.unlink(missing_ok=True)  # what an earlier run left is no evidence for this one
    record = begin(options.environment, cluster.namespace, "rollback", wanted, options.reason)
    record = carry_out(record, lambda begun: attempt(cluster, rules, begun, unfinished=options.unfinished))
    if record.outcome != "deployed":
        return fail(record.error or record.outcome, 1)
    output("model-version", record.model_version or "")
    output("digest", record.image.partition("@")[2])
    print(f"{record.environment} runs {record.image}, model {record.model_version or 'not known'}")
    return 0


def stop(cluster: Cluster, rules: Settings, environment: str) -> int:
    """Stop the pods of a first release that was cut off, as a deployment does that fails; the record stays as it is."""
    application = rules["application"]
    with locked(cluster, application, rules["rollout"]["lock_seconds"]):
        stopped = read_state(cluster, application).never_verified and rollout.stop(cluster, application)
    what = "its pods were stopped" if stopped else "none of its pods are left to stop"
    print(f"{environment}: the first release was not verified, and {what}")
    return 0


def attempt(cluster: Cluster, rules: Settings, record: Record, *, unfinished: bool = False) -> Record:
    """Return how the rollback went; raise what forbids to begin it.

    What was `unfinished` may have been ended by the delivery that had the lock: then its release is the good one.
    """
    preflight.check(cluster, record.environment)
    application = rules["application"]
    with locked(cluster, application, rules["rollout"]["lock_seconds"]) as lock:
        before = read_state(cluster, application)
        if unfinished and not before.unfinished:
            raise MisuseError("another delivery has ended meanwhile, so there is nothing to undo")
        target = destination(before, record.image)
        asked = replace(
            record, image=target.image, model_version=target.model_version, run_id=target.run_id, previous=before.good
        )
        served: dict[str, Any] = {}
        canary = Canary.of(rules, record.environment)
        change = Change(cluster, lock, rules["rollout"], application, canary, before, asked, served)
        return bring(change, lambda: verify(cluster, rules, target, served))


def destination(before: State, wanted: str) -> Pinned:
    """Return the release to go to: `wanted`, or the verified one before. Raises MisuseError when there is none."""
    known = [pin for pin in (before.applied, before.verified, before.previous) if pin]
    if wanted:
        return next((pin for pin in known if pin.image == wanted), Pinned(wanted))
    if before.unfinished and before.applied and before.action == "rollback":
        return before.applied  # one that was killed goes on
    if before.unfinished and before.verified:
        return before.verified
    ours = [pin.image for pin in (before.verified, before.previous) if pin]
    if before.verified and before.image and before.image not in ours:
        return before.verified  # somebody set another one by hand
    if before.previous and before.previous.image != before.image:
        return before.previous
    if not before.image:
        raise MisuseError("nothing to go back to: nothing was ever deployed here")
    why = "a rollback led to it" if before.action == "rollback" else "it is the first release"
    if before.verified and before.image != before.verified.image:
        why = "it is the release before, set by hand"
    raise MisuseError(f"nothing to go back to from {before.image}: {why}; name a release with --to")


def verify(cluster: Cluster, rules: Settings, target: Pinned, served: dict[str, Any]) -> Sequence[Check]:
    """Return what can be checked without the files of an older model: that it is ready, which it is, that it predicts.

    What the service says of itself is kept in `served`.
    """
    with cluster.proxy() as base:
        client = Client(cluster.service_url(base, f"{rules['application']}-stable"))
        checks = [ready(client, rules["smoke"]["ready_seconds"])]
        answer = patient(lambda: client.get("/model/metadata"))
        checks += example_answered(client)
        client.close()
    served.clear()  # of another way to the release, which failed
    served.update(identity(answer))
    seen, wanted = str(served.get("version", answer)), target.model_version
    passed = bool(served) and wanted in (None, seen)
    return [*checks, Check("model version", passed, seen, wanted or "any")]


if __name__ == "__main__":
    sys.exit(main())
