"""Deploy an image to an environment: apply, wait, verify; when any of it fails, put the release before back.

With --diff nothing is changed: the difference that the release would make goes to standard output and to the page of
the workflow run, for whoever has to approve it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from delivery import evidence, preflight, settings
from delivery.canary_release import Canary
from delivery.change import Change, bring
from delivery.cluster import Cluster
from delivery.errors import EPILOG, fail, raise_on_signals, run, say
from delivery.evidence import Evidence
from delivery.lock import locked
from delivery.records import DEPLOYMENT, Check, Record, begin, carry_out, cell, code, fenced, now, summarise
from delivery.release import State, checked_image, notes, read_state, render
from delivery.settings import Settings
from delivery.smoke import Target, examine

LONGEST = 60_000  # characters of a difference: a page of a workflow run holds a megabyte, a person reads less


def main(argv: Sequence[str] | None = None) -> int:
    """Deploy, or show what a deployment would change."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", help="such as staging")
    parser.add_argument("--image", required=True, metavar="NAME@sha256:DIGEST", help="as the image build printed it")
    parser.add_argument("--model", type=Path, default=evidence.FOLDER, metavar="FOLDER", help="[%(default)s]")
    parser.add_argument("--reason", default="", help="kept with the release")
    parser.add_argument("--diff", action="store_true", help="change nothing, show what would change")
    parser.add_argument("--config", type=Path, default=settings.PATH, help="[%(default)s]")
    options = parser.parse_args(argv)
    raise_on_signals()
    return run(lambda: show(options) if options.diff else deploy(options))


def deploy(options: argparse.Namespace) -> int:
    """Return 0 when the environment runs the image, verified; write the record in every case."""
    DEPLOYMENT.unlink(missing_ok=True)  # what an earlier run left is no evidence for this one
    rules, image = settings.load(options.config), checked_image(options.image)
    expected, cluster = evidence.load(options.model), Cluster.of(rules, options.environment)
    record = begin(options.environment, cluster.namespace, "deploy", image, options.reason)
    record = replace(record, model_version=expected.version, run_id=expected.run_id)
    record = carry_out(record, lambda begun: attempt(cluster, rules, begun, expected))
    if record.outcome != "deployed":
        return fail(record.error or record.outcome, 1)
    print(f"{record.environment} runs {image}, {expected.name} {expected.version}")
    return 0


def attempt(cluster: Cluster, rules: Settings, record: Record, expected: Evidence) -> Record:
    """Return how the deployment went; raise what forbids to begin it."""
    preflight.check(cluster, record.environment)
    application = rules["application"]
    with locked(cluster, application, rules["rollout"]["lock_seconds"]) as lock:
        before = read_state(cluster, application)
        if before.unfinished:
            say(f"an earlier delivery did not end; what was good before it: {before.good and before.good.image}")
        record = replace(record, previous=before.good)
        canary = Canary.of(rules, record.environment)
        change = Change(cluster, lock, rules["rollout"], application, canary, before, record)
        return bring(change, lambda: verify(cluster, rules, record.environment, expected))


def verify(cluster: Cluster, rules: Settings, environment: str, expected: Evidence) -> Sequence[Check]:
    """Return what the stable track shows through the API server."""
    seconds, started = settings.environment(rules, environment)["load_seconds"], now()
    with cluster.proxy() as base:
        url = cluster.service_url(base, f"{rules['application']}-stable")
        report = examine(Target(environment, url, "stable"), expected, rules, load_seconds=seconds)
    report.write(started)
    return report.checks


def show(options: argparse.Namespace) -> int:
    """Print the difference as Markdown and return 0, whether there is one or not."""
    rules, image = settings.load(options.config), checked_image(options.image)
    expected, cluster = evidence.load(options.model), Cluster.of(rules, options.environment)
    application = rules["application"]
    before = read_state(cluster, application)
    record = begin(options.environment, cluster.namespace, "deploy", image, options.reason)
    record = replace(record, model_version=expected.version, run_id=expected.run_id)
    noted = notes(record, before, verified=True)
    manifests = render(
        cluster, overlay=options.environment, application=application, deployment=application, image=image, notes=noted
    )
    page = difference(record, before, cluster.diff(manifests))
    print(page)
    summarise(page)
    return 0


def difference(record: Record, before: State, diff: str) -> str:
    """Return the page for whoever approves: the release before and after, and every line that changes."""
    runs = before.running
    good = code(before.good.image) if before.good else "none"
    cut_off = f"**An earlier delivery did not end; what was good before it: {good}**"
    lines = [
        f"## What a deployment changes in {record.environment}",
        "",
        *([cut_off, ""] if before.unfinished else []),
        "| | now | after |",
        "| --- | --- | --- |",
        f"| model | {cell((runs and runs.model_version) or '-')} | {record.model_version} |",
        f"| image | {code(before.image) if before.image else 'nothing runs'} | {code(record.image)} |",
        "",
    ]
    tidy = named(diff)
    if not tidy:
        return "\n".join([*lines, "Nothing else changes.", ""])
    added, removed = (len(re.findall(rf"^[{sign}](?![{sign}]{{2}} )", tidy, re.MULTILINE)) for sign in "+-")
    cut = "" if len(tidy) <= LONGEST else "\nThe rest is too long for this page; run the command yourself to see it.\n"
    head = f"<details><summary>{added} lines added, {removed} removed</summary>"
    return "\n".join([*lines, head, "", fenced(tidy[:LONGEST], "diff"), cut, "</details>", ""])


def named(diff: str) -> str:
    """Return the difference with names of objects in the place of kubectl's temporary files."""
    kept = (line for line in diff.splitlines() if not line.startswith("diff "))
    return "\n".join(re.sub(r"^(---|\+\+\+) \S*/(?:LIVE|MERGED)-\d+/(\S+).*", r"\1 \2", line) for line in kept).strip()


if __name__ == "__main__":
    sys.exit(main())
