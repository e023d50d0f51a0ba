"""Cards kept true: one message per advisory and chat, edited when what it shows has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import structlog

from bot.channels.base import Channel, ChannelError, EditingChannel, Gone, PacedChannel, Refused, Stopped
from bot.delivery.folding import card_of
from bot.messages.compose import Composer
from bot.messages.model import Message, freeze
from bot.redact import redact_text
from storage import delivery
from storage import delivery_settings as wishes
from storage.delivery import DueDestination
from storage.delivery_settings import Card
from storage.store import Store

log = structlog.get_logger("patchwatch")

_WAIT = timedelta(seconds=60)


class Cards:
    """Repairs what is stale. Editing is idempotent: a crash in between edits once more."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        composer: Composer,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._channels = channels
        self._composer = composer
        self._clock = clock

    async def repair(self) -> int:
        """One pass over the stale cards; returns how many were edited or sent anew. Raises StorageError."""
        editing = [kind for kind, channel in self._channels.items() if isinstance(channel, EditingChannel)]
        if not editing:
            return 0
        done = 0
        for card, destination in await asyncio.to_thread(self._stale, editing):
            channel = self._channels.get(destination.kind)
            if not isinstance(channel, EditingChannel):
                continue
            if isinstance(channel, PacedChannel) and channel.wait_seconds(destination) > 0:
                continue  # the next pass comes soon
            message = await asyncio.to_thread(self._fresh, card)
            if message is not None:
                done += await self._repair_one(channel, card, destination, message)
        return done

    async def _repair_one(
        self, channel: EditingChannel, card: Card, destination: DueDestination, message: Message
    ) -> bool:
        if isinstance(channel, PacedChannel):
            await channel.ready(destination)
        try:
            await channel.edit(destination, card.remote_id, freeze(message))
            remote = card.remote_id
        except Gone:
            try:
                remote = await channel.send(destination, str(uuid4()), freeze(message)) or ""
            except ChannelError as error:
                await asyncio.to_thread(self._record_failure, card, destination, error)
                return False
        except ChannelError as error:
            await asyncio.to_thread(self._record_failure, card, destination, error)
            return False
        await asyncio.to_thread(self._record, replace(card, remote_id=remote, shown=message.shown))
        return True

    def _stale(self, kinds: list[str]) -> list[tuple[Card, DueDestination]]:
        with self._store.read() as connection:
            return wishes.stale_cards(connection, kinds, now=self._clock())

    def _fresh(self, card: Card) -> Message | None:
        """What the card should show; None where it shows that already, or its advisory is gone."""
        with self._store.write() as connection:
            message = card_of(connection, self._composer, card.destination, card.advisory)
            if message is None:
                wishes.drop_card(connection, card)
                return None
            if message.shown == card.shown:
                wishes.save_card(connection, card)
                return None
        return message

    def _record(self, card: Card) -> None:
        with self._store.write() as connection:
            wishes.save_card(connection, card)

    def _record_failure(self, card: Card, destination: DueDestination, error: ChannelError) -> None:
        text = redact_text(str(error))
        log.warning("card not edited", channel=destination.kind, reason=text)
        wait = max(_WAIT, min(timedelta(seconds=error.retry_after), timedelta(hours=1)))
        with self._store.write() as connection:
            if isinstance(error, Refused):
                delivery.disable_destination(connection, destination.id, text, at=self._clock())
            if not isinstance(error, Stopped):
                wishes.hold_card(connection, card, not_before=self._clock() + wait)
