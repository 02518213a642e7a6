"""One thread for the model: what waits while it is busy is answered together next, and only so much may wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .refusals import Refusal

Rows = Sequence[Any]
Scores = list[Any]
RETRY_AFTER = (("retry-after", "1"),)
BATCHES_THAT_WAIT = 16  # in rows of a largest request, which bounds the memory of what waits


class Worker:
    """Answers rows in the order of their arrival, in batches that grow with the load and need no delay."""

    def __init__(
        self, answer: Callable[[Rows], Scores], *, requests: int, batch_rows: int, observe: Callable[[int], None]
    ) -> None:
        self._answer = answer
        self._requests = requests
        self._batch_rows = batch_rows
        self._observe = observe
        self._waiting: deque[tuple[Rows, asyncio.Future[Scores]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._task: asyncio.Task[None] | None = None
        self.rows = 0

    async def answer(self, rows: Rows, *, seconds: float) -> Scores:
        """Return the scores of `rows`; Refusal 503 when too many wait already, 504 after `seconds`."""
        if len(self._waiting) >= self._requests or self.rows + len(rows) > BATCHES_THAT_WAIT * self._batch_rows:
            waiting = f"{len(self._waiting)} requests with {self.rows} rows wait already"
            raise Refusal(503, f"{waiting}; try again", headers=RETRY_AFTER)
        future: asyncio.Future[Scores] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        self.rows += len(rows)
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError as error:
            raise Refusal(504, f"no answer within {seconds:g} s", headers=RETRY_AFTER) from error

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._take():
            rows = batch[0][0] if len(batch) == 1 else [row for part, _ in batch for row in part]
            self._observe(len(rows))
            running = loop.run_in_executor(self._thread, self._answer, rows)
            await asyncio.wait([running])
            _settle(batch, running)
        self._task = None

    def _take(self) -> list[tuple[Rows, asyncio.Future[Scores]]]:
        """Return the oldest requests that fit into one batch, leaving out those whose clients gave up."""
        batch: list[tuple[Rows, asyncio.Future[Scores]]] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0][0]) <= self._batch_rows):
            rows, future = self._waiting.popleft()
            self.rows -= len(rows)
            if not future.done():
                batch.append((rows, future))
                size += len(rows)
        return batch

    def close(self) -> None:
        """End the thread once it is idle."""
        self._thread.shutdown(wait=False)


def _settle(batch: Sequence[tuple[Rows, asyncio.Future[Scores]]], running: asyncio.Future[Scores]) -> None:
    """Hand each request its part of the scores, or the model's error."""
    error = running.exception()
    scores = [] if error else running.result()
    start = 0
    for rows, future in batch:
        part = scores[start : start + len(rows)]
        start += len(rows)
        if future.done():
            continue
        if error:
            future.set_exception(error)
        else:
            future.set_result(part)
