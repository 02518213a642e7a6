"""Expectations of a whole table, each fed chunk by chunk in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..contracts.contract import Contract, Violation
from ..contracts.semantics import Json
from ..contracts.vocabulary import same
from . import keys
from .cells import CodedCells
from .tables import Chunk, moment

EXAMPLES = 5
LEAST_ROWS = 20  # in fewer, a column may equal the target by chance
SECONDS_PER_DAY = 86_400
AHEAD = timedelta(days=1)  # clocks and time zones differ: a local time without its offset may be so far ahead


class TableCheck(Protocol):
    """One expectation of a table."""

    def add(self, chunk: Chunk) -> None:
        """Take `chunk` into account."""

    def violations(self, rows: int) -> Iterator[Violation]:
        """Yield what the table of `rows` rows breaks."""


def table_checks(contract: Contract, now: datetime) -> list[TableCheck]:
    """Return the checks that the contract's expectations ask for."""
    wanted = contract.expectations
    checks: list[TableCheck] = [Rows(wanted.min_rows), Nulls(wanted.nulls)]
    checks += [Unique(key) for key in wanted.unique]
    if wanted.min_class_share is not None:
        checks.append(ClassShare(contract, wanted.min_class_share))
    if wanted.refuse_leaks:
        checks.append(Leakage(contract))
    if wanted.max_age_days is not None and contract.timestamp:
        checks.append(Freshness(contract.timestamp.name, wanted.max_age_days, now))
    return checks


class Rows:
    """Enough rows."""

    def __init__(self, least: int) -> None:
        self._least = least

    def add(self, chunk: Chunk) -> None:
        """Nothing to remember: the caller counts rows."""

    def violations(self, rows: int) -> Iterator[Violation]:
        """Yield a violation when there are too few rows."""
        if rows < self._least:
            yield Violation("", "rows.min", self._least, rows, hint=f"{rows} rows")


class Nulls:
    """Not too many nulls per column; a column that a file lacks is null in all of its rows."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        self._shares = shares
        self._counts: Counter[str] = Counter()

    def add(self, chunk: Chunk) -> None:
        """Count nulls."""
        for name in self._shares:
            present = chunk.cells.get(name)
            self._counts[name] += chunk.rows if present is None else int(np.count_nonzero(present.nulls()))

    def violations(self, rows: int) -> Iterator[Violation]:
        """Yield the columns whose share of nulls is too large."""
        for name, limit in self._shares.items():
            share = self._counts[name] / max(rows, 1)
            if share > limit:
                yield Violation(name, "nulls", limit, self._counts[name], hint=f"{share:.2%} of the rows")


class Unique:
    """No two rows with the same key; rows with a null in the key are not compared, as in SQL.

    A column that a file lacks leaves nothing to compare, so that it breaks the rule instead of passing for nulls.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._keys = keys.Keys()
        self._rows = 0
        self._absent: Counter[str] = Counter()

    def add(self, chunk: Chunk) -> None:
        """Remember the keys."""
        absent = [name for name in self._names if name not in chunk.cells]
        self._absent.update(dict.fromkeys(absent, chunk.rows))
        if not absent:
            digests, whole = keys.digests([chunk.cells[name] for name in self._names])
            numbers = np.arange(self._rows + 1, self._rows + 1 + chunk.rows, dtype=np.uint64)
            self._keys.add(digests[whole], numbers[whole])
        self._rows += chunk.rows

    def violations(self, rows: int) -> Iterator[Violation]:
        """Yield a violation for each column that is absent, and one when keys are repeated."""
        title, names = ", ".join(self._names), list(self._names)
        for name, lacking in self._absent.items():
            yield Violation(title, "unique", names, lacking, hint=f"there is no column {name!r} to compare")
        count, first = self._keys.repeated(EXAMPLES)
        if count:
            examples = tuple((row, None) for row in first)
            yield Violation(title, "unique", names, count, examples, "the same key stands in an earlier row")


def label_counts(cells: CodedCells) -> Counter[Json]:
    """Return how often each value stands in a column."""
    counts: Counter[Json] = Counter()
    plain = cells.numbers if cells.codes is None or cells.numbers is None else cells.numbers[cells.codes < 0]
    if plain is not None:
        values, times = np.unique(plain, return_counts=True)
        counts.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
    if cells.codes is not None:
        times = np.bincount(cells.codes[cells.codes >= 0], minlength=len(cells.values))
        for value, count in zip(cells.values, times.tolist(), strict=True):
            counts[value] += count
    return counts


class ClassShare:
    """Enough rows of each class."""

    def __init__(self, contract: Contract, least: float) -> None:
        self._target, self._classes, self._least = contract.target.name, contract.classes, least
        self._counts: Counter[Json] = Counter()

    def add(self, chunk: Chunk) -> None:
        """Count classes."""
        if self._target in chunk.cells:
            self._counts += label_counts(chunk.cells[self._target].coded())

    def violations(self, rows: int) -> Iterator[Violation]:
        """Yield the classes with too small a share."""
        for label in self._classes:
            count = self._counts[label]
            if count < self._least * rows or not count:
                hint = f"class {label!r} has {count / max(rows, 1):.2%} of the rows"
                yield Violation(self._target, "min_class_share", self._least, count, hint=hint)


class Leakage:
    """No feature that gives the target away: identical to it, or a one-to-one relabelling of its classes."""

    def __init__(self, contract: Contract) -> None:
        self._target, self._classes = contract.target.name, contract.classes
        self._pairs: dict[str, set[tuple[Json, Json]]] = {name: set() for name in contract.features}
        self._varies: set[Json] = set()

    def add(self, chunk: Chunk) -> None:
        """Drop the features that are cleared by `chunk`."""
        if self._target not in chunk.cells:
            self._pairs.clear()
        for name in list(self._pairs):
            if name not in chunk.cells or not self._still_suspect(name, chunk):
                del self._pairs[name]

    def _still_suspect(self, name: str, chunk: Chunk) -> bool:
        feature, target = chunk.cells[name].coded(), chunk.cells[self._target].coded()
        if not self._classes:
            self._varies |= set(np.unique(_numbers(target))[:2].tolist())
            return np.array_equal(_numbers(feature), _numbers(target), equal_nan=True)
        pairs = self._pairs[name]
        seen = _pairs(feature, target, most=len(self._classes))
        pairs |= {pair for pair in seen if any(same(pair[1][1], label) for label in self._classes)}
        self._varies |= {label for _, label in pairs}
        return len({value for value, _ in pairs}) == len(pairs) == len({label for _, label in pairs})

    def violations(self, rows: int) -> Iterator[Violation]:
        """Yield the features that are the target in disguise."""
        if len(self._varies) > 1 and rows >= LEAST_ROWS:
            for name in self._pairs:
                hint = f"{name} tells {self._target} exactly; drop it or give it x-role ignored"
                yield Violation(name, "leakage.identical", "refuse", rows, hint=hint)


def _numbers(cells: CodedCells) -> NDArray[np.float64]:
    if cells.numbers is None:
        return np.full(len(cells), np.nan)
    return cells.numbers if cells.codes is None else np.where(cells.codes < 0, cells.numbers, np.nan)


def _pairs(feature: CodedCells, target: CodedCells, most: int) -> set[tuple[Json, Json]]:
    """Return the distinct (feature, label) pairs; the search ends early when there are more than `most` values."""
    head = [(_tagged(feature.value(row)), _tagged(target.value(row))) for row in range(min(len(feature), 100))]
    if len(set(head)) > most:
        return set(head)
    keys_of = keys.digests([feature, target])[0]
    _, rows = np.unique(keys_of, return_index=True)
    return {(_tagged(feature.value(row)), _tagged(target.value(row))) for row in rows.tolist()}


def _tagged(value: Json) -> tuple[bool, Json]:
    """Tell true from 1, which Python holds equal."""
    return isinstance(value, bool), value


class Freshness:
    """The newest row is not too old; a time in the future is a mistake and proves nothing."""

    def __init__(self, column: str, days: float, now: datetime) -> None:
        self._column, self._days, self._now = column, days, now
        self._newest: datetime | None = None

    def add(self, chunk: Chunk) -> None:
        """Remember the newest time that is not in the future."""
        if self._column in chunk.cells:
            times = map(moment, chunk.cells[self._column].coded().values)
            past = [time for time in times if time and time <= self._now + AHEAD]
            self._newest = max([*past, *filter(None, [self._newest])], default=None)

    def violations(self, rows: int) -> Iterator[Violation]:
        """Yield a violation when the newest time is too old, or when there is none."""
        age = (self._now - self._newest).total_seconds() / SECONDS_PER_DAY if self._newest else None
        if age is None or age > self._days:
            seen = (
                f"newest {self._newest.isoformat()}, {age:.1f} days old"
                if self._newest
                else "no time to be read before now"
            )
            yield Violation(self._column, "freshness.max_age_days", self._days, rows, hint=seen)
