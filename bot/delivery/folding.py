"""What waits for a destination becomes messages: folded by topic, timed, with a card where it is of one advisory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from advisories.filters import parse_stored
from advisories.model import Advisory, Change
from bot.messages import timing
from bot.messages.compose import Composer
from bot.messages.model import Message, freeze
from bot.messages.timing import Timing
from storage import delivery_ledger as ledger
from storage import delivery_settings as wishes
from storage import identity
from storage.advisories import load_advisory
from storage.changes import load_changes
from storage.delivery import Pending, list_subscriptions

DIGEST_FROM = 6  # as many changes that come late are a digest, fewer are just late


class Folder:
    """Turns rows of the ledger into frozen messages. waited: the time in which news gathers is over (one-shot runs)."""

    def __init__(self, composer: Composer, *, waited: bool = False) -> None:
        self.composer = composer
        self._waited = waited

    def fold(self, connection: Connection, destination: int, first: Pending, *, now: datetime, cards: bool) -> bool:
        """Makes the messages that `first` goes out with; False when it has to wait. cards: the channel can edit."""
        standing = wishes.load_destination(connection, destination)
        wanted = timing.read_timing(standing.settings)
        if not first.urgent:
            opening = timing.opens_at(
                wanted, now, oldest=first.created_at, sounded_at=standing.sounded_at, waited=self._waited
            )
            if opening is not None:
                ledger.recall(connection, destination, now=now)
                ledger.defer(connection, destination, until=min(opening, now + ledger.LOOK_AGAIN))
                return False
        rows = self._rows(connection, destination, first, wanted, now)
        changes = {one.seq: one for one in load_changes(connection, [one.change_seq or 0 for one in rows])}
        news = [changes[one.change_seq] for one in rows if one.change_seq in changes]
        sounds = any(one.wakes for one in rows) and not timing.is_quiet(wanted, now)
        if cards and self._as_card(connection, destination, rows, news, now=now, sounds=sounds):
            return True
        digest = len(rows) >= DIGEST_FROM and (wanted.digest != "off" or now - first.created_at > timing.LATE)
        self._as_news(connection, destination, rows, news, now=now, sounds=sounds, digest=digest)
        return True

    def _rows(
        self, connection: Connection, destination: int, first: Pending, wanted: Timing, now: datetime
    ) -> list[Pending]:
        calm = wanted.digest != "off" or timing.is_quiet(wanted, now)
        late = now - first.created_at > timing.LATE
        gathered = not first.urgent and wanted.digest != "off"
        rows = ledger.folded_with(connection, destination, first, now=now, every_topic=late or gathered)
        if first.urgent and calm:
            return [one for one in rows if one.urgent]
        return [*ledger.unconfirmed(connection, destination), *rows]

    def _as_card(
        self,
        connection: Connection,
        destination: int,
        rows: Sequence[Pending],
        news: Sequence[Change],
        *,
        now: datetime,
        sounds: bool,
    ) -> bool:
        """News of one advisory: its card, made now, or a short answer to it; what wakes nobody is the card's edit."""
        advisory = _only_advisory(connection, news)
        if advisory is None:
            return False
        card = wishes.find_card(connection, destination, advisory.id)
        if card is None:
            message = self.composer.card(advisory, places_of(connection, destination), news)
            if len(freeze(message)) > 3 * 3500 or self.composer.news(news, topic="")[1] < len(news):
                return False
            ledger.attach(connection, destination, rows, now=now, content=freeze(replace(message, silent=not sounds)))
            return True
        if not any(one.wakes for one in rows):
            ledger.settle(connection, rows, now=now, answer="card")
            return True
        self._as_news(
            connection, destination, rows, news, now=now, sounds=sounds, digest=False, reply_to=card.remote_id
        )
        return True

    def _as_news(
        self,
        connection: Connection,
        destination: int,
        rows: Sequence[Pending],
        news: Sequence[Change],
        *,
        now: datetime,
        sounds: bool,
        digest: bool,
        reply_to: str | None = None,
    ) -> None:
        """One message, or several where it is too long; only the first one sounds."""
        start = 0
        while start < len(news):
            message, taken = self.composer.news(news[start:], topic=rows[start].fold, digest=digest)
            message = replace(message, silent=not sounds or start > 0, reply_to=reply_to)
            ledger.attach(connection, destination, rows[start : start + taken], now=now, content=freeze(message))
            start += taken


def _only_advisory(connection: Connection, news: Sequence[Change]) -> Advisory | None:
    names = {one.draft.advisory for one in news}
    name = names.pop() if len(names) == 1 else None
    found = identity.resolve(connection, name) if name else None
    return load_advisory(connection, found) if found else None


def places_of(connection: Connection, destination: int) -> list[str]:
    """The distributions, releases and streams that a destination's filters name."""
    places: set[str] = set()
    for one in list_subscriptions(connection, destination):
        places |= parse_stored(one.filter).distros
    return sorted(places)


def card_of(connection: Connection, composer: Composer, destination: int, advisory: str) -> Message | None:
    """The card as it should look now; None when the advisory is not known any more."""
    found = identity.resolve(connection, advisory)
    state = load_advisory(connection, found) if found else None
    if state is None:
        return None
    return replace(composer.card(state, places_of(connection, destination)), silent=True)
