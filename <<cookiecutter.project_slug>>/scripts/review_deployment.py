"""Write the page for whoever approves a deployment to production: what it brings, and why that should be safe.

The page shows the image and what staging saw of it, the metrics against the champion with the gate's table, and every
line that would change in production. It changes nothing, and stops when a part is missing: nobody approves half a page.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import check_record
import deploy
from delivery.errors import EPILOG, MisuseError, run
from delivery.records import DEPLOYMENT, Check, cell, check_table, code, read_json, summarise

GATE = Path("artifacts/report.md")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the page, and append it to the page of the workflow run."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", required=True, metavar="NAME@sha256:DIGEST", help="as the image build printed it")
    parser.add_argument(
        "--staging", type=Path, default=DEPLOYMENT, metavar="FILE", help="staging's record [%(default)s]"
    )
    parser.add_argument("--gate", type=Path, default=GATE, metavar="FILE", help="report of the gate [%(default)s]")
    arguments = parser.parse_args(argv)

    def step() -> int:
        record = read_json(arguments.staging, "deployment/1", "scripts/deploy.py staging")
        if lacking := check_record.problems(record, arguments.image):
            raise MisuseError("; ".join(lacking))
        page = "\n".join([*head(record), *staging(record), report(arguments.gate)])
        print(page)
        summarise(page)
        return deploy.main(["production", "--image", arguments.image, "--diff"])

    return run(step)


def head(record: Mapping[str, Any]) -> list[str]:
    """Return what is to be approved, and how."""
    image, run_id = record["image"], os.environ.get("GITHUB_RUN_ID", "RUN")
    lines = [f"# Model {cell(record['model_version'])} for production", "", code(image), ""]
    if os.environ.get("APPROVAL") != "dispatch":
        return [*lines, "Approve or reject it above, at **Review deployments**. Approval starts a canary.", ""]
    server, repo = os.environ.get("GITHUB_SERVER_URL", "https://github.com"), os.environ.get("GITHUB_REPOSITORY", "")
    values = {"environment": "production", "image": image, "run-id": run_id}
    command = " ".join(["gh workflow run deploy.yml", *(f"-f {name}={value}" for name, value in values.items())])
    return [
        *lines,
        "To approve it, a person who neither started this run nor wrote its commit starts "
        f"[Deploy]({server}/{repo}/actions/workflows/deploy.yml) with these values:",
        "",
        *(f"- {name}: {code(value)}" for name, value in values.items()),
        "",
        "<details><summary>As a command</summary>",
        "",
        "```console",
        f"$ {command}",
        "```",
        "",
        "</details>",
        "",
    ]


def staging(record: Mapping[str, Any]) -> list[str]:
    """Return what staging showed of this image."""
    checks = [Check(**check) for check in record["checks"]]  # each passed, or check_record would have refused it
    told = f"✓ All {len(checks)} checks passed; it runs there since {cell(record['finished'])}."
    folded = ["<details><summary>What was asked</summary>", "", check_table(checks), "</details>", ""]
    return ["## What staging showed", "", told, "", *folded]


def report(path: Path) -> str:
    """Return the gate's report. Raises MisuseError when it is missing."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise MisuseError(f"{path}: {error.strerror}; it comes from make report") from error


if __name__ == "__main__":
    sys.exit(main())
