"""How fast we may send: Telegram's limits for all chats together, one chat, and one group (Bot API FAQ, "limits").

Every window is taken a little longer than Telegram's, so that what the network bunches up stays within the limits.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

_MARGIN = 1.04
_GROUP_MARGIN = 1.015  # twenty of these are nearly a second more than the minute that a group is counted by
_SPREAD = 0.8  # of the even distance between two sends: so much of a delay may be made good
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
        self._sent: deque[list[float]] = deque(maxlen=max(1, int(self._limits.per_second)))  # when each one left
        self._held_until = 0.0
        self._chats: dict[str, float] = {}

    def wait_seconds(self, chat: str) -> float:
        """How long this chat has to wait for its next message."""
        return max(0.0, self._chats.get(chat, 0.0) - self._clock())

    async def turn(self, chat: str) -> None:
        """Waits until one message may go to this chat, and counts it."""
        now = self._clock()
        due = max(now, self._held_until, self._chats.get(chat, 0.0))
        if self._sent:
            due = max(due, self._sent[-1][0] + _SPREAD / self._limits.per_second)
        if len(self._sent) == self._sent.maxlen:
            due = max(due, self._sent[0][0] + _MARGIN)
        left = [due]
        self._sent.append(left)
        self._count(chat, due, now)
        if due > now:
            await self._sleep(due - now)
            left[0] = max(due, self._clock())
            self._count(chat, left[0], now)

    def _count(self, chat: str, left: float, now: float) -> None:
        if len(self._chats) > _MAX_CHATS:
            self._chats = {one: at for one, at in self._chats.items() if at > now}
        group = chat.startswith("-")
        seconds = self._limits.group_seconds * _GROUP_MARGIN if group else self._limits.chat_seconds * _MARGIN
        self._chats[chat] = max(self._chats.get(chat, 0.0), left + seconds)

    def hold(self, seconds: float) -> None:
        """Nobody gets anything for this long."""
        self._held_until = max(self._held_until, self._clock() + seconds)
