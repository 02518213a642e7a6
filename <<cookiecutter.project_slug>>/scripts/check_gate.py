"""Decide whether the model may be registered: writes gate.json; exit code 0 promotes, 1 refuses."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.steps.gate import gate
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Decide and return the exit code."""
    options = cli.parser(__doc__ or "").parse_args(argv)
    return cli.run(lambda: _gate(Workspace.of(options)))


def _gate(work: Workspace) -> int:
    decision = gate(work)
    for check in decision["checks"]:
        mark = "pass" if check["passed"] else "FAIL"
        print(f"{mark}  {check['name']}: {check['seen']}, wanted {check['wanted']} ({check['why']})")
    print("promote" if decision["promote"] else "refuse")
    return 0 if decision["promote"] else 1


if __name__ == "__main__":
    sys.exit(main())
