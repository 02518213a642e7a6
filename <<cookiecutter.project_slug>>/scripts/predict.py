"""Score a table with a registered model and write one line per row; exit code 1 when rows break its contract."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.steps.predict import predict
from <<cookiecutter.package_name>>.steps.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Write the predictions: exit 0, or 1 when rows break the model's contract, so that nothing is written."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument("--alias", default="champion", help="registered model: alias or version [%(default)s]")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="model folder to use instead of a registered one")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="CSV file to write, and its folder [ARTIFACTS/predictions.csv]"
    )
    options = parser.parse_args(argv)

    def step() -> int:
        out = options.out or options.artifacts / "predictions.csv"
        count = predict(Workspace.of(options), out, alias=options.alias, folder=options.model)
        print(f"{out}: {count:,} prediction{'s' * (count != 1)}")
        return 0

    return cli.run(step)


if __name__ == "__main__":
    sys.exit(main())
