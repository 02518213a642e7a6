"""What every script shares: the common options, one line per error, the exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import PipelineError

EPILOG = "exit codes: 0 yes, 1 no, 2 misuse or missing evidence"


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all steps take, whose defaults fit the repository's root."""
    made = argparse.ArgumentParser(description=description, epilog=EPILOG, allow_abbrev=False)
    made.add_argument("--config", type=Path, default=Path("config/pipeline.toml"), metavar="FILE", help="[%(default)s]")
    made.add_argument("--gates", type=Path, default=Path("config/gates.toml"), metavar="FILE", help="[%(default)s]")
    made.add_argument("--contract", type=Path, default=Path("contract"), metavar="FOLDER", help="[%(default)s]")
    made.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="FOLDER", help="[%(default)s]")
    made.add_argument("--data", metavar="PATH", help="CSV or Parquet file, or a quoted glob [the one in the config]")
    return made


def run(step: Callable[[], int]) -> int:
    """Run `step` and return its exit code; an error becomes one `error:` line and code 2."""
    try:
        return step()
    except PipelineError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return fail("interrupted; run the same command again, nothing was left half-written")
    except OSError as error:
        return fail(f"{error.filename or 'file system'}: {error.strerror or error}")


def fail(message: str) -> int:
    """Print one error line and return 2."""
    print("error: " + " ".join(message.split("\n")), file=sys.stderr)
    return 2
