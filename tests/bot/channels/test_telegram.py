"""Telegram over the wire: what arrives, and what each answer of the Bot API does to the ledger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.channels.base import ChannelError, Gone, NotSent, Unknown
from bot.channels.telegram import Limits, Pace, StoredProgress, TelegramChannel
from bot.delivery.deliver import Deliverer
from bot.delivery.folding import Folder
from bot.delivery.outbox import enqueue_changes
from bot.messages.compose import Composer
from bot.messages.model import freeze, make_message
from storage import delivery
from storage import delivery_settings as wishes
from storage.changes import add_changes
from storage.delivery import DueDestination
from storage.delivery_ledger import owe_notice
from storage.delivery_tables import attempts, deliveries, destinations, messages
from storage.store import Store, open_store
from storage.tables import metadata, operator_notes
from tests.advisories.test_filters import DRAFT, NOW
from tests.servers.fake_telegram import TOKEN, FakeTelegram, fake_telegram

FAST = Limits(per_second=2000, chat_seconds=0.001, group_seconds=0.001)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeTelegram]:
    with fake_telegram() as fake:
        yield fake


@pytest.fixture
def fake(server: FakeTelegram) -> FakeTelegram:
    """The module's server, emptied."""
    for kept in (server.messages, server.edits, server.faults, server.deleted, server.updates, server.asked):
        kept.clear()
    return server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(None, tmp_path)
    metadata.create_all(opened.engine)
    yield opened
    opened.close()


def owe(store: Store, *chats: str, thread: str = "") -> None:
    """One urgent fix for each chat."""
    with store.write() as connection:
        for chat in chats:
            one = delivery.ensure_destination(connection, kind="telegram", address=chat, thread=thread, now=NOW)
            delivery.add_subscription(connection, one, "copy-fail debian/12", now=NOW)
        enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW)


def channel_of(fake: FakeTelegram, token: str = TOKEN, timeout: float = 5.0) -> TelegramChannel:
    return TelegramChannel(token, api_base=fake.url, pace=Pace(FAST), timeout=timeout)


def run_rounds(store: Store, fake: FakeTelegram, *minutes: int, token: str = TOKEN) -> None:
    """A round of delivering at each of these minutes, with a process of its own."""

    async def rounds() -> None:
        channel = channel_of(fake, token)
        for one in minutes:
            moment = NOW + timedelta(minutes=one)

            def now(moment: datetime = moment) -> datetime:
                return moment

            await Deliverer(store, {"telegram": channel}, folder=Folder(Composer()), clock=now).deliver_due()
        await channel.close()

    asyncio.run(rounds())


def states(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(deliveries.c.state).order_by(deliveries.c.id)).scalars())


def answers(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(attempts.c.answer).order_by(attempts.c.id)).scalars())


def notes(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(operator_notes.c.text).order_by(operator_notes.c.note_id)).scalars())


def test_a_message_arrives(store: Store, fake: FakeTelegram) -> None:
    """Text with entities, in the forum topic, with a sound and without a preview."""
    owe(store, "-1001", thread="42")
    run_rounds(store, fake, 0)
    (sent,) = fake.messages
    assert (sent.chat, sent.thread, sent.silent, sent.preview) == ("-1001", "42", False, False)
    assert sent.text == "copy-fail\nCVE-2026-31431\n• Zero-copy fixed in Debian 12 (debian)"
    assert sent.entities == (
        {"type": "bold", "offset": 0, "length": 9},
        {"type": "bold", "offset": 10, "length": 14},
    )
    assert states(store) == ["sent"]


@pytest.mark.parametrize(
    ("faults", "minutes", "arrived", "state", "said"),
    [
        (["429:35"], (0, 0, 1), 1, "sent", ["notsent", "sent"]),
        (["429"], (0, 0, 1), 1, "sent", ["notsent", "sent"]),
        (["429:0"], (0, 0, 1), 1, "sent", ["notsent", "sent"]),
        (["429:86400"], (0, 59, 61), 1, "sent", ["notsent", "sent"]),
        (["500:Internal Server Error"], (0, 1), 1, "sent", ["notsent", "sent"]),
        (["403:Forbidden: something new"], (0, 1), 1, "sent", ["notsent", "sent"]),
        (["400:Bad Request: something new"], (0, 1), 1, "sent", ["notsent", "sent"]),
        (["400:Bad Request: can't parse entities: x"], (0,), 1, "sent", ["sent"]),
        (["400:Bad Request: message is too long"], (0, 1), 0, "rejected", ["permanent"]),
        (["502html"], (0, 0, 1), 1, "sent", ["unknown", "sent"]),
        (["200html"], (0, 0, 1), 1, "sent", ["unknown", "sent"]),
        (["200odd"], (0, 0, 1), 1, "sent", ["unknown", "sent"]),
        (["cut-before"], (0, 0, 1), 1, "sent", ["unknown", "sent"]),
        (["cut-after"], (0, 0, 1), 2, "sent", ["unknown", "sent"]),
        (["cut-after", "cut-after"], (0, 1, 2, 200), 2, "unconfirmed", ["unknown", "unknown"]),
        (["401:Unauthorized"], (0, 1, 9), 1, "sent", ["stopped", "sent"]),
    ],
)
def test_answers(
    store: Store,
    fake: FakeTelegram,
    faults: list[str],
    minutes: tuple[int, ...],
    arrived: int,
    state: str,
    said: list[str],
) -> None:
    """Each answer leads to its state; a message arrives once, or twice where the outcome was open."""
    owe(store, "7")
    fake.faults["7"].extend(faults)
    run_rounds(store, fake, *minutes)
    assert (len(fake.messages), states(store), answers(store)) == (arrived, [state], said)


@pytest.mark.parametrize(
    "text",
    [
        "Forbidden: bot was blocked by the user",
        "Forbidden: bot was kicked from the group chat",
        "Forbidden: bot was kicked from the supergroup chat",
        "Forbidden: bot was kicked from the channel chat",
        "Forbidden: bot is not a member of the channel chat",
        "Forbidden: bot is not a member of the supergroup chat",
        "Forbidden: user is deactivated",
        "Forbidden: the group chat was deleted",
        "Forbidden: bot can't initiate conversation with a user",
        "Bad Request: chat not found",
        "Bad Request: group chat was deactivated",
        "Bad Request: message thread not found",
    ],
)
def test_gone_for_good(store: Store, fake: FakeTelegram, text: str) -> None:
    """A chat that is gone is disabled with the reason, the operator told once, and others get theirs."""
    owe(store, "7", "8")
    fake.faults["7"].append(f"{403 if text.startswith('Forbidden') else 400}:{text}")
    run_rounds(store, fake, 0, 1)
    with store.read() as connection:
        rows = connection.execute(select(destinations.c.state, destinations.c.reason).order_by(destinations.c.id)).all()
    assert [tuple(one) for one in rows] == [("disabled", text), ("active", None)]
    assert states(store) == ["rejected", "sent"]
    assert notes(store) == [f"telegram destination 1 is disabled: {text}"]


def test_a_puzzling_refusal_is_given_up_late(store: Store, fake: FakeTelegram) -> None:
    """A refusal that nobody knows is tried eight times; then the message is given up, never the chat."""
    owe(store, "7")
    fake.faults["7"].extend(["400:Bad Request: new rule"] * 20)
    run_rounds(store, fake, *range(0, 1200, 61))
    assert (len(answers(store)), states(store)) == (8, ["rejected"])
    assert notes(store) == ["telegram destination 1: a message was given up: Telegram answers: Bad Request: new rule"]


def test_others_go_on_while_one_waits(store: Store, fake: FakeTelegram) -> None:
    """A chat that is told to wait holds nobody up."""
    owe(store, "7", "8", "9")
    fake.faults["7"].append("429:35")
    run_rounds(store, fake, 0)
    assert sorted(one.chat for one in fake.messages) == ["8", "9"]


def test_a_group_that_moves_is_followed(store: Store, fake: FakeTelegram) -> None:
    """The new id is kept and the message sent there once, the subscription with it."""
    owe(store, "-5")
    fake.faults["-5"].append("migrate:-1005")
    run_rounds(store, fake, 0, 1)
    assert [one.chat for one in fake.messages] == ["-1005"]
    with store.read() as connection:
        (only,) = wishes.list_destinations(connection)
        assert (only.address, only.state) == ("-1005", "active")
        assert len(delivery.list_subscriptions(connection, only.id)) == 1


def test_a_revoked_token_keeps_the_queue(store: Store, fake: FakeTelegram, caplog: pytest.LogCaptureFixture) -> None:
    """With a wrong token nothing is lost, the operator is told once, and the token is in no log, error or row."""
    caplog.set_level(logging.DEBUG)
    wrong = "987654321:" + "B" * 35
    owe(store, "7", "8")
    run_rounds(store, fake, 0, token=wrong)
    assert set(states(store)) == {"pending"}
    assert len(notes(store)) == 1
    with store.read() as connection:
        texts = list(connection.execute(select(attempts.c.text)).scalars())
    assert "B" * 35 not in "".join([*notes(store), *texts, caplog.text])
    run_rounds(store, fake, 10)
    assert set(states(store)) == {"sent"}


def test_no_connection_means_not_sent(store: Store) -> None:
    """Where nobody listens, the message is tried again; when there is somebody, it arrives once."""
    with fake_telegram() as gone:
        pass
    owe(store, "7")
    run_rounds(store, gone, 0, 1)
    assert answers(store) == ["notsent", "notsent"]


def test_editing(fake: FakeTelegram) -> None:
    """A card is edited; the same text again is fine; a deleted message is gone."""
    where = DueDestination(id=1, kind="telegram", address="7", thread="")
    content = freeze(make_message("Copy Fail", ["fixed"]))

    async def edit() -> None:
        channel = channel_of(fake)
        await channel.edit(where, "5", content)
        await channel.edit(where, "5", content)
        fake.deleted.add(5)
        with pytest.raises(Gone):
            await channel.edit(where, "5", content)
        await channel.close()

    asyncio.run(edit())
    assert fake.edits == [(5, "Copy Fail\nfixed")]


@pytest.mark.parametrize(
    ("fault", "error", "parts"),
    [
        ("429:1", NotSent, ["T", "1", "2"]),
        ("cut-before", Unknown, ["T", "1", "2"]),
        ("cut-after", Unknown, ["T", "1", "1", "2"]),
    ],
)
def test_a_long_message_goes_on_where_it_stopped(
    store: Store, fake: FakeTelegram, fault: str, error: type[ChannelError], parts: list[str]
) -> None:
    """Three parts, the second not confirmed: another process sends the second and the third only; the first sounds."""
    long = freeze(make_message("T", [f"{number} {'x' * 3000}" for number in range(3)]))
    with store.write() as connection:
        chat = delivery.ensure_destination(connection, kind="telegram", address="7", now=NOW)
        owe_notice(connection, chat, long, now=NOW)
        message = str(connection.execute(select(messages.c.id)).scalar_one())
    where = DueDestination(id=chat, kind="telegram", address="7", thread="")

    async def send() -> str | None:
        channel = TelegramChannel(TOKEN, api_base=fake.url, pace=Pace(FAST), progress=StoredProgress(store), timeout=5)
        try:
            return await channel.send(where, message, long)
        finally:
            await channel.close()

    fake.faults["7"].extend(["ok", fault])
    with pytest.raises(error):
        asyncio.run(send())
    assert asyncio.run(send()) == str(fake.messages[0].id)
    assert [one.text[:1] for one in fake.messages] == parts
    assert [one.silent for one in fake.messages] == [False] + [True] * (len(parts) - 1)


def test_hostile_text_arrives_as_text(store: Store, fake: FakeTelegram) -> None:
    """Mentions, markup, links and templates arrive as plain text; no entity is made of them."""
    hostile = "@room <b>x</b> [x](tg://user?id=1) `*_||a|| https://evil.example/ <a@b.c> ${jndi} \u202e 🧟‍♀️"
    with store.write() as connection:
        one = delivery.ensure_destination(connection, kind="telegram", address="7", now=NOW)
        delivery.add_subscription(connection, one, "copy-fail debian/12", now=NOW)
        enqueue_changes(connection, add_changes(connection, [replace(DRAFT, text=hostile)]), now=NOW)
    run_rounds(store, fake, 0)
    (sent,) = fake.messages
    assert sent.text.splitlines()[2] == (
        "• @\u2060room <b>x</b> [x](tg:\u2060//user?id=1) `*_||a|| https:\u2060//evil.\u2060example/ <a@\u2060b.c> "
        "${jndi} \\u{202E} 🧟\\u{200D}♀️ (debian)"
    )
    assert {one["type"] for one in sent.entities} == {"bold"}


class NotingPace(Pace):
    """A pace that notes when everybody is held, and holds nobody."""

    def __init__(self) -> None:
        super().__init__(FAST)
        self.holds: list[float] = []

    def hold(self, seconds: float) -> None:
        self.holds.append(seconds)


@pytest.mark.parametrize(
    ("faults", "holds"),
    [
        (["502html"] * 2 + ["ok"] + ["502html"] * 2, []),
        (["502html"] * 4, [30.0, 30.0]),
        (["429:7"] * 4, [7.0, 7.0]),
        (["429:900"] * 3, [30.0]),
        (["403:Forbidden: bot was blocked by the user"] * 5, []),
    ],
)
def test_when_everybody_rests(fake: FakeTelegram, faults: list[str], holds: list[float]) -> None:
    """Several answers in a row that say nothing, or several chats that must wait, hold all sending for a while."""
    fake.faults["*"].extend(faults)
    pace = NotingPace()

    async def send() -> None:
        channel = TelegramChannel(TOKEN, api_base=fake.url, pace=pace, timeout=5)
        for number in range(1, len(faults) + 1):
            where = DueDestination(id=number, kind="telegram", address=str(number), thread="")
            with suppress(ChannelError):
                await channel.send(where, str(number), freeze(make_message("T", ["x"])))
        await channel.close()

    asyncio.run(send())
    assert pace.holds == holds
