"""What a reader of `copy-fail debian/12` would have got in the spring of 2026, delivered as it happened."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from bot.channels.cards import Cards
from bot.delivery.deliver import Deliverer
from bot.delivery.folding import Folder
from bot.delivery.outbox import Outbox
from bot.ingest.cycle import Intake
from bot.ingest.recording import Entry
from bot.ingest.replay import prepare, replay
from bot.messages.compose import Composer
from bot.messages.model import plain_text
from bot.topic_files import load_topics
from storage import delivery
from storage.store import open_store
from storage.tables import metadata
from tests.advisories.test_filters import NOW
from tests.bot.test_deliver_folding import FakeChat

FACTS = (
    "Fixed upstream in 6.18.22, 6.19.12, 7.0",
    "Fixed in 6.1.170 (6.1.y)",
    "Fixed in Debian 12: linux 6.1.170-1 (DSA-6243-1, 2026-05-01)",
    "Known to be exploited (CISA KEV, listed 2026-05-01, due 2026-05-15)",
    "Severity high 7.8",
)


class Chat:
    """A chat that is delivered to before each document of the recording, at its time."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(None, folder)
        metadata.create_all(self.store.engine)
        self.chat = FakeChat()
        self.topics = load_topics(())
        self._composer = Composer(titles={one.slug: one.title for one in self.topics})
        self._seen: datetime | None = None

    def before(self, entry: Entry) -> None:
        if entry.at != self._seen:
            self.deliver(entry.at)
            self._seen = entry.at

    def deliver(self, now: datetime) -> None:
        async def run() -> None:
            folder = Folder(self._composer)
            channels = {"telegram": self.chat}
            await Deliverer(self.store, channels, folder=folder, clock=lambda: now).deliver_due()
            await Cards(self.store, channels, self._composer, clock=lambda: now).repair()

        asyncio.run(run())


def test_at_most_eight_sounds_and_no_fact_missing(tmp_path: Path, shared_data: Path) -> None:
    """The whole recording: a handful of messages with a sound, the rest edits; every fact for Debian 12 is told."""
    reader = Chat(tmp_path)
    with reader.store.write() as connection:
        chat = delivery.ensure_destination(connection, kind="telegram", address="7", now=NOW)
        delivery.add_subscription(connection, chat, "copy-fail debian/12", now=NOW)
    prepare(reader.store)
    outbox = Outbox()
    intake = Intake(
        store=reader.store,
        topics=reader.topics,
        enqueue=lambda connection, changes, now: outbox.enqueue(connection, changes, now=now),
    )
    report = replay(intake, shared_data / "recording-copy-fail", progress=reader.before)
    reader.deliver(report.changes[-1].draft.at + timedelta(days=1))
    reader.store.close()
    sent = [message for _, message in reader.chat.sent]
    told = "\n".join(plain_text(one) for one in sent)
    assert [one for one in FACTS if one not in told] == []
    assert sum(not one.silent for one in sent) <= 8, told
    assert reader.chat.edited
