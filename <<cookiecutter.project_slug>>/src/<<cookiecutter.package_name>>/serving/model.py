"""From rows that satisfy the contract to predictions, whichever runtime answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .batching import Worker
from .bundle import Bundle
from .feeds import OutOfRange, numbers
from .metrics import Metrics
from .options import Options
from .protocols import Answer
from .refusals import Refusal, Violation, broken
from .rules import RowRules
from .runtimes import Runtime


class Model:
    """The rules of the contract, a runtime, and the worker for what would keep others waiting."""

    def __init__(self, bundle: Bundle, runtime: Runtime, options: Options, metrics: Metrics) -> None:
        self._bundle = bundle
        self._classes = bundle.classes
        self._runtime = runtime
        self._metrics = metrics
        self._seconds = options.deadline_seconds
        self._most = options.max_rows
        self._numbers = _numbers(bundle)
        self._rules = RowRules.of_questions(bundle.contract, ignore_unknown=options.ignore_unknown)
        self.worker = Worker(
            runtime.answer,
            requests=options.queue_limit,
            batch_rows=options.max_rows,
            observe=metrics.batch.add,
            prepare=runtime.prepare,
        )
        metrics.queue_rows = lambda: self.worker.rows

    async def answer(self, rows: list[Any], *, size: int = 0) -> Answer:
        """Return the predictions for `rows`, which came as `size` bytes.

        Raises Refusal when there are none or too many, when one breaks the contract, or when the service is too busy.
        """
        if not rows:
            raise Refusal(400, "there are no rows, wanted at least one")
        if len(rows) > self._most:
            raise Refusal(413, f"there are more than {self._most} rows, wanted at most so many at once")
        if not self._rules.hold(rows):
            self._refuse(self._rules.violations(rows))
        try:
            scores = await self._scores(rows, size)
        except OutOfRange as error:
            self._refuse([Violation(error.row, error.column, "maximum", error.value, "seen a number too large to use")])
        return self._told(rows, scores)

    async def _scores(self, rows: list[Any], size: int) -> list[Any]:
        if len(rows) > self._runtime.inline_rows:
            for column in self._numbers:  # refused here, before it could make a batch with others fail
                numbers(rows, column)
            return await self.worker.answer(rows, seconds=self._seconds, size=size)
        self._metrics.batch.add(len(rows))
        return self._runtime.answer(rows)

    def _refuse(self, violations: Sequence[Violation]) -> None:
        self._metrics.refused(violations)
        raise broken(violations)

    def _told(self, rows: list[Any], scores: list[Any]) -> Answer:
        if not self._classes:
            self._metrics.predicted(rows, scores, ())
            return Answer(scores)
        places = [row.index(max(row)) for row in scores]
        self._metrics.predicted(rows, scores, places)
        return Answer([self._classes[place] for place in places], scores)

    def warm_up(self) -> None:
        """Answer the golden rows once, so that the first request is as quick as the second."""
        rows = self._bundle.golden["rows"]
        self._rules.hold(rows)
        for size in (1, len(rows)):
            json.dumps(self._runtime.answer(rows[:size]))


def _numbers(bundle: Bundle) -> list[str]:
    """Return the columns of numbers that the model reads: all of a pipeline's, and of others those with an input."""
    numeric = [column for column in bundle.export["columns"] if column["kind"] == "number"]
    return [column["name"] for column in numeric if bundle.runtime == "skops" or column["input"] is not None]
