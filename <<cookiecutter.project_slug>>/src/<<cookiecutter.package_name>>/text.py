"""Numbers and tables as people read them, the same in the report, the model card and the leaderboard."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NOTHING = "-"
TINY, LARGE = 0.0005, 1000


def number(value: object, *, signed: bool = False) -> str:
    """Return a number with three decimals, fewer when it is large, more when it is tiny; `-` for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NOTHING
    sign = "+" if signed and value > 0 else ""
    if isinstance(value, int):
        return f"{sign}{value:,.0f}"
    size = abs(value)
    decimals = 0 if size >= LARGE else 1 if size >= 100 else 2 if size >= 10 else 3
    return f"{sign}{value:.2g}" if 0 < size < TINY else f"{sign}{value:,.{decimals}f}"


def interval(estimate: Mapping[str, Any], *, signed: bool = False) -> str:
    """Return `low to high` of an estimate, or `-` when it has no interval."""
    ends = [estimate.get("low"), estimate.get("high")]
    return NOTHING if None in ends else " to ".join(number(end, signed=signed) for end in ends)


def size(count: object) -> str:
    """Return a number of bytes as kB or MB."""
    if isinstance(count, bool) or not isinstance(count, int | float):
        return NOTHING
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def digest(value: object) -> str:
    """Return the first twelve characters of a hex digest or commit."""
    return str(value)[:12] if value else NOTHING


def moment(value: object) -> str:
    """Return an ISO 8601 time to the minute: `2026-11-21 04:07 UTC`."""
    text = str(value)
    return f"{text[:10]} {text[11:16]}{' UTC' if text.endswith(('Z', '+00:00')) else text[19:]}"


def plain(value: object) -> str:
    """Return `value` as JSON in readable letters."""
    return json.dumps(value, ensure_ascii=False)


def cell(value: object) -> str:
    """Return `value` so that it can neither leave its Markdown cell nor be read as markup."""
    flat = " ".join(str(value).split())
    return "".join("\\" + letter if letter in "\\|`*_<>[]~#@&" else letter for letter in flat)


def code(name: object) -> str:
    """Return `name` as a Markdown code span, in which nothing is markup."""
    flat = " ".join(str(name).split()).replace("`", "'")
    return f"`{flat}`"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[int] = ()) -> str:
    """Return a Markdown table whose columns `right` are aligned to the right; cells are escaped."""
    numeric = set(right)
    rule = ["---:" if column in numeric else "---" for column in range(len(header))]
    lines = [header, rule, *([cell(value) for value in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
