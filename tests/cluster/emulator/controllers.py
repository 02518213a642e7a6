"""The loop that runs controllers: a queue of what changed, and timers."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from typing import Protocol

from .store import Change, Store
from .timing import Timing

Work = tuple[str, str]  # namespace, name


class Controller(Protocol):
    """Brings what is to what ought to be, for one object at a time."""

    def concerns(self, change: Change) -> list[Work]:
        """Return the objects that a change gives reason to look at; called within the store's lock."""

    def reconcile(self, work: Work, loop: Loop) -> None:
        """Look at one object and do what is due."""


class Loop:
    """Runs controllers in one thread, which sleeps while there is nothing to do."""

    def __init__(self, store: Store, timing: Timing) -> None:
        self.timing = timing
        self._controllers: list[Controller] = []
        self._due = threading.Condition()
        self._queue: dict[tuple[int, Work], None] = {}
        self._timers: list[tuple[float, int, tuple[int, Work]]] = []
        self._order = itertools.count()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="controllers", daemon=True)
        store.subscribe(self._note)

    def add(self, controller: Controller) -> None:
        """Let a controller take part."""
        self._controllers.append(controller)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is being done."""
        with self._due:
            self._closed = True
            self._due.notify_all()
        self._thread.join()

    def _note(self, change: Change) -> None:
        found = [(at, work) for at, item in enumerate(self._controllers) for work in item.concerns(change)]
        if found:
            with self._due:
                self._queue.update(dict.fromkeys(found))
                self._due.notify_all()

    def later(self, controller: Controller, work: Work, seconds: float) -> None:
        """Look at an object again after real seconds."""
        with self._due:
            item = (self._controllers.index(controller), work)
            heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), item))
            self._due.notify_all()

    def _next(self) -> tuple[int, Work] | None:
        with self._due:
            while not self._closed:
                while self._timers and self._timers[0][0] <= time.monotonic():
                    self._queue[heapq.heappop(self._timers)[2]] = None
                if self._queue:
                    item = next(iter(self._queue))
                    del self._queue[item]
                    return item
                self._due.wait(self._timers[0][0] - time.monotonic() if self._timers else None)
        return None

    def _work(self) -> None:
        while item := self._next():
            at, work = item
            self._controllers[at].reconcile(work, self)
