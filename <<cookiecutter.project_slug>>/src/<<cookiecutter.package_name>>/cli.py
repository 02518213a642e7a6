"""What every script shares: the common options, one line per error, the exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from .errors import PipelineError, shown

EPILOG = "exit codes: 0 yes, 1 no, 2 misuse or missing evidence"
STRANGERS = "unrecognized arguments: "  # how argparse begins to name what no option takes


class Parser(argparse.ArgumentParser):
    """A parser that tells misuse as every other error is told, in one line and with code 2."""

    def __init__(self, description: str | None = None, epilog: str = EPILOG) -> None:
        super().__init__(description=description, epilog=epilog, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Print one error line that ends with what to do, and leave with code 2."""
        strangers = message.removeprefix(STRANGERS).split() if message.startswith(STRANGERS) else []
        if strangers and all(Path(name).exists() for name in strangers):
            # The shell has put the names of files in the place of a glob.
            message = f"more files than wanted, from {strangers[0]} on; put a glob in quotes: 'data/*.csv'"
        self.exit(fail(f"{message}; see {self.prog} --help"))


def parser(description: str) -> Parser:
    """Return a parser with the options that all steps take, whose defaults fit the repository's root."""
    made = Parser(description)
    made.add_argument("--config", type=Path, default=Path("config/pipeline.toml"), metavar="FILE", help="[%(default)s]")
    made.add_argument("--gates", type=Path, default=Path("config/gates.toml"), metavar="FILE", help="[%(default)s]")
    made.add_argument("--contract", type=Path, default=Path("contract"), metavar="FOLDER", help="[%(default)s]")
    made.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="FOLDER", help="[%(default)s]")
    made.add_argument(
        "--data", metavar="PATH", help="CSV or Parquet file, or a quoted glob [the one in the config, or of the run]"
    )
    return made


def run(step: Callable[[], int]) -> int:
    """Run `step` and return its exit code; an error is told after `error:` and becomes its own code, mostly 2."""
    try:
        return step()
    except PipelineError as error:
        return fail(str(error), error.code)
    except KeyboardInterrupt:
        return fail("interrupted; run the same command again, nothing was left half-written")
    except NotADirectoryError as error:
        return fail(f"{error.filename}: a file lies where its folder should; move it away")
    except OSError as error:
        return fail(f"{error.filename or 'file system'}: {error.strerror or error}")


def fail(message: str, code: int = 2) -> int:
    """Print one error, each fault of several on a line of its own, and return `code`."""
    print(f"error: {shown(message)}", file=sys.stderr)
    return code


def output(name: str, value: str) -> None:
    """Hand `name=value` to later steps of a workflow; elsewhere do nothing.

    Raises PipelineError when the value has a line break: what follows it would be another output.
    """
    if len(value.splitlines()) > 1 or value != value.rstrip("\r\n"):
        raise PipelineError(f"the output {name} is {value!r}, wanted one line")
    if path := os.environ.get("GITHUB_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{name}={value}\n")
