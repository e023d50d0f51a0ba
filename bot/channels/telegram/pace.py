"""How fast we may send: Telegram's limits for all chats together, one chat, and one group (Bot API FAQ, "limits").

Every window is taken a little longer than Telegram's, so that what the network bunches up stays within the limits. A
message whose answer took longer than usual may have arrived that much later: its window begins later, too.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

_MARGIN = 1.04
_GROUP_MARGIN = 1.015  # twenty of these are nearly a second more than the minute that a group is counted by
_LATE_MARGIN = 1.01  # after such a message
_MOST_LATE_SECONDS = 5.0
_USUAL_GROWS = 0.02  # how fast we get used to longer answers; to shorter ones at once
_SPREAD = 0.8  # of the even distance between two sends: so much of a delay may be made good
_MAX_CHATS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Messages per second for all, seconds between two of one chat and of one group (20 a minute)."""

    per_second: float = 30.0
    chat_seconds: float = 1.0
    group_seconds: float = 3.0


@dataclass(slots=True)
class _Sent:
    """When a message left, and how much later than usual it may have arrived."""

    left: float
    late: float = 0.0

    def window(self, seconds: float, margin: float) -> float:
        """The end of a window of so many seconds that began with it."""
        return self.left + max(seconds * margin, seconds * _LATE_MARGIN + self.late)


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
        self._sent: deque[_Sent] = deque(maxlen=max(1, int(self._limits.per_second)))
        self._flying: dict[str, _Sent] = {}
        self._usual: float | None = None  # seconds until an answer
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
            due = max(due, self._sent[-1].left + _SPREAD / self._limits.per_second)
        if len(self._sent) == self._sent.maxlen:
            due = max(due, self._sent[0].window(1.0, _MARGIN))
        sent = _Sent(due)
        self._sent.append(sent)
        self._flying[chat] = sent
        self._count(chat, sent, now)
        if due > now:
            await self._sleep(due - now)
            sent.left = max(due, self._clock())
            self._count(chat, sent, now)

    def landed(self, chat: str) -> None:
        """An answer came for what this chat was sent last."""
        sent, now = self._flying.pop(chat, None), self._clock()
        if sent is None:
            return
        took = max(0.0, now - sent.left)
        usual = took if self._usual is None else self._usual
        self._usual = min(took, usual + (took - usual) * _USUAL_GROWS)
        sent.late = min(took - self._usual, _MOST_LATE_SECONDS)
        self._count(chat, sent, now)

    def _count(self, chat: str, sent: _Sent, now: float) -> None:
        if len(self._chats) > _MAX_CHATS:
            self._chats = {one: at for one, at in self._chats.items() if at > now}
        group = chat.startswith("-")
        seconds = self._limits.group_seconds if group else self._limits.chat_seconds
        until = sent.window(seconds, _GROUP_MARGIN if group else _MARGIN)
        self._chats[chat] = max(self._chats.get(chat, 0.0), until)

    def hold(self, seconds: float) -> None:
        """Nobody gets anything for this long."""
        self._held_until = max(self._held_until, self._clock() + seconds)
