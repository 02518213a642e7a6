"""Hold a table against its contract: every broken rule with its count and first rows, at the cost of reading it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..contracts.arrow import Mask
from ..contracts.contract import UNKNOWN, Contract, Violation, near
from ..contracts.keywords import Rule
from ..contracts.semantics import Json
from . import keys, tables
from .data_report import DataReport
from .rules import RowRule, column_rules, row_rules
from .table_checks import EXAMPLES, table_checks
from .tables import Chunk


def validate(paths: Sequence[Path], contract: Contract, *, now: datetime | None = None) -> DataReport:
    """Return what the table in `paths` breaks; `now` (default: the present) is what freshness is measured against.

    Raises DataError when a file cannot be read as a table at all.
    """
    began = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(files.sha256, paths)
        judge, walk = Judge(contract), _Walk(contract, now or datetime.now(UTC), paths)
        for judged in tables.stream_map(judge, paths, contract):
            walk.take(judged)
        found = [*walk.header_violations(), *walk.rule_violations(), *walk.table_violations()]
        return DataReport(
            paths=tuple(paths),
            rows_of=tuple(walk.rows_of.values()),
            sha256=digest.result(),
            contract_version=contract.version,
            contract_digest=contract.digest,
            checks=judge.rules + walk.checks,
            violations=tuple(_with_keys(violation, paths, contract) for violation in found),
            seconds=time.perf_counter() - began,
        )


@dataclass(frozen=True)
class Broken:
    """Rows of a chunk, counted from 0, that break a rule."""

    column: str
    rule: Rule | RowRule
    places: NDArray[np.intp]


class Judge:
    """Find the rows of a chunk that break a rule; chunks do not depend on each other."""

    def __init__(self, contract: Contract) -> None:
        self.column_rules = column_rules(contract)
        self.row_rules = row_rules(contract)
        self.rules = sum(map(len, self.column_rules.values())) + len(self.row_rules)

    def __call__(self, chunk: Chunk) -> tuple[Chunk, list[Broken]]:
        """Return `chunk` and what it breaks."""
        found = [
            Broken(name, rule, np.flatnonzero(mask))
            for name, cells in chunk.cells.items()
            for rule in self.column_rules[name]
            if (mask := cells.failing(rule)) is not None
        ]
        found += [Broken("", rule, np.flatnonzero(_failing_rows(rule, chunk))) for rule in self.row_rules]
        return chunk, [broken for broken in found if len(broken.places)]


class _Walk:
    """Everything that is remembered from chunk to chunk."""

    def __init__(self, contract: Contract, now: datetime, paths: Sequence[Path]) -> None:
        self._contract = contract
        self._table_checks = table_checks(contract, now)
        self._broken: dict[tuple[str, str], Violation] = {}
        self._headers = {path: tables.header(path, contract.expectations.delimiter) for path in paths}
        self.rows_of = dict.fromkeys(paths, 0)
        self.checks = len(self._table_checks) + 1  # and the header

    def take(self, judged: tuple[Chunk, list[Broken]]) -> None:
        """Take the next chunk into account."""
        chunk, found = judged
        before = sum(self.rows_of.values())
        for broken in found:
            self._note(broken, chunk, before)
        for check in self._table_checks:
            check.add(chunk)
        self.rows_of[chunk.path] += chunk.rows

    def _note(self, broken: Broken, chunk: Chunk, before: int) -> None:
        key = (broken.column, broken.rule.keyword)
        old = self._broken.get(key, Violation(*key, broken.rule.limit, 0))
        shown = broken.places[: EXAMPLES - len(old.examples)].tolist()
        examples = tuple((before + place + 1, _value(broken, chunk, place)) for place in shown)
        self._broken[key] = replace(old, count=old.count + len(broken.places), examples=old.examples + examples)

    def header_violations(self) -> Iterator[Violation]:
        """Yield required columns that are missing, and unknown ones where the contract refuses them."""
        known = [column.name for column in self._contract.columns]
        for name in self._contract.schema.get("required", []):
            if lacking := [path for path, header in self._headers.items() if name not in header]:
                strangers = [other for other in self._headers[lacking[0]] if other not in known]
                yield Violation(name, "required", True, self._rows(lacking), hint=near(name, strangers))
        if self._contract.schema.get("additionalProperties", True):
            return
        for name in dict.fromkeys(name for header in self._headers.values() for name in header if name not in known):
            holding = [path for path, header in self._headers.items() if name in header]
            absent = [other for other in known if other not in self._headers[holding[0]]]
            yield Violation(name, UNKNOWN, False, self._rows(holding), hint=near(name, absent))

    def _rows(self, paths: Sequence[Path]) -> int:
        return sum(self.rows_of[path] for path in paths)

    def rule_violations(self) -> Iterator[Violation]:
        """Yield broken rules in the order of the contract, those of whole rows last."""
        order = {column.name: place for place, column in enumerate(self._contract.columns)}
        yield from sorted(self._broken.values(), key=lambda violation: order.get(violation.column, len(order)))

    def table_violations(self) -> Iterator[Violation]:
        """Yield broken expectations of the whole table."""
        for check in self._table_checks:
            yield from check.violations(sum(self.rows_of.values()))


def _failing_rows(rule: RowRule, chunk: Chunk) -> Mask:
    """Return which rows break `rule`, asking once per distinct combination of the columns it looks at."""
    present = [name for name in rule.columns if name in chunk.cells]
    if not present:
        return np.full(chunk.rows, not rule.holds({}))
    digests, _ = keys.digests([chunk.cells[name] for name in present])
    _, firsts, places = np.unique(digests, return_index=True, return_inverse=True)
    bad = [not rule.holds({name: chunk.cells[name].value(row) for name in present}) for row in firsts.tolist()]
    return np.array(bad, bool)[places]


def _value(broken: Broken, chunk: Chunk, place: int) -> Json:
    if broken.column:
        return chunk.cells[broken.column].value(place)
    names = broken.rule.columns if isinstance(broken.rule, RowRule) else ()
    return [chunk.cells[name].value(place) for name in names if name in chunk.cells]


def _with_keys(violation: Violation, paths: Sequence[Path], contract: Contract) -> Violation:
    """Return a repeated-key `violation` with the keys of its examples, which only a second look can tell."""
    if violation.rule != "unique":
        return violation
    names, wanted = violation.limit, {row for row, _ in violation.examples}
    found, before = [], 0
    for chunk in tables.stream(paths, contract, names):
        here = [row for row in sorted(wanted) if before < row <= before + chunk.rows]
        found += [(row, [chunk.cells[name].value(row - before - 1) for name in names]) for row in here]
        before += chunk.rows
        if len(found) == len(wanted):
            break
    return replace(violation, examples=tuple(found))
