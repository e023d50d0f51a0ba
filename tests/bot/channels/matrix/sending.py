"""What the tests of sending share: a channel of its own, what is owed, and what the ledger says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any  # JSON, as the wire has it

from sqlalchemy import select

from bot.channels.cards import Cards
from bot.channels.matrix import Homeserver, MatrixChannel
from bot.delivery.deliver import Deliverer
from bot.delivery.folding import Folder
from bot.delivery.outbox import enqueue_changes
from bot.messages.compose import Composer
from storage import delivery
from storage.changes import add_changes
from storage.delivery import DueDestination
from storage.delivery_tables import attempts, deliveries
from storage.store import Store
from storage.tables import operator_notes
from tests.advisories.test_filters import DRAFT, NOW
from tests.servers.synapse import Person

COMPOSER = Composer(base_url="https://board.example", titles={"copy-fail": "Copy Fail"})
NUMBERS = count(1)
LINK = '<a href="https://board.example/advisories/PW-2026-1"><strong>CVE-2026-31431</strong></a>'
# The first news of the advisory that the store of these tests holds.
CARD = {
    "msgtype": "m.text",
    "body": "Copy Fail\nCVE-2026-31431 CVE-2026-31431\nFixed upstream in 6.12.85\n"
    "Debian 12: linux fixed 6.1.170-1\n• Zero-copy fixed in Debian 12 (debian)",
    "format": "org.matrix.custom.html",
    "formatted_body": f"<strong>Copy Fail</strong><br>{LINK} CVE-2026-31431<br>"
    "Fixed upstream in 6.12.85<br>"
    "Debian 12: <code>linux</code> fixed 6.1.170-1<br>• Zero-copy fixed in Debian 12 (debian)",
    "m.mentions": {},
}


def with_channel(url: str, bot: Person, use: Callable[[MatrixChannel], Awaitable[None]], **more: Any) -> None:
    """Uses a channel of its own, as a new process has it."""

    async def run() -> None:
        channel = MatrixChannel(Homeserver(url, bot.user, more.pop("token", bot.token), timeout=20), **more)
        try:
            await use(channel)
        finally:
            await channel.close()

    asyncio.run(run())


def at(room: str, thread: str = "") -> DueDestination:
    return DueDestination(id=1, kind="matrix", address=room, thread=thread)


def new_id() -> str:
    return f"message-{next(NUMBERS)}"


def owe(store: Store, room: str, *drafts: Any, also: tuple[str, ...] = ()) -> None:
    """Changes for a subscriber in this room, and in others."""
    with store.write() as connection:
        for each in (room, *also):
            one = delivery.ensure_destination(connection, kind="matrix", address=each, now=NOW)
            delivery.add_subscription(connection, one, "copy-fail debian/12", now=NOW)
        enqueue_changes(connection, add_changes(connection, drafts or [DRAFT]), now=NOW)


def deliver(store: Store, url: str, bot: Person, *minutes: int, **more: Any) -> None:
    """A round of delivering and card keeping at each of these minutes."""

    async def rounds(channel: MatrixChannel) -> None:
        for one in minutes:
            moment = NOW + timedelta(minutes=one)

            def now(moment: datetime = moment) -> datetime:
                return moment

            deliverer = Deliverer(store, {"matrix": channel}, folder=Folder(COMPOSER, waited=True), clock=now)
            await deliverer.deliver_due()
            await Cards(store, deliverer.channels, COMPOSER, clock=now).repair()

    with_channel(url, bot, rounds, **more)


def answers(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(attempts.c.answer).order_by(attempts.c.id)).scalars())


def states(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(deliveries.c.state).order_by(deliveries.c.id)).scalars())


def notes(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(operator_notes.c.text).order_by(operator_notes.c.note_id)).scalars())
