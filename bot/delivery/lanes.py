"""The destinations of one channel that wait for a worker: urgent first, each one once, none before its time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from storage.delivery import DueDestination


class Lane:
    """`wait`: seconds until a destination may be served. One event loop only."""

    def __init__(self, wait: Callable[[DueDestination], float]) -> None:
        self._wait = wait
        self._ready: list[tuple[bool, int, DueDestination]] = []
        self._later: list[tuple[float, int, bool, DueDestination]] = []
        self._queued: dict[int, bool] = {}  # id -> queued as urgent
        self._served: set[int] = set()
        self._numbers = count()
        self._changed = asyncio.Event()
        self._closing = False  # no more comes: workers leave when all is served
        self._closed = False

    def offer(self, destination: DueDestination) -> None:
        """Queues a destination; one that is queued only moves up when it has become urgent."""
        known = self._queued.get(destination.id)
        if destination.id in self._served or known or (known is False and not destination.urgent):
            return
        self._queued[destination.id] = destination.urgent
        self._queue(destination, self._wait(destination))
        self._changed.set()

    def finish(self) -> None:
        """Nothing more is offered from outside."""
        self._closing = True
        self._changed.set()

    def close(self) -> None:
        """Workers leave after what they have in hand."""
        self._closed = True
        self._changed.set()

    async def take(self) -> DueDestination | None:
        """The next destination, which is ours until `done`; None when there is no more work."""
        while not self._closed:
            self._ripen()
            while self._ready:
                _, _, destination = heapq.heappop(self._ready)
                if destination.id in self._served or self._queued.pop(destination.id, None) is None:
                    continue  # it moved up meanwhile and was served from there
                wait = self._wait(destination)
                if wait > 0:
                    self._queued[destination.id] = destination.urgent
                    self._queue(destination, wait)
                    continue
                self._served.add(destination.id)
                return destination
            if self._closing and not self._later and not self._served:
                return None
            await self._sleep()
        return None

    def done(self, destination: DueDestination, *, more: bool) -> None:
        """Gives a destination back; `more`: it has further messages."""
        self._served.discard(destination.id)
        if more:
            self.offer(destination)
        self._changed.set()

    def _queue(self, destination: DueDestination, wait: float) -> None:
        if wait > 0:
            at = asyncio.get_running_loop().time() + wait
            heapq.heappush(self._later, (at, next(self._numbers), destination.urgent, destination))
        else:
            heapq.heappush(self._ready, (not destination.urgent, next(self._numbers), destination))

    def _ripen(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._later and self._later[0][0] <= now:
            _, number, urgent, destination = heapq.heappop(self._later)
            heapq.heappush(self._ready, (not urgent, number, destination))

    async def _sleep(self) -> None:
        self._changed.clear()
        timeout = None
        if self._later:
            timeout = max(self._later[0][0] - asyncio.get_running_loop().time(), 0.0)
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return
