"""How fast we may send. A homeserver does not tell its limits before they are reached: what it says then is kept to for
all rooms, and the distance between two messages stays as long as it asked for until it proves too careful."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

_LONGEST_GAP_SECONDS = 6.0  # so that a few who wait for their turn all get it within the time below
_SHORTEST_GAP_SECONDS = 0.05
_EASED_AFTER = 20  # sends without a complaint; then the distance is halved
_MARGIN_SECONDS = 0.1  # the homeserver's milliseconds are rounded, and its clock is not ours
_LONGEST_TURN_SECONDS = 30.0  # with the send itself well within a lease


class Pace:
    """One event loop only. clock: monotonic seconds."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._held_until = 0.0
        self._next = 0.0
        self._gap = 0.0
        self._quiet_sends = 0

    def wait_seconds(self) -> float:
        """How long the homeserver wants to hear nothing; who comes then gets the next turn."""
        return max(0.0, self._held_until - self._clock())

    async def turn(self) -> None:
        """Waits until the next message may go, half a minute at most, and counts it."""
        now = self._clock()
        due = max(now, self._next)
        self._next = due + self._gap
        self._quiet_sends += 1
        if self._quiet_sends >= _EASED_AFTER:
            self._quiet_sends = 0
            self._gap = self._gap / 2 if self._gap / 2 > _SHORTEST_GAP_SECONDS else 0.0
        if due > now:
            await self._sleep(min(due - now, _LONGEST_TURN_SECONDS))

    def limited(self, seconds: float) -> None:
        """The homeserver asked to wait this long."""
        self._quiet_sends = 0
        self._gap = max(self._gap, min(seconds, _LONGEST_GAP_SECONDS))
        self._held_until = max(self._held_until, self._clock() + seconds + _MARGIN_SECONDS)
        self._next = max(self._next, self._held_until)
