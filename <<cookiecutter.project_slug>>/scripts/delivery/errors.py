"""Errors of the delivery scripts, how they end a script, and how a signal becomes one of them."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from types import FrameType

EPILOG = "exit codes: 0 done, 1 not done: refused, or failed and put back, 2 misuse or missing evidence"
COMMANDS = ("::", "##[")  # with which a line speaks to the runner of a workflow


class DeliveryError(Exception):
    """Root of what ends a script with one `error:` line; `code` is its exit code."""

    code = 1


class MisuseError(DeliveryError):
    """The script was called wrongly, or what it needs is missing; nothing was changed."""

    code = 2


class Interrupted(KeyboardInterrupt):
    """The script was told to stop; what it began must be undone first."""


def run(step: Callable[[], int]) -> int:
    """Run `step` and return its exit code; an error becomes one `error:` line and its code."""
    try:
        return step()
    except DeliveryError as error:
        return fail(str(error), error.code)
    except OSError as error:
        return fail(f"{error.filename or 'file system'}: {error.strerror or error}", 2)
    except KeyboardInterrupt as error:
        return fail(str(error) or "interrupted", 1)


def fail(message: str, code: int) -> int:
    """Print one error line and return `code`."""
    say("error: " + " ".join(message.split()))
    return code


def say(message: str) -> None:
    """Print progress for people; standard output is for data.

    What others wrote, such as the log of a pod, may stand in it, so GitHub is told to take none of it for a command.
    """
    if os.environ.get("GITHUB_ACTIONS") and any(mark in message for mark in COMMANDS):
        token = secrets.token_hex()  # which nobody can have written into it
        message = f"::stop-commands::{token}\n{message}\n::{token}::"
    print(message, file=sys.stderr, flush=True)


def raise_on_signals() -> None:
    """Let the first SIGTERM or Ctrl-C raise Interrupted; what comes after it is ignored, so that the undoing ends."""

    def stop(number: int, _frame: FrameType | None) -> None:
        ignore_signals()
        raise Interrupted(f"interrupted by {signal.Signals(number).name}")

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)


def ignore_signals() -> None:
    """Let nothing but a kill end this process any more."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)


def did_you_mean(seen: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest allowed name, or the allowed names when none is near."""
    names = sorted(allowed)
    near = get_close_matches(seen, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names)}" if names else ""
