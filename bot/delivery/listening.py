"""What chats say, answered from the store: the words, cards for inline queries, and how far each chat was heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from advisories.topics import Topic
from bot.app import App
from bot.commands.base import Desk, WordError, find_advisory
from bot.commands.words import WORDS, Talk, changes_something
from bot.config import Config
from bot.messages.compose import Composer
from bot.messages.conversation import Answer, Request
from bot.messages.model import Message
from bot.views.path import path_document
from bot.views.sources import source_views
from storage import delivery, marks, source_health
from storage import delivery_settings as wishes
from storage.store import Store

# Telegram numbers its updates anew after a week without any: an older position says nothing
_KEPT = timedelta(days=6)
_MARK = "telegram_update"


class Listener:
    """The bot's side of every chat. Safe to call from threads."""

    def __init__(
        self,
        store: Store,
        config: Config,
        topics: Sequence[Topic],
        composer: Composer,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        app = App(config=config, topics=tuple(topics), store=store)
        self._store = store
        self._composer = composer
        self._clock = clock
        self._talk = Talk(
            Desk(
                store=store,
                topics=topics,
                composer=composer,
                sources=lambda: source_views(app),
                path=path_document,
                clock=clock,
            )
        )

    def answer(self, request: Request) -> Answer | None:
        return self._talk.answer(request)

    @property
    def menu(self) -> list[tuple[str, str]]:
        """The words and what they do."""
        return [(one.name, one.says) for one in WORDS]

    def changes(self, text: str) -> bool:
        return changes_something(text)

    def card(self, text: str) -> tuple[str, Message] | None:
        """(id, card) of the advisory that an inline query names."""
        with self._store.read() as connection:
            try:
                advisory = find_advisory(connection, text)
            except WordError:
                return None
        return advisory.id, self._composer.card(advisory, ())

    def lost(self, address: str, why: str) -> None:
        """The bot was removed from a chat: nothing more is sent to any thread of it."""
        with self._store.write() as connection:
            for one in wishes.list_destinations(connection):
                if (one.kind, one.address, one.state) == ("telegram", address, "active"):
                    delivery.disable_destination(connection, one.id, f"the bot was removed ({why})", at=self._clock())

    def load_position(self) -> int:
        with self._store.read() as connection:
            mark = marks.load_mark(connection, _MARK)
        number, _, at = (mark or "").partition(" ")
        if not number or datetime.fromisoformat(at) < self._clock() - _KEPT:
            return 0
        return int(number)

    def save_position(self, number: int) -> None:
        with self._store.write() as connection:
            marks.save_mark(connection, _MARK, f"{number} {self._clock().isoformat()}")

    def note(self, line: str) -> None:
        with self._store.write() as connection:
            source_health.add_note(connection, line, at=self._clock())
