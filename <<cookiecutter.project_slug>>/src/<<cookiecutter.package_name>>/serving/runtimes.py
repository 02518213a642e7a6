"""What answers rows: one small interface over the two kinds of exported models."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

from .bundle import Bundle


class Runtime(Protocol):
    """A loaded model. Requests of up to `inline_rows` rows are answered at once, others in the worker's thread."""

    inline_rows: int

    def answer(self, rows: Sequence[Any]) -> list[Any]:
        """Return one entry per row that satisfies the contract: its scores by class, or its value."""
        ...

    def prepare(self) -> None:
        """Set up the thread that calls this, as the worker's does before its first answer."""
        ...


def load(bundle: Bundle, threads: int) -> Runtime:
    """Return the runtime of `bundle`, importing only the libraries that it needs."""
    module = import_module(f".{bundle.runtime}_runtime", __package__)
    runtime: Runtime = getattr(module, f"{bundle.runtime.capitalize()}Runtime")(bundle, threads)
    return runtime
