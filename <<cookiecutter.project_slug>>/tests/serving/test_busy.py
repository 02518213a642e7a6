"""Under load: what waits is answered together, only so much may wait, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from <<cookiecutter.package_name>>.serving.batching import BYTES_THAT_WAIT, Worker
from <<cookiecutter.package_name>>.serving.refusals import Refusal

from tests.serving.client import JSON, Client, Reply, serve
from tests.serving.conftest import Folders


class Gate:
    """A model that answers the rows it is given once it may, and remembers its batches."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.batches: list[list[Any]] = []

    def answer(self, rows: Any) -> list[Any]:
        self.batches.append(list(rows))
        if not self.open.wait(10):
            raise TimeoutError
        if "poison" in rows:
            raise ValueError("the model cannot take this")
        return [row * 2 for row in rows]


def worker(gate: Gate, *, requests: int = 8, batch_rows: int = 4) -> Worker:
    return Worker(gate.answer, requests=requests, batch_rows=batch_rows, observe=lambda _: None)


async def asked(found: Worker, *requests: list[Any], seconds: float = 5) -> list[asyncio.Task[list[Any]]]:
    tasks = []
    for rows in requests:
        tasks.append(asyncio.create_task(found.answer(rows, seconds=seconds)))
        await asyncio.sleep(0)
    return tasks


def test_what_waits_while_the_model_is_busy_is_one_batch() -> None:
    gate = Gate()

    async def run() -> list[list[Any]]:
        tasks = await asked(worker(gate), [1], [2], [3, 4], [5], [6])
        await asyncio.to_thread(gate.open.set)
        return await asyncio.gather(*tasks)

    assert asyncio.run(run()) == [[2], [4], [6, 8], [10], [12]]
    assert gate.batches == [[1], [2, 3, 4, 5], [6]]


def test_requests_beyond_the_queue_are_shed() -> None:
    gate = Gate()

    async def run() -> Refusal:
        busy = worker(gate, requests=2)
        tasks = await asked(busy, [1, 1, 1, 1])
        await until(lambda: bool(gate.batches))
        tasks += await asked(busy, [2], [3])
        with pytest.raises(Refusal) as refused:
            await busy.answer([4], seconds=5)
        assert busy.rows == 2
        gate.open.set()
        await asyncio.gather(*tasks)
        assert busy.rows == 0
        return refused.value

    refusal = asyncio.run(run())
    assert (refusal.status, refusal.headers) == (503, (("retry-after", "1"),))


def test_many_rows_count_however_few_their_requests() -> None:
    gate = Gate()

    async def run() -> int:
        busy = worker(gate, requests=1000)
        tasks = await asked(busy, *([0] * 4 for _ in range(17)))
        await until(lambda: bool(gate.batches))
        with pytest.raises(Refusal) as refused:
            await busy.answer([1], seconds=5)
        gate.open.set()
        await asyncio.gather(*tasks)
        return refused.value.status

    assert asyncio.run(run()) == 503


def test_a_request_past_its_deadline_is_told_so_and_costs_the_model_nothing() -> None:
    gate = Gate()

    async def run() -> int:
        slow = worker(gate)
        first = await asked(slow, [1, 1, 1, 1])
        await until(lambda: bool(gate.batches))
        with pytest.raises(Refusal) as refused:
            await slow.answer([2], seconds=0.01)
        gate.open.set()
        await asyncio.gather(*first)
        return refused.value.status

    assert asyncio.run(run()) == 504
    assert gate.batches == [[1, 1, 1, 1]]


def test_an_error_of_the_model_reaches_those_who_asked_and_nobody_else_in_their_batch() -> None:
    gate = Gate()

    async def run() -> list[list[Any] | BaseException]:
        found = worker(gate)
        tasks = await asked(found, [1], [2], ["poison"], [3])
        await until(lambda: bool(gate.batches))
        gate.open.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    before, first, error, last = asyncio.run(run())
    assert gate.batches[:2] == [[1], [2, "poison", 3]]
    assert (before, first, last) == ([2], [4], [6])
    assert (type(error), str(error)) == (ValueError, "the model cannot take this")


def test_a_thread_that_cannot_start_costs_those_who_wait_for_it_their_answer_and_nobody_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate()
    gate.open.set()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def run() -> list[Any]:
        found = worker(gate)
        with monkeypatch.context() as short_of_threads:
            short_of_threads.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                await found.answer([1], seconds=5)
        return await found.answer([4], seconds=5)

    assert asyncio.run(run()) == [8]


def test_large_bodies_count_however_few_their_rows() -> None:
    gate = Gate()

    async def run() -> int:
        busy = worker(gate)
        first = asyncio.create_task(busy.answer([1, 1, 1, 1], seconds=5, size=BYTES_THAT_WAIT))
        await until(lambda: bool(gate.batches))
        second = asyncio.create_task(busy.answer([2], seconds=5, size=BYTES_THAT_WAIT))
        await until(lambda: busy.rows == 1)
        with pytest.raises(Refusal) as refused:
            await busy.answer([3], seconds=5, size=1)
        gate.open.set()
        assert list(await asyncio.gather(first, second)) == [[2, 2, 2, 2], [4]]
        assert await busy.answer([3], seconds=5, size=1) == [6]
        return refused.value.status

    assert asyncio.run(run()) == 503


def test_a_number_that_one_client_sends_too_large_is_told_to_that_client_alone(
    own: Client, rows: list[dict[str, Any]]
) -> None:
    bodies = [
        json.dumps({"rows": [row] * 70}).encode() for row in (rows[0], rows[0], {**rows[0], "load": 1e39}, rows[0])
    ]

    async def run() -> list[Reply]:
        return await asyncio.gather(*(own.ask("POST", "/predict", body, JSON) for body in bodies))

    replies = asyncio.run(run())
    assert [reply.status for reply in replies] == [200, 200, 422, 200]
    assert replies[2].json["detail"][0]["row"] == 0
    assert own.metric("model_batch_rows_sum") == 3 * 70


def test_the_thread_that_predicts_computes_with_as_many_threads_as_the_settings_say(folders: Folders) -> None:
    with threadpool_limits(1):  # gives this process back what it had
        service = serve(folders("binary", "skops"), threads=3).service
        seen = service._model.worker._thread.submit(threadpool_info).result(10)
    assert {each["num_threads"] for each in seen if each["user_api"] == "openmp"} == {3}


async def until(holds: Any) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


def test_a_shed_request_says_when_to_try_again_and_is_counted(folder: Path, rows: list[dict[str, Any]]) -> None:
    client, gate = serve(folder, queue_limit=1, max_rows=70, deadline_seconds=5), Gate()
    model = client.service._model
    model.worker = Worker(
        lambda asked: gate.answer([0.0] * len(asked)) and [[0.5, 0.5]] * len(asked),
        requests=1,
        batch_rows=70,
        observe=lambda _: None,
    )
    body = b'{"rows":[' + b",".join([json.dumps(rows[0]).encode()] * 70) + b"]}"

    async def run() -> list[Any]:
        first = asyncio.create_task(client.ask("POST", "/predict", body, JSON))
        await until(lambda: bool(gate.batches))
        second = asyncio.create_task(client.ask("POST", "/predict", body, JSON))
        await until(lambda: model.worker.rows == 70)
        shed = await client.ask("POST", "/predict", body, JSON)
        gate.open.set()
        return [shed, *await asyncio.gather(first, second)]

    shed, *answered = asyncio.run(run())
    assert (shed.status, shed.headers["retry-after"]) == (503, "1")
    assert [reply.status for reply in answered] == [200, 200]
    assert client.metric("requests_shed_total") == 1
    assert client.metric("http_requests_total", handler="/predict", method="POST", status="503") == 1


def test_draining_answers_and_asks_to_connect_anew(own: Client, rows: list[dict[str, Any]]) -> None:
    assert own.get("/v2/health/ready").json == {"ready": True}
    assert "connection" not in own.predict(rows[0]).headers
    own.service.draining = True
    for path in ("/v2/health/ready", "/ping", "/health", "/v2/models/example/ready"):
        assert own.get(path).status == 503
    assert own.get("/v2/health/live").status == 200
    reply = own.predict(rows[0])
    assert (reply.status, reply.headers["connection"]) == (200, "close")
