"""How near to Telegram's limits we send, against a server that keeps them (30 a second, 1 a chat, 20 a minute a group).

Six hundred chats in Telegram's own time, and a group whose minute is twenty seconds; `--whole` is ten thousand chats.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from advisories.model import ChangeDraft, Evidence
from advisories.words import ChangeType, EvidenceClass
from bot.channels.telegram import Limits, Pace, StoredProgress, TelegramChannel
from bot.delivery.deliver import Deliverer
from bot.delivery.folding import Folder
from bot.messages.compose import Composer
from scripts.benches.figure import Figure
from scripts.benches.sizes import size
from storage import delivery
from storage.changes import add_changes
from storage.delivery import Owed
from storage.migrate import upgrade
from storage.store import Store, open_store
from tests.servers.fake_telegram import TOKEN, FakeTelegram, SentMessage, fake_telegram

NOW = datetime(2026, 5, 1, tzinfo=UTC)
URGENT_EVERY = 20
GROUP_MESSAGES = 30
GROUP_SPEED = 3


def draft(number: int) -> ChangeDraft:
    evidence = Evidence(
        source="debian",
        evidence_class=EvidenceClass.VENDOR,
        url="https://security-tracker.debian.org/tracker/CVE-2026-31431",
        fetched_at=NOW,
        sha256="0" * 64,
    )
    return ChangeDraft(
        at=NOW,
        advisory="PW-2026-1",
        aliases=("CVE-2026-31431",),
        topics=("copy-fail",),
        change=ChangeType.FIXED_IN,
        field="status",
        old=None,
        new=str(number),
        source="debian",
        evidence=evidence,
        text="Fixed in Debian 12: linux 6.1.170-1 (DSA-6243-1)",
    )


def owe(store: Store, chats: Sequence[str], changes: int) -> None:
    """Each chat that many messages; every twentieth chat has an urgent one, the last chat too."""
    with store.write() as connection:
        stored = add_changes(connection, [draft(number) for number in range(changes)])
        owed = []
        for number, chat in enumerate(chats, start=1):
            one = delivery.ensure_destination(connection, kind="telegram", address=chat, now=NOW)
            urgent = number % URGENT_EVERY == 0 or number == len(chats)
            owed += [
                Owed(
                    change_seq=each.seq,
                    destination=one,
                    urgent=urgent,
                    wakes=True,
                    number=1,
                    words="copy-fail",
                    fold=str(each.seq),
                )
                for each in stored
            ]
        delivery.add_deliveries(connection, owed, now=NOW)


def delivered(chats: Sequence[str], changes: int, speed: float) -> FakeTelegram:
    """What the server has seen when all was delivered."""
    limits = Limits(per_second=30 * speed, chat_seconds=1 / speed, group_seconds=3 / speed)
    with tempfile.TemporaryDirectory() as folder, fake_telegram(limits=(30 * speed, 1 / speed, 20)) as fake:
        store = open_store(None, Path(folder))
        upgrade(store)
        owe(store, chats, changes)

        async def run() -> None:
            channel = TelegramChannel(TOKEN, api_base=fake.url, pace=Pace(limits), progress=StoredProgress(store))
            folder = Folder(Composer(), waited=True)
            await Deliverer(store, {"telegram": channel}, folder=folder, clock=lambda: NOW).deliver_due()
            await channel.close()

        asyncio.run(run())
        store.close()
    return fake


def per_second(messages: Sequence[SentMessage]) -> float:
    return (len(messages) - 1) / (messages[-1].at - messages[0].at)


def run() -> list[Figure]:
    chats = [str(number) for number in range(1, size(600, 10_000) + 1)]
    many = delivered(chats, 1, 1)
    urgent = len(chats) // URGENT_EVERY + (len(chats) % URGENT_EVERY > 0)
    first = {one.chat for one in many.messages[: urgent + 4]}  # four are on their way at once
    late = [chat for number, chat in enumerate(chats, 1) if number % URGENT_EVERY == 0 and chat not in first]
    group = delivered(["-1001"], GROUP_MESSAGES, GROUP_SPEED)
    return [
        Figure(
            name=f"Telegram: {len(chats)} chats, of the permitted rate",
            unit="",
            ours=per_second(many.messages) / 30,
            limit=0.95,
            at_least=True,
        ),
        Figure(
            name="Telegram: one group, of the permitted rate",
            unit="",
            ours=per_second(group.messages) * 3 / GROUP_SPEED,
            limit=0.95,
            at_least=True,
        ),
        Figure(name="Telegram: answers 429", unit="", ours=many.refused["429"] + group.refused["429"], limit=0),
        Figure(name="Telegram: urgent messages that were not among the first", unit="", ours=len(late), limit=0),
        Figure(name="Telegram: messages that did not arrive once", unit="", ours=missed(many, chats), limit=0),
    ]


def missed(fake: FakeTelegram, chats: Sequence[str]) -> int:
    return len(set(chats) - {one.chat for one in fake.messages}) + len(fake.messages) - len(chats)
