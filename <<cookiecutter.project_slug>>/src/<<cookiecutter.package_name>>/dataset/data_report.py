"""The report of a validation: one value, its JSON document and its Markdown table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contracts.contract import Violation
from ..contracts.semantics import Json
from ..text import cell

LONGEST = 80  # characters of a value


@dataclass(frozen=True)
class DataReport:
    """What the table is, what it was held against, what it breaks; `rows_of` counts the rows of each path."""

    paths: tuple[Path, ...]
    rows_of: tuple[int, ...]
    sha256: str
    contract_version: str
    contract_digest: str
    checks: int
    violations: tuple[Violation, ...]
    seconds: float

    @property
    def rows(self) -> int:
        """Number of rows in all files."""
        return sum(self.rows_of)

    @property
    def valid(self) -> bool:
        """Whether nothing is broken."""
        return not self.violations

    def document(self) -> dict[str, Json]:
        """Return the report as JSON (`data-report/1`); rows count from 1, in their file when there are several."""
        return {
            "format": "data-report/1",
            "valid": self.valid,
            "rows": self.rows,
            "data": {"paths": [str(path) for path in self.paths], "sha256": self.sha256},
            "contract": {"version": self.contract_version, "digest": self.contract_digest},
            "violations": [self._violation(violation) for violation in self.violations],
            "checks": self.checks,
        }

    def _violation(self, violation: Violation) -> dict[str, Json]:
        return {
            "column": violation.column,
            "rule": violation.rule,
            "limit": violation.limit,
            "count": violation.count,
            "examples": [{**self._place(row), "value": _plain(value)} for row, value in violation.examples],
            "hint": violation.hint,
        }

    def _place(self, row: int) -> dict[str, Json]:
        """Return where the running number `row` stands."""
        for path, rows in zip(self.paths, self.rows_of, strict=True):
            if row <= rows:
                return {"row": row} if len(self.paths) == 1 else {"path": str(path), "row": row}
            row -= rows
        raise ValueError(f"row {row} lies behind the end of the table")


def _plain(value: Json) -> Json:
    """Return `value` as strict and short JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value[: LONGEST - 1] + "…" if isinstance(value, str) and len(value) > LONGEST else value


def markdown(document: Mapping[str, Json]) -> str:
    """Return the report `document` (`data-report/1`) as a Markdown table with one line above."""
    rows, broken = f"{document['rows']:,} rows", document["violations"]
    if document["valid"]:
        return f"**Data valid**: {rows}, {document['checks']} checks.\n"
    lines = [
        f"**Data invalid**: {rows}, {len(broken)} of {document['checks']} checks failed.",
        "",
        "| Column | Rule | Wanted | Count | First rows |",
        "|---|---|---|---:|---|",
        *(_line(violation) for violation in broken),
    ]
    return "\n".join(lines) + "\n"


def _line(violation: Mapping[str, Json]) -> str:
    seen = [_example(example) for example in violation["examples"]] + ([violation["hint"]] if violation["hint"] else [])
    wanted = json.dumps(violation["limit"], ensure_ascii=False)
    cells = [
        cell(violation["column"]) or "(row)",
        cell(violation["rule"]),
        cell(wanted if len(wanted) <= LONGEST else wanted[: LONGEST - 1] + "…"),
        f"{violation['count']:,}",
        cell("; ".join(seen)),
    ]
    return f"| {' | '.join(cells)} |"


def _example(example: Mapping[str, Json]) -> str:
    path = f"{example['path']} " if "path" in example else ""
    return f"{path}row {example['row']}: {json.dumps(example['value'], ensure_ascii=False)}"


def summary(violations: Sequence[Violation], most: int = 3) -> str:
    """Return the first `most` violations as one line of text, with the first cell that breaks one."""
    parts = [f"{violation.column or 'row'}: {violation.rule} ({violation.count:,})" for violation in violations[:most]]
    more = len(violations) - most
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "") + _first_place(violations)


def _first_place(violations: Sequence[Violation]) -> str:
    """Return where the first of `violations` that has a place has it, in words."""
    first = next((each for each in violations if each.examples), None)
    if first is None:
        return ""
    row, value = first.examples[0]
    return f"; row {row} holds {json.dumps(value, ensure_ascii=False, default=str)} in column {first.column!r}"
