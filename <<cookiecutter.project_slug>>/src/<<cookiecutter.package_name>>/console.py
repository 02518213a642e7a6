"""What a person sees in the terminal while a pipeline runs, and when it has ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .text import interval, number

WIDTH = 10
MOST_VIOLATIONS = 20
# Shown besides the gated metrics, where they exist: what people ask for first.
HEADLINES = ("skill", "roc_auc", "accuracy", "r2", "rmse")


@contextmanager
def told(step: str) -> Iterator[Callable[[str], None]]:
    """Name `step` on stderr while it runs, then the text given to the yielded function, and the seconds."""
    said: list[str] = []
    began = time.perf_counter()
    live = sys.stderr.isatty()
    if live:
        print(f"  {step:<{WIDTH}} …", end="", file=sys.stderr, flush=True)
    try:
        yield said.append
    except BaseException:
        said.append("failed")
        raise
    finally:
        seconds = time.perf_counter() - began
        start = "\r" if live else ""
        print(f"{start}  {step:<{WIDTH}} {' '.join(said):<54} {seconds:5.1f} s", file=sys.stderr, flush=True)


def violations(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line for each rule that the table of a `data-report/1` breaks: column, rule, count, first rows.

    A limit is shown where it is a number; a list of categories has its place in the report.
    """
    broken = document["violations"]
    for found in broken[:MOST_VIOLATIONS]:
        first = ", ".join(f"row {example['row']}: {example['value']!r}" for example in found["examples"][:3])
        hint = f"  {found['hint']}" if found["hint"] else ""
        limit = f" {found['limit']}" if type(found["limit"]) in {int, float} else ""
        rule = f"{found['rule']}{limit}"
        yield f"  {found['column'] or '(row)':<18} {rule:<14} {found['count']:>6,} x  {first}{hint}".rstrip()
    if len(broken) > MOST_VIOLATIONS:
        yield f"  and {len(broken) - MOST_VIOLATIONS} more, listed in the report"


def checks(gate: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line for each check of a `gate/1` that failed."""
    for check in gate["checks"]:
        if not check["passed"]:
            yield f"  {check['name']}: seen {check['seen']}, wanted {check['wanted']} ({check['why']})"


def metrics(document: Mapping[str, Any], gate: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of the main metrics of a `metrics/1`: ours with its interval, the champion's, the difference."""
    champion = document["champion"]
    compared = champion["status"] == "compared"
    rows: list[tuple[str, ...]] = [("metric", "value", "interval", *(("champion", "difference") if compared else ()))]
    for name in _shown(document, gate):
        found = document["metrics"][name]
        row: tuple[str, ...] = (name, number(found["value"]), interval(found))
        if compared:
            difference = champion["difference"].get(name, {})
            theirs = champion["metrics"].get(name, {}).get("value")
            row += (
                number(theirs),
                f"{number(difference.get('value'), signed=True)} {interval(difference, signed=True)}",
            )
        rows.append(row)
    yield from table(rows)


def notices(*documents: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each thing that the steps behind `documents` want their reader to know, each once."""
    for notice in dict.fromkeys(notice for document in documents for notice in document["notices"]):
        yield f"notice     {notice}"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield `rows` as lines with aligned columns, indented by two."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()


def show(lines: Iterable[str]) -> None:
    """Print `lines` on stdout."""
    for line in lines:
        print(line)


def _shown(document: Mapping[str, Any], gate: Mapping[str, Any]) -> list[str]:
    """Return the metrics that the gate looked at, in its order, and the headlines."""
    names = (check["name"].removeprefix("champion ") for check in gate["checks"])
    return [name for name in dict.fromkeys([*names, *HEADLINES]) if name in document["metrics"]]
