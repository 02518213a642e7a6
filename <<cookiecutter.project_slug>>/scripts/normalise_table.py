"""Write a CSV table again as a contract reads it: ISO dates, decimal points, numbers without a unit."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.dataset import tables
from <<cookiecutter.package_name>>.dataset.csv_blocks import DELIMITERS
from <<cookiecutter.package_name>>.inference.amounts import Mark
from <<cookiecutter.package_name>>.inference.normalising import Order, normalise
from <<cookiecutter.package_name>>.inference.spellings import Choices

MARKS: dict[str, Mark] = {"comma": ",", "point": "."}


def main(argv: Sequence[str] | None = None) -> int:
    """Write the table and return the exit code."""
    options = _parser().parse_args(argv)
    return cli.run(lambda: _normalise(options))


def _parser() -> cli.Parser:
    made = cli.Parser(__doc__, "exit codes: 0 written, 2 misuse, or a column that can be read in two ways")
    words = {word: delimiter for delimiter, word in DELIMITERS.items()}
    made.add_argument("data", metavar="DATA", help="CSV file, or a quoted glob of files that become one")
    made.add_argument("out", type=Path, metavar="OUT", help="the CSV file to write: UTF-8, separated by commas")
    made.add_argument("--delimiter", choices=list(words), default="commas", help="between cells of DATA [%(default)s]")
    days = made.add_mutually_exclusive_group()
    days.add_argument("--day-first", action="store_true", help="01/02/2024 is in February, where no cell tells")
    days.add_argument("--month-first", action="store_true", help="01/02/2024 is in January, where no cell tells")
    made.add_argument("--decimal", choices=list(MARKS), help="what 1,234 is meant with, where no cell tells")
    made.add_argument(
        "--merge",
        action="append",
        default=[],
        metavar="COLUMN",
        help="labels alike but for case and blanks become one, in small letters; may be given again",
    )
    made.set_defaults(delimiters=words)
    return made


def _normalise(options: argparse.Namespace) -> int:
    day_first = True if options.day_first else False if options.month_first else None
    order = Order(Choices(day_first, MARKS.get(options.decimal)), tuple(options.merge))
    paths = tables.resolve(options.data)
    notices = normalise(paths, options.out, options.delimiters[options.delimiter], order)
    for notice in notices or ["nothing to convert, the table is as it was"]:
        print(f"notice: {notice}")
    command = f".venv/bin/python scripts/infer_contract.py {shlex.quote(str(options.out))} --target COLUMN"
    print(f"written to {options.out}; the next step: {command}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
