"""Many chats: within the limits, urgent first, nobody held up."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from bot.channels.telegram import Limits, Pace, TelegramChannel
from bot.delivery.deliver import IN_FLIGHT, Deliverer
from bot.delivery.folding import Folder
from bot.delivery.outbox import enqueue_changes
from bot.messages.compose import Composer
from storage import delivery
from storage.changes import add_changes
from storage.delivery_tables import deliveries
from storage.store import Store, open_store
from storage.tables import metadata
from tests.advisories.test_filters import DRAFT, KEV, NOW
from tests.servers.fake_telegram import TOKEN, fake_telegram


def subscribed_store(folder: Path, chats: int) -> Store:
    store = open_store(None, folder)
    metadata.create_all(store.engine)
    with store.write() as connection:
        for chat in range(1, chats + 1):
            one = delivery.ensure_destination(connection, kind="telegram", address=str(chat), now=NOW)
            delivery.add_subscription(connection, one, "copy-fail debian/12", now=NOW)
    return store


def deliver(store: Store, url: str, limits: Limits, now: datetime) -> None:
    async def run() -> None:
        channel = TelegramChannel(TOKEN, api_base=url, pace=Pace(limits), timeout=10)
        folder = Folder(Composer(), waited=True)
        await Deliverer(store, {"telegram": channel}, folder=folder, clock=lambda: now).deliver_due()
        await channel.close()

    asyncio.run(run())


def states(store: Store) -> set[str]:
    with store.read() as connection:
        return set(connection.execute(select(deliveries.c.state)).scalars())


def test_the_limits_are_kept(tmp_path: Path) -> None:
    """Sixty chats with two messages each at five times Telegram's pace: no 429, and what is urgent goes first."""
    store = subscribed_store(tmp_path, 60)
    with store.write() as connection:
        enqueue_changes(connection, add_changes(connection, [replace(KEV, topics=("other", "copy-fail"))]), now=NOW)
        urgent = [delivery.Owed(change_seq=1, destination=60, urgent=True, wakes=True, number=1, words="x")]
        connection.execute(deliveries.delete().where(deliveries.c.destination == 60))
        delivery.add_deliveries(connection, urgent, now=NOW)
    with fake_telegram(limits=(150, 0.2, 20)) as fake:
        deliver(store, fake.url, Limits(per_second=150, chat_seconds=0.2, group_seconds=0.6), NOW)
        with store.write() as connection:
            enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW)
        deliver(store, fake.url, Limits(per_second=150, chat_seconds=0.2, group_seconds=0.6), NOW)
    assert (fake.refused, len(fake.messages), states(store)) == (Counter(), 120, {"sent"})
    assert "60" in [one.chat for one in fake.messages[:IN_FLIGHT]]
    store.close()


def test_the_limit_of_a_group_is_kept(tmp_path: Path) -> None:
    """Thirty messages to one group, whose minute is 1.2 s long: no 429, in their order."""
    store = open_store(None, tmp_path)
    metadata.create_all(store.engine)
    with store.write() as connection:
        group = delivery.ensure_destination(connection, kind="telegram", address="-1001", now=NOW)
        stored = add_changes(connection, [replace(DRAFT, new=str(number), text=str(number)) for number in range(30)])
        owed = [
            delivery.Owed(
                change_seq=one.seq,
                destination=group,
                urgent=False,
                wakes=True,
                number=1,
                words="x",
                fold=one.draft.text,
            )
            for one in stored
        ]
        delivery.add_deliveries(connection, owed, now=NOW)
    with fake_telegram(limits=(150, 0.02, 20)) as fake:
        deliver(store, fake.url, Limits(per_second=150, chat_seconds=0.02, group_seconds=0.06), NOW)
    assert fake.refused == Counter()
    assert [one.text.split()[-2] for one in fake.messages] == [str(number) for number in range(30)]
    store.close()


def test_a_chat_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """While one chat's answer does not come, all others are served."""
    store = subscribed_store(tmp_path, 20)
    with store.write() as connection:
        enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW)
    served: list[int] = []
    with fake_telegram() as fake:
        fake.faults["1"].append("hang:30")

        async def run() -> None:
            pace = Pace(Limits(per_second=2000, chat_seconds=0.001, group_seconds=0.001))
            channel = TelegramChannel(TOKEN, api_base=fake.url, pace=pace, timeout=1)
            folder = Folder(Composer(), waited=True)
            await Deliverer(store, {"telegram": channel}, folder=folder, clock=lambda: NOW).deliver_due()
            served.append(len(fake.messages))
            await channel.close()

        asyncio.run(run())
    assert served == [19]
    assert states(store) == {"sent", "pending"}
    store.close()
