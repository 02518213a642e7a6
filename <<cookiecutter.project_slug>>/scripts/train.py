"""Fit the configured model to the training rows and record the run: writes run.json, model/, reference-profile.json."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from tqdm import tqdm

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.steps.train import train
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Train and return the exit code."""
    options = cli.parser(__doc__ or "").parse_args(argv)
    return cli.run(lambda: _train(Workspace.of(options)))


def _train(work: Workspace) -> int:
    trained = train(work, progress=partial(tqdm, file=sys.stderr, leave=False, disable=None))
    for notice in trained.notices:
        print(f"notice: {notice}", file=sys.stderr)
    run = trained.run
    skill = run["cv"].get("skill")
    judged = f", cross-validated skill {skill['mean']:.3f} (std {skill['std']:.3f})" if skill else ""
    print(f"{run['estimator']} fitted to {run['split']['train_rows']} rows{judged}; run {run['run_id']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
