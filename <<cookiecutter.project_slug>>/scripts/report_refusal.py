"""Tell the team, in one issue, that retraining does not lead to a new model; close it when it does again.

Reads the same reports as pull_request_comment.py. However often a run is refused, or this script repeated, there is one
open issue with the label, showing the latest report.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from github_api.cli import EPILOG, GitHubError, api, pages, repository, run, run_url
from pull_request_comment import LONGEST, NO_REPORT, report, shorten

MARKER = "<!-- retraining refused -->"
LABEL = {"name": "retraining-refused", "color": "d93f0b", "description": "Retraining led to no new model"}


def main(argv: Sequence[str] | None = None) -> int:
    """Open, update or close the issue."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reports", type=Path, required=True, metavar="FOLDER", help="where the reports lie")
    parser.add_argument(
        "--result", choices=("success", "failure", "cancelled"), required=True, help="how the run ended"
    )
    arguments = parser.parse_args(argv)
    return run(lambda: passed() if arguments.result == "success" else refused(arguments.reports))


def refused(reports: Path) -> int:
    """Open the issue, or update the open one and say there that it happened again."""
    issues, address = f"repos/{repository()}/issues", run_url()
    title, body = compose(reports, address)
    found = open_issue(issues)
    if found is None:
        _make_label()
        made = api(issues, method="POST", body={"title": title, "body": body, "labels": [LABEL["name"]]})
        print(f"opened issue {made['number']}")
        return 0
    number = found["number"]
    if address not in found["body"]:  # a repeated job of the same run has nothing new to say
        api(f"{issues}/{number}/comments", method="POST", body={"body": f"{title}, again: [run]({address})"})
    api(f"{issues}/{number}", method="PATCH", body={"title": title, "body": body})
    print(f"updated issue {number}")
    return 0


def passed() -> int:
    """Close the issue, if one is open."""
    issues = f"repos/{repository()}/issues"
    found = open_issue(issues)
    if found is None:
        print("no issue is open")
        return 0
    number = found["number"]
    api(f"{issues}/{number}/comments", method="POST", body={"body": f"Retraining passes again: [run]({run_url()})"})
    api(f"{issues}/{number}", method="PATCH", body={"state": "closed", "state_reason": "completed"})
    print(f"closed issue {number}")
    return 0


def compose(reports: Path, address: str) -> tuple[str, str]:
    """Return title and body: what stopped the run, its report, and what to do."""
    verdict = stopped_by(reports)
    text = report(reports) or NO_REPORT
    head = f"{MARKER}\n{verdict} in [this run]({address}).\n\n"
    tail = "\n\nWhen the cause is mended, start the workflow Retrain by hand; the issue closes when a run passes.\n"
    return verdict, head + shorten(text, LONGEST - len(head) - len(tail)) + tail


def stopped_by(reports: Path) -> str:
    """Return which step stopped the run, from the files that it left."""
    decision = _load(reports / "gate" / "gate.json")
    if not decision:
        refused_data = _load(reports / "data" / "data-report.json").get("valid") is False
        return "The data breaks its contract" if refused_data else "Retraining failed before the gate"
    return (
        "Retraining ended after the gate: a release failed, or was rejected"
        if decision.get("promote") is True
        else "The gate refused the new model"
    )


def _load(path: Path) -> dict[str, Any]:
    """Return a JSON object, or an empty one when the step before did not come to write it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def open_issue(issues: str) -> dict[str, Any] | None:
    """Return the open issue that this script wrote, the oldest when there are several."""
    listed = pages(f"{issues}?state=open&labels={LABEL['name']}")
    mine = [one for one in listed if str(one.get("body") or "").startswith(MARKER)]
    return min(mine, key=lambda one: int(one["number"]), default=None)


def _make_label() -> None:
    try:
        api(f"repos/{repository()}/labels", method="POST", body=LABEL)
    except GitHubError as error:
        if error.status != 422:  # it exists
            raise


if __name__ == "__main__":
    sys.exit(main())
