"""How fast we may send: Telegram's limits for all chats together, one chat, and one group (Bot API FAQ, "limits").

Sends are spaced evenly, a little slower than allowed, so that what the network bunches up stays within the limits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

_MARGIN = 1.028  # of the limits for all, 1.04 of those for one chat
_CHAT_MARGIN = 1.04
_MAX_CHATS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Messages per second for all, seconds between two of one chat and of one group (20 a minute)."""

    per_second: float = 30.0
    chat_seconds: float = 1.0
    group_seconds: float = 3.0


class Pace:
    """One event loop only. clock: monotonic seconds."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._limits = limits or Limits()
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self._chats: dict[str, float] = {}

    def wait_seconds(self, chat: str) -> float:
        """How long this chat has to wait for its next message."""
        return max(0.0, self._chats.get(chat, 0.0) - self._clock())

    async def turn(self, chat: str) -> None:
        """Waits until one message may go to this chat, and counts it."""
        interval = _MARGIN / self._limits.per_second
        now = self._clock()
        slot = max(self._next, now)
        late = now - self._next  # a late wake-up is made good when it is small, never by a burst
        self._next = (self._next if late <= 0.25 * interval else now) + interval
        due = max(slot, self._chats.get(chat, 0.0))
        seconds = self._limits.group_seconds if chat.startswith("-") else self._limits.chat_seconds
        if len(self._chats) > _MAX_CHATS:
            self._chats = {one: at for one, at in self._chats.items() if at > now}
        self._chats[chat] = due + seconds * _CHAT_MARGIN
        if due > now:
            await self._sleep(due - now)

    def hold(self, seconds: float) -> None:
        """Nobody gets anything for this long."""
        self._next = max(self._next, self._clock() + seconds)
