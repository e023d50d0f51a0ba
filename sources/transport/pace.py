"""Politeness: one request at a time and a pause between two, per host; and silence while a host asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

DEFAULT_WAIT_SECONDS: Final = 30.0
LONGEST_WAIT_SECONDS: Final = 6 * 3600.0
SHORTEST_WAIT_SECONDS: Final = 1.0

Clock = Callable[[], float]
Sleep = Callable[[float], None]


class HostLimited(Exception):
    """The host asked for silence that is not over; `remaining` seconds."""

    def __init__(self, remaining: float) -> None:
        self.remaining = remaining
        super().__init__(f"{remaining:.0f} s of silence left")


class Host:
    """The state of one host. Used from several threads; whoever holds `turn` may send."""

    __slots__ = ("_clock", "_interval", "_last", "_quiet_until", "_sleep", "turn_lock")

    def __init__(self, *, interval_seconds: float, clock: Clock, sleep: Sleep) -> None:
        self.turn_lock = threading.Lock()
        self._interval = interval_seconds
        self._clock = clock
        self._sleep = sleep
        self._last: float | None = None
        self._quiet_until = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the host to be free, then hold it. Raises HostLimited before anything is waited for."""
        self.check()
        with self.turn_lock:
            self.check()
            yield

    def check(self) -> None:
        remaining = self._quiet_until - self._clock()
        if remaining > 0:
            raise HostLimited(remaining)

    def pause(self) -> None:
        """Sleep until the interval since the last request is over; call right before each request, holding the turn."""
        if self._last is not None:
            wait = self._last + self._interval - self._clock()
            if wait > 0:
                self._sleep(wait)

    def sent(self) -> None:
        """A request is over: the pause before the next one begins."""
        self._last = self._clock()

    def keep_quiet(self, seconds: float) -> None:
        self._quiet_until = max(self._quiet_until, self._clock() + seconds)


class Hosts:
    """The hosts of one door."""

    def __init__(self, *, interval_seconds: float, clock: Clock, sleep: Sleep) -> None:
        self._interval = interval_seconds
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._hosts: dict[str, Host] = {}

    def host(self, name: str) -> Host:
        with self._lock:
            found = self._hosts.get(name)
            if found is None:
                found = Host(interval_seconds=self._interval, clock=self._clock, sleep=self._sleep)
                self._hosts[name] = found
            return found


def retry_after_seconds(header: str | None, *, now: datetime) -> float:
    """How long a Retry-After header (RFC 9110 section 10.2.3: seconds or a date) makes us wait.

    Between 1 s and 6 h; 30 s when it is absent, unreadable, negative or a date that has passed.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
    else:
        seconds = _seconds_until(text, now)
    if seconds < 0:
        return DEFAULT_WAIT_SECONDS
    return min(max(seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)


def _seconds_until(text: str, now: datetime) -> float:
    if not text or len(text) > 64:
        return -1.0
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return -1.0
    return ((at if at.tzinfo is not None else at.replace(tzinfo=UTC)) - now).total_seconds()
