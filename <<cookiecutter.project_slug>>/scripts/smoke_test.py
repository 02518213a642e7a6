"""Ask a running service: is it the right model, does it answer as in training, does it refuse nonsense, is it quick.

The service is that of an environment, reached through the API server's proxy, or any at --url, such as a container.
What it should answer is read from the folder that its image was built from.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from delivery import evidence, settings
from delivery.cluster import Cluster
from delivery.errors import MisuseError, raise_on_signals, run
from delivery.records import cell, check_table, mark, now, summarise
from delivery.service import checked_url
from delivery.smoke import Report, Target, examine

EPILOG = "exit codes: 0 every check passed, 1 one did not, 2 misuse or missing evidence"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the checks, write artifacts/smoke.json and say how it went."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", nargs="?", help="such as staging; instead of --url")
    parser.add_argument("--url", help="address of a service, such as http://127.0.0.1:8080")
    parser.add_argument(
        "--track", choices=("stable", "canary"), default="stable", help="of an environment [%(default)s]"
    )
    parser.add_argument("--model", type=Path, default=evidence.FOLDER, metavar="FOLDER", help="[%(default)s]")
    parser.add_argument(
        "--load", type=float, default=0, metavar="SECONDS", help="length of a load test at the end [none]"
    )
    parser.add_argument("--config", type=Path, default=settings.PATH, help="[%(default)s]")
    options = parser.parse_args(argv)
    raise_on_signals()
    return run(lambda: smoke_test(options))


def smoke_test(options: argparse.Namespace) -> int:
    """Return 0 when every check passes."""
    if (options.environment is None) == (options.url is None):
        raise MisuseError("name an environment or --url, one of them")
    if options.load < 0:
        raise MisuseError(f"--load is {options.load:g}, wanted 0 or more seconds")
    rules, expected, started = settings.load(options.config), evidence.load(options.model), now()
    with reached(options, rules) as target:
        report = examine(target, expected, rules, load_seconds=options.load)
    report.write(started)
    tell(report)
    return 0 if report.passed else 1


@contextmanager
def reached(options: argparse.Namespace, rules: settings.Settings) -> Iterator[Target]:
    """Yield the service that the options name, with the way to it held open."""
    if options.url is not None:
        yield Target(options.url, checked_url(options.url))
        return
    cluster = Cluster.of(rules, options.environment)
    with cluster.proxy() as base:
        url = cluster.service_url(base, f"{rules['application']}-{options.track}")
        yield Target(f"{options.environment} ({options.track})", url, options.track)


def tell(report: Report) -> None:
    """Print the checks, and put them on the page of the workflow run."""
    for check in report.checks:
        wanted = "" if check.passed else f", wanted {check.wanted}"
        print(f"{mark(check)} {check.name}: {check.seen}{wanted}")
    if load := report.load:
        print(
            f"{load.requests} requests in {load.seconds:.1f} s: "
            f"p50 {load.p50_ms:.0f} ms, p95 {load.p95_ms:.0f} ms, p99 {load.p99_ms:.0f} ms"
        )
    verdict = "passed" if report.passed else "failed"
    title = f"## Smoke test of {cell(report.target)}, {cell(report.model)} {cell(report.version)}: {verdict}\n\n"
    summarise(title + check_table(report.checks))


if __name__ == "__main__":
    sys.exit(main())
