"""Hold the data against its contract: writes data-report.json, prints it as Markdown; exit code 0 valid, 1 broken."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.dataset.data_report import markdown
from <<cookiecutter.package_name>>.steps.validate import validate
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Validate and return the exit code."""
    options = cli.parser(__doc__ or "").parse_args(argv)
    return cli.run(lambda: _validate(Workspace.of(options)))


def _validate(work: Workspace) -> int:
    report = validate(work)
    print(markdown(report.document()), end="")
    return 0 if report.valid else 1


if __name__ == "__main__":
    sys.exit(main())
