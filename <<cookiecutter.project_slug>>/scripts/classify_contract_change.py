"""Compare the contract with that of a base branch; exit code 1 for a breaking change that x-version does not declare.

A breaking change is declared by raising the first number of x-version in contract/data.schema.json. A version that goes
back gives exit code 1, too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from <<cookiecutter.package_name>> import cli
from <<cookiecutter.package_name>>.contracts.contract import load_contract
from <<cookiecutter.package_name>>.contracts.contract_files import contract_at
from <<cookiecutter.package_name>>.contracts.contract_review import review


def main(argv: Sequence[str] | None = None) -> int:
    """Classify and return the exit code."""
    options = _parser().parse_args(argv)
    return cli.run(lambda: _classify(options))


def _parser() -> cli.Parser:
    made = cli.Parser(__doc__, "exit codes: 0 none, compatible or declared, 1 breaking and undeclared, 2 misuse")
    made.add_argument(
        "--base", required=True, metavar="REF", help="commit or branch to compare with, such as origin/main"
    )
    made.add_argument("--contract", type=Path, default=Path("contract"), metavar="FOLDER", help="[%(default)s]")
    made.add_argument("--json", action="store_true", help="print JSON instead of a Markdown table")
    return made


def _classify(options: argparse.Namespace) -> int:
    found = review(contract_at(options.base, options.contract), load_contract(options.contract))
    print(json.dumps(found.document(), indent=2, ensure_ascii=False) if options.json else found.markdown())
    return 0 if found.acceptable else 1


if __name__ == "__main__":
    sys.exit(main())
