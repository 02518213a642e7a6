"""Validate, train, evaluate, gate and register in one process, with a short table at the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.steps.pipeline import pipeline
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Run every step: exit 0 for a registered model, 1 for refused data or a refused model."""
    options = cli.parser(__doc__ or "").parse_args(argv)
    return cli.run(lambda: pipeline(Workspace.of(options)))


if __name__ == "__main__":
    sys.exit(main())
