"""Keep one comment on the pull request that says what it would do to the model.

Reads REPORTS/gate/report.md or, when the run stopped before the gate, REPORTS/data/report.md, and the change of the
contract from REPORTS/data/contract-change.md; the results of the jobs from NEEDS (the workflow's `needs` as JSON) and
the address of the HTML report from REPORT_URL.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from github_api.cli import EPILOG, GitHubError, api, event, fail, from_fork, pages, repository, run, run_url

MARKER = "<!-- model-report -->"  # as the report itself begins
LONGEST = 65_000  # characters; GitHub takes 65,536
SIGNS = {"success": "✅", "failure": "❌", "cancelled": "⏹️", "skipped": "⏭️"}
NO_REPORT = "No report was written: a step failed before it. The run's log has the error."
STAGES = ("validate-data", "train", "gate")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the comment, or update the one that is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reports", type=Path, required=True, metavar="FOLDER", help="where the reports lie")
    arguments = parser.parse_args(argv)
    return run(lambda: comment(arguments.reports))


def comment(reports: Path) -> int:
    """Post or update the comment; a fork's pull request has a read-only token, so its report stays in the summary."""
    pull = event().get("pull_request")
    if not pull:
        return fail("this is not a run of a pull request")
    if from_fork():
        print("::notice::the branch lies in a fork: the report is in the summary of the run, not in a comment")
        return 0
    needs = json.loads(os.environ.get("NEEDS", "{}"))
    body = compose(needs, report(reports), os.environ.get("REPORT_URL", ""), run_url(), str(pull["head"]["sha"]))
    try:
        upsert(f"repos/{repository()}/issues", int(pull["number"]), body)
    except GitHubError as error:
        if error.status != 403:
            raise
        print("::notice::the token of this run may not comment: the report is in the summary of the run")
    return 0


def report(reports: Path) -> str | None:
    """Return the report of the latest stage that wrote one, and what a changed contract means."""
    written = [path for stage in ("gate", "data") if (path := reports / stage / "report.md").is_file()]
    contract = reports / "data" / "contract-change.md"
    parts = [*written[:1], *([contract] if contract.is_file() else [])]
    texts = [path.read_text(encoding="utf-8").removeprefix(MARKER).strip() for path in parts]
    return "\n\n".join(text for text in texts if text) or None


def compose(needs: Mapping[str, Any], text: str | None, page: str, run_address: str, commit: str) -> str:
    """Return the Markdown of the comment: the stages, where to read more, the report."""
    results = {stage: needs.get(stage, {}).get("result", "skipped") for stage in STAGES}
    stages = " · ".join(f"{SIGNS.get(result, '❔')} {stage.replace('-', ' ')}" for stage, result in results.items())
    links = ([f"[report with plots]({page})"] if page else []) + [f"[run]({run_address})", f"commit {commit[:7]}"]
    head = f"{MARKER}\n{stages}\n\n{' · '.join(links)}\n\n"
    return head + shorten(text or NO_REPORT, LONGEST - len(head)) + "\n"


def shorten(text: str, longest: int) -> str:
    """Return `text`, cut at a line's end when it is too long for a comment."""
    if len(text) <= longest:
        return text
    note = "\n\n*The report goes on: this is what fits here.*"
    return text[: longest - len(note)].rpartition("\n")[0] + note


def upsert(issues: str, number: int, body: str) -> None:
    """Update this script's comment on the pull request, or write the first one."""
    mine = [one for one in pages(f"{issues}/{number}/comments") if is_mine(one)]
    if mine:
        api(f"{issues}/comments/{mine[0]['id']}", method="PATCH", body={"body": body})
    else:
        api(f"{issues}/{number}/comments", method="POST", body={"body": body})
    print("updated the comment" if mine else "wrote the comment")


def is_mine(one: Mapping[str, Any]) -> bool:
    """Return whether a workflow wrote the comment; a person may have quoted it."""
    return str(one["body"]).startswith(MARKER) and (one.get("user") or {}).get("type") == "Bot"


if __name__ == "__main__":
    sys.exit(main())
