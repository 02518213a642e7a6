"""One thread for the model: what waits while it is busy is answered together next, and only so much may wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .refusals import RETRY_AFTER, Refusal

Rows = Sequence[Any]
Scores = list[Any]
BATCHES_THAT_WAIT = 16  # in rows of a largest request, which bounds the memory of what waits
BYTES_THAT_WAIT = 64 << 20  # of bodies, because rows may hold long texts


@dataclass(frozen=True)
class Waiting:
    """Rows of one request that came as `size` bytes, and where their scores are waited for."""

    rows: Rows
    size: int
    future: asyncio.Future[Scores]


class Worker:
    """Answers rows in the order of their arrival, in batches that grow with the load and need no delay.

    `prepare` runs in the thread before the first batch.
    """

    def __init__(
        self,
        answer: Callable[[Rows], Scores],
        *,
        requests: int,
        batch_rows: int,
        observe: Callable[[int], None],
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._answer = answer
        self._requests = requests
        self._batch_rows = batch_rows
        self._observe = observe
        self._waiting: deque[Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model", initializer=prepare)
        self._task: asyncio.Task[None] | None = None
        self.rows = 0
        self._bytes = 0

    async def answer(self, rows: Rows, *, seconds: float, size: int = 0) -> Scores:
        """Return the scores of `rows`; Refusal 503 when too much waits already, 504 after `seconds`.

        Whatever the model raises for these rows is raised here.
        """
        self._demand_room(len(rows), size)
        one = Waiting(rows, size, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        self.rows += len(rows)
        self._bytes += size
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        try:
            async with asyncio.timeout(seconds):
                return await one.future
        except TimeoutError as error:
            raise Refusal(504, f"no answer within {seconds:g} s", headers=RETRY_AFTER) from error

    def _demand_room(self, rows: int, size: int) -> None:
        too_many = len(self._waiting) >= self._requests or self.rows + rows > BATCHES_THAT_WAIT * self._batch_rows
        if too_many or (self._waiting and self._bytes + size > BYTES_THAT_WAIT):
            waiting = f"{len(self._waiting)} requests with {self.rows} rows wait already"
            raise Refusal(503, f"{waiting}; try again", headers=RETRY_AFTER)

    async def _work(self) -> None:
        try:
            while batch := self._take():
                if await self._settled(batch):
                    continue
                for one in batch:  # what one request asks must not cost the others their answer
                    if not one.future.done():
                        await self._settled([one])
        finally:  # or no later request would start the work again
            self._task = None

    async def _settled(self, batch: Sequence[Waiting]) -> bool:
        """Answer `batch` and return True; return False when the model fails for several requests together."""
        rows = batch[0].rows if len(batch) == 1 else [row for one in batch for row in one.rows]
        running = asyncio.create_task(self._run(rows))
        await asyncio.wait([running])
        error = running.exception()
        if error and len(batch) > 1:
            return False
        _settle(batch, error, [] if error else running.result())
        return True

    async def _run(self, rows: Rows) -> Scores:
        self._observe(len(rows))
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, rows)

    def _take(self) -> list[Waiting]:
        """Return the oldest requests that fit into one batch, leaving out those whose clients gave up."""
        batch: list[Waiting] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].rows) <= self._batch_rows):
            one = self._waiting.popleft()
            self.rows -= len(one.rows)
            self._bytes -= one.size
            if not one.future.done():
                batch.append(one)
                size += len(one.rows)
        return batch


def _settle(batch: Sequence[Waiting], error: BaseException | None, scores: Scores) -> None:
    """Hand each request its part of the scores, or the model's error."""
    start = 0
    for one in batch:
        part = scores[start : start + len(one.rows)]
        start += len(one.rows)
        if one.future.done():
            continue
        if error:
            one.future.set_exception(error)
        else:
            one.future.set_result(part)
