"""Judge the trained model on the hold-out rows, beside the champion: writes metrics.json and plots/."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.steps.evaluate import evaluate
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate and return the exit code."""
    options = cli.parser(__doc__ or "").parse_args(argv)
    return cli.run(lambda: _evaluate(Workspace.of(options)))


def _evaluate(work: Workspace) -> int:
    report = evaluate(work)
    for notice in report["notices"]:
        print(f"notice: {notice}", file=sys.stderr)
    metric = work.gates.champion.metric
    found = report["metrics"].get(metric, {}).get("value")
    value = "undefined" if found is None else f"{found:.4f}"
    print(f"{metric} {value} on {report['holdout']['rows']} hold-out rows; champion: {report['champion']['status']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
