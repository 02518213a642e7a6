"""Build the report of the last run from whatever it left in the artifacts."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.steps.report import build_report
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Write report.html and report.md: exit 0, also for a run that was stopped."""
    options = cli.parser(__doc__ or "").parse_args(argv)

    def step() -> int:
        print(build_report(Workspace.of(options)))
        return 0

    return cli.run(step)


if __name__ == "__main__":
    sys.exit(main())
