"""What every chat word gets and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from advisories.model import Advisory
from advisories.topics import Topic
from bot.messages.compose import Composer
from bot.messages.conversation import Answer, Button, Request
from bot.messages.model import Line, make_message
from bot.messages.safe import show_text
from storage import delivery_settings as wishes
from storage import identity
from storage.advisories import load_advisory
from storage.delivery import ensure_destination
from storage.delivery_settings import Standing
from storage.store import Store

MAX_BUTTON_BYTES = 64
Json = Mapping[str, Any]  # Any: JSON


class WordError(Exception):
    """The words cannot be done as they are; the text is the answer."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the words work with. sources: rows as `sources --format json`; path: a life cycle as `path --format json`,
    None where it is not known."""

    store: Store
    topics: Sequence[Topic]
    composer: Composer = field(default_factory=Composer)
    sources: Callable[[], Sequence[Json]] = tuple
    path: Callable[[Connection, str], Json | None] = lambda connection, name: None
    clock: Callable[[], datetime] = _utc_now

    @property
    def slugs(self) -> frozenset[str]:
        return frozenset(one.slug for one in self.topics)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """usage: what follows the name. changes: in a group only administrators may say it."""

    name: str
    usage: str
    says: str
    answer: Callable[[Desk, Request, str], Answer]
    changes: bool = False

    @property
    def whole(self) -> str:
        return f"{self.name} {self.usage}".strip()


def say(title: str, *lines: Line | str, buttons: tuple[tuple[Button, ...], ...] = (), attachment: str = "") -> Answer:
    """An answer; lines are safe to show already, or our own."""
    return Answer(message=make_message(title, lines), buttons=buttons, attachment=attachment)


def rows_of(buttons: Sequence[Button], width: int) -> tuple[tuple[Button, ...], ...]:
    """Buttons in rows; words too long for a button are left out."""
    fitting = [one for one in buttons if len(one.words.encode()) <= MAX_BUTTON_BYTES]
    return tuple(tuple(fitting[start : start + width]) for start in range(0, len(fitting), width))


def destination_of(desk: Desk, connection: Connection, request: Request) -> int:
    """The chat's row, made when it is new. Inside a writing transaction."""
    return ensure_destination(
        connection, kind=request.kind, address=request.address, thread=request.thread, now=desk.clock()
    )


def standing_of(connection: Connection, request: Request) -> Standing | None:
    return wishes.find_destination(connection, kind=request.kind, address=request.address, thread=request.thread)


def find_advisory(connection: Connection, name: str) -> Advisory:
    """The advisory of a PW id or alias. Raises WordError."""
    found = identity.resolve(connection, name[:200]) if name else None
    state = load_advisory(connection, found) if found else None
    if state is None:
        raise WordError(f"I know no advisory {show_text(name, limit=40) or '(none given)'}. Try: latest")
    return state
