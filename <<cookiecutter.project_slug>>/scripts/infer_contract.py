"""Write contract and gates for any table; what was there is copied to artifacts/previous-contract/ first."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.contracts import contract_files
from <<cookiecutter.package_name>>.dataset import tables
from <<cookiecutter.package_name>>.dataset.csv_blocks import DELIMITERS
from <<cookiecutter.package_name>>.errors import ContractError
from <<cookiecutter.package_name>>.inference.infer import infer
from <<cookiecutter.package_name>>.inference.infer_target import Wishes


def main(argv: Sequence[str] | None = None) -> int:
    """Infer and return the exit code."""
    options = _parser().parse_args(argv)
    return cli.run(lambda: _infer(options))


def _parser() -> cli.Parser:
    made = cli.Parser(__doc__, "exit codes: 0 written, 2 misuse")
    made.add_argument("data", metavar="DATA", help="CSV or Parquet file, or a quoted glob")
    made.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    made.add_argument("--id", action="append", default=[], metavar="COLUMN", help="identifies a row; may be repeated")
    made.add_argument("--timestamp", metavar="COLUMN", help="orders rows in time [the first column of ISO dates]")
    made.add_argument(
        "--positive", metavar="VALUE", help="the class that is looked for, of two [told by name or share]"
    )
    made.add_argument(
        "--keep-spellings", action="store_true", help="target labels that differ in case only are different classes"
    )
    made.add_argument("--problem", choices=["classification", "regression"], help="[told by the target's values]")
    words = {word: delimiter for delimiter, word in DELIMITERS.items()}
    made.add_argument("--delimiter", choices=list(words), default="commas", help="between cells of a CSV [%(default)s]")
    made.set_defaults(delimiters=words)
    made.add_argument("--contract", type=Path, default=Path("contract"), metavar="FOLDER", help="[%(default)s]")
    made.add_argument("--gates", type=Path, default=Path("config/gates.toml"), metavar="FILE", help="[%(default)s]")
    made.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="FOLDER", help="[%(default)s]")
    return made


def _infer(options: argparse.Namespace) -> int:
    if not Path("config").is_dir():
        raise ContractError(f"{Path.cwd()}: no folder of a project, it has no config/; go to where the Makefile lies")
    wishes = Wishes(
        target=options.target,
        ids=tuple(options.id),
        timestamp=options.timestamp,
        positive=options.positive,
        problem=options.problem,
        delimiter=options.delimiters[options.delimiter],
        keep_spellings=options.keep_spellings,
        source=options.data,
    )
    inferred = infer(tables.resolve(options.data), wishes)
    made = contract_files.replace(inferred, options.contract, options.gates, options.artifacts)
    for notice in (*inferred.notices, *made.notices):
        print(f"notice: {notice}")
    if made.written:
        print(f"contract {made.version} in {options.contract}/; written: {', '.join(map(str, made.written))}")
    else:
        print(f"contract {made.version} in {options.contract}/ says so already, nothing was written")
    named = shlex.quote(options.data).replace("$", "$$")  # make reads $x as a variable of its own
    print(f"read it, then run: make pipeline DATA={named}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
