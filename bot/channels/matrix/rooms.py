"""What the store knows of Matrix: how far was heard, and the rooms that it serves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from storage import delivery, marks, source_health
from storage import delivery_settings as wishes
from storage.delivery_settings import Standing
from storage.store import Store

_MARK = "matrix_since"
_LONGEST_TOKEN = 4096


class RoomStore:
    """Safe to call from threads. Raises StorageError."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._clock = clock

    def load_position(self) -> str:
        """The `since` of the next /sync, "" before the first one."""
        with self._store.read() as connection:
            return marks.load_mark(connection, _MARK) or ""

    def save_position(self, since: str) -> None:
        with self._store.write() as connection:
            marks.save_mark(connection, _MARK, since[:_LONGEST_TOKEN])

    def destination_of(self, room: str) -> int | None:
        """The number of the room's destination; the first one where its threads have some of their own."""
        with self._store.read() as connection:
            return next((one.id for one in wishes.list_destinations(connection) if _is_in(one, room)), None)

    def lose(self, room: str, why: str) -> None:
        """Nothing more is sent to the room or any thread of it."""
        with self._store.write() as connection:
            for one in wishes.list_destinations(connection):
                if _is_in(one, room) and one.state == "active":
                    delivery.disable_destination(connection, one.id, f"the bot was removed ({why})", at=self._clock())

    def follow(self, room: str, successor: str) -> None:
        """What the room got goes to its successor: subscriptions, settings, and what is owed (at its next try)."""
        with self._store.write() as connection:
            for one in wishes.list_destinations(connection):
                if _is_in(one, room):
                    kept = wishes.move_destination(connection, one.id, successor)
                    wishes.enable_destination(connection, kept)

    def note(self, line: str) -> None:
        """A line for the operator."""
        with self._store.write() as connection:
            source_health.add_note(connection, line, at=self._clock())


def _is_in(one: Standing, room: str) -> bool:
    return (one.kind, one.address) == ("matrix", room)
