"""Refuse an image that an environment did not show to work.

Reads the record that a delivery left (artifacts/deployment.json of that run): exit 0 when this very digest was brought
to that environment and every check passed, exit 1 when not, exit 2 when there is no record to read. Before production
it is staging that has to show it; a rollback asks whether production itself once did.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delivery.errors import EPILOG, run
from delivery.records import DEPLOYMENT, read_json
from github_api.cli import verdict


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is wrong with the record, or that staging has passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", help="image by its digest, as in ghcr.io/owner/name@sha256:…")
    parser.add_argument("--of", default="staging", metavar="ENVIRONMENT", help="[%(default)s]")
    parser.add_argument("--record", type=Path, default=DEPLOYMENT, metavar="FILE", help="[%(default)s]")
    arguments = parser.parse_args(argv)

    def step() -> int:
        record = read_json(arguments.record, "deployment/1", f"scripts/deploy.py {arguments.of}")
        lacking = problems(record, arguments.image, arguments.of)
        checks = len(record.get("checks") or [])
        return verdict(lacking, f"{arguments.of} ran {arguments.image}, and passed {checks} checks")

    return run(step)


def problems(record: Mapping[str, Any], image: str, environment: str = "staging") -> list[str]:
    """Return why `record` does not show that `environment` ran `image` well; nothing when it does."""
    lacking = []
    if record.get("environment") != environment:
        lacking.append(f"the record is of environment {record.get('environment')!r}, wanted {environment!r}")
    if record.get("image") != image:
        lacking.append(f"{environment} was given {record.get('image')!r}, and {image!r} is to be deployed")
    if record.get("outcome") != "deployed":
        lacking.append(f"the delivery to {environment} ended as {record.get('outcome')!r}, wanted 'deployed'")
    checks = record.get("checks") or []
    if not checks:
        lacking.append(f"the record of {environment} holds no check")
    return lacking + [
        f"{environment}: {check['name']}: {check['seen']}" for check in checks if check.get("passed") is not True
    ]


if __name__ == "__main__":
    sys.exit(main())
