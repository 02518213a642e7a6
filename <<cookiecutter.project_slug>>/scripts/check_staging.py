"""Refuse an image that staging did not show to work.

Reads the record that deploy.py left in staging (artifacts/deployment.json of that run): exit 0 when this very digest
was deployed there and every check passed, exit 1 when not, exit 2 when there is no record to read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delivery.errors import EPILOG, run
from delivery.records import DEPLOYMENT, read_json


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is wrong with the record, or that staging has passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", help="image by its digest, as in ghcr.io/owner/name@sha256:…")
    parser.add_argument("--record", type=Path, default=DEPLOYMENT, metavar="FILE", help="[%(default)s]")
    arguments = parser.parse_args(argv)

    def step() -> int:
        record = read_json(arguments.record, "deployment/1", "scripts/deploy.py staging")
        lacking = problems(record, arguments.image)
        for problem in lacking:
            print(f"refused: {problem}")
        if not lacking:
            print(f"staging runs {arguments.image}, and passed {len(record['checks'])} checks")
        return 1 if lacking else 0

    return run(step)


def problems(record: Mapping[str, Any], image: str) -> list[str]:
    """Return why `record` does not show that staging runs `image` well; nothing when it does."""
    lacking = []
    if record.get("environment") != "staging":
        lacking.append(f"the record is of environment {record.get('environment')!r}, wanted 'staging'")
    if record.get("image") != image:
        lacking.append(f"staging was given {record.get('image')!r}, and {image!r} is to be deployed")
    if record.get("outcome") != "deployed":
        lacking.append(f"the deployment to staging ended as {record.get('outcome')!r}, wanted 'deployed'")
    checks = record.get("checks") or []
    if not checks:
        lacking.append("the record of staging holds no check")
    return lacking + [
        f"staging: {check['name']}: {check['seen']}" for check in checks if check.get("passed") is not True
    ]


if __name__ == "__main__":
    sys.exit(main())
