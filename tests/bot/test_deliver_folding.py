"""Folding: what one destination gets of many changes, when, and with which sound."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from advisories.fold import Facts, fold_advisory
from advisories.model import ChangeDraft
from advisories.words import ChangeType
from bot.channels.base import Gone
from bot.channels.cards import Cards
from bot.delivery.alerts import forward_notes
from bot.delivery.deliver import Deliverer
from bot.delivery.destinations import DestinationError, parse_destination
from bot.delivery.folding import Folder
from bot.delivery.outbox import enqueue_changes
from bot.messages.compose import Composer
from bot.messages.model import Message, plain_text, thaw
from bot.messages.timing import Timing, write_timing
from storage import delivery, identity, source_health
from storage import delivery_settings as wishes
from storage.advisories import save_advisory
from storage.changes import add_changes
from storage.delivery import DueDestination
from storage.delivery_tables import attempts, deliveries
from storage.store import Store, open_store
from storage.tables import metadata
from tests import build
from tests.advisories.test_filters import DRAFT, KEV, NOW

COMPANION = replace(KEV, advisory="PW-2026-2", aliases=("CVE-2026-43033",), change=ChangeType.ADVISORY_NEW)


class FakeChat:
    """A channel for people that takes everything; it edits, and a message that was deleted is gone."""

    kind = "telegram"
    keyed = False
    folds = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.edited: list[tuple[str, Message]] = []
        self.deleted: set[str] = set()

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        self.sent.append((destination.address, thaw(content)))
        return str(len(self.sent))

    async def edit(self, destination: DueDestination, remote_id: str, content: str) -> None:
        if remote_id in self.deleted:
            raise Gone("message to edit not found")
        self.edited.append((remote_id, thaw(content)))


class FakePlainChat:
    """The same without edits."""

    kind = "mail"
    keyed = False
    folds = True

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        self.sent.append(thaw(content))
        return None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(None, tmp_path)
    metadata.create_all(opened.engine)
    yield opened
    opened.close()


def subscribe(store: Store, kind: str = "mail", words: str = "copy-fail debian/12", address: str = "1") -> int:
    with store.write() as connection:
        destination = delivery.ensure_destination(connection, kind=kind, address=address, now=NOW)
        delivery.add_subscription(connection, destination, words, now=NOW)
    return destination


def tell(store: Store, *drafts: ChangeDraft, now: datetime = NOW) -> None:
    with store.write() as connection:
        enqueue_changes(connection, add_changes(connection, drafts), now=now)


def deliver(store: Store, chat: FakeChat | FakePlainChat, now: datetime) -> None:
    folder = Folder(Composer(titles={"copy-fail": "Copy Fail"}))
    asyncio.run(Deliverer(store, {chat.kind: chat}, folder=folder, clock=lambda: now).deliver_due())


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


def test_a_cycle_is_one_message(store: Store) -> None:
    """Three changes of a topic arrive together, urgent first, under their advisories."""
    chat = FakePlainChat()
    subscribe(store)
    tell(store, KEV, COMPANION, DRAFT)
    deliver(store, chat, NOW)
    line = "• Zero-copy fixed in Debian 12"
    whole = "\n".join(["Copy Fail", "CVE-2026-31431 (debian)", line, line, "CVE-2026-43033", f"{line} (debian)"])
    assert [plain_text(one) for one in chat.sent] == [whole]
    with store.read() as connection:
        assert connection.execute(select(deliveries.c.state)).scalars().all() == ["sent"] * 3
        assert len(set(connection.execute(select(deliveries.c.message)).scalars())) == 1


def test_calm_news_gathers_and_leaves_pauses(store: Store) -> None:
    """News that is not urgent waits for the rest of its cycle, and half a minute after the last sound."""
    chat = FakePlainChat()
    subscribe(store)
    tell(store, KEV)
    deliver(store, chat, after(seconds=5))
    assert chat.sent == []
    deliver(store, chat, after(seconds=16))
    assert len(chat.sent) == 1
    tell(store, COMPANION, now=after(seconds=20))
    deliver(store, chat, after(seconds=40))
    assert len(chat.sent) == 1
    deliver(store, chat, after(seconds=47))
    assert [one.silent for one in chat.sent] == [False, False]


def test_quiet_hours(store: Store) -> None:
    """At night only what is urgent comes, without a sound; the rest comes in the morning."""
    chat = FakePlainChat()
    destination = subscribe(store)
    with store.write() as connection:
        settings = write_timing(Timing(quiet_from=22 * 60, quiet_to=7 * 60, zone="Europe/Berlin"))
        wishes.save_settings(connection, destination, settings)
    tell(store, KEV, DRAFT)  # midnight UTC
    deliver(store, chat, after(minutes=1))
    assert [(one.silent, len(one.lines)) for one in chat.sent] == [(True, 2)]
    deliver(store, chat, after(hours=4, minutes=59))
    assert len(chat.sent) == 1
    deliver(store, chat, after(hours=5, minutes=1))
    assert [one.silent for one in chat.sent] == [True, False]


def test_digest_gathers_until_its_time(store: Store) -> None:
    """A daily reader hears what is urgent at once and the rest at 08:00, all topics in one message."""
    chat = FakePlainChat()
    destination = subscribe(store, words="severity:none")
    subscribe(store, words="copy-fail debian/12")
    subscribe(store, words="af-alg")
    with store.write() as connection:
        wishes.save_settings(connection, destination, write_timing(Timing(digest="daily")))
    tell(store, KEV, replace(COMPANION, topics=("af-alg",)), DRAFT)
    deliver(store, chat, after(minutes=1))
    assert [len(one.lines) for one in chat.sent] == [2]
    deliver(store, chat, after(hours=7))
    assert len(chat.sent) == 1
    deliver(store, chat, after(hours=8, minutes=1))
    assert [len(one.lines) for one in chat.sent] == [2, 4]


def test_catch_up_is_one_digest(store: Store) -> None:
    """After days without sending, everything comes at once; only its first part sounds, and no fact is missing."""
    chat = FakePlainChat()
    subscribe(store)
    drafts = [replace(KEV, new=str(number), text=f"fact {number} {'x' * 200}") for number in range(60)]
    for number, one in enumerate(drafts):
        tell(store, one, now=after(hours=number))
    deliver(store, chat, after(days=7))
    assert [one.silent for one in chat.sent] == [False] + [True] * (len(chat.sent) - 1)
    assert len(chat.sent) < 8
    whole = "\n".join(plain_text(one) for one in chat.sent)
    assert [number for number in range(60) if f"fact {number} " not in whole] == []
    assert chat.sent[0].title == "Digest: 60 changes since 2026-05-01 00:00 UTC"


def test_a_digest_repeats_what_nobody_confirmed(store: Store) -> None:
    """A message whose outcome stayed unknown is said again in the next digest, once."""
    chat = FakePlainChat()
    subscribe(store)
    tell(store, DRAFT, KEV)
    with store.write() as connection:
        connection.execute(update(deliveries).where(deliveries.c.change_seq == 1).values(state="unconfirmed", tries=2))
    deliver(store, chat, after(hours=2))
    deliver(store, chat, after(days=2))
    assert [len(one.lines) for one in chat.sent] == [3]
    with store.read() as connection:
        assert connection.execute(select(deliveries.c.state)).scalars().all() == ["sent", "sent"]


def folded_advisory(store: Store, *observations: object) -> None:
    """PW-2026-1 with what the observations say, stored."""
    with store.write() as connection:
        if identity.resolve(connection, build.CVE) is None:
            identity.open_advisory(connection, aliases=[build.CVE], kind="vulnerability", year=2026, at=NOW)
        versions = [build.version(*observations)]  # type: ignore[arg-type]  # observations of any kind
        save_advisory(connection, fold_advisory(build.identity(), versions, Facts(package_versions=())), at=NOW)


def test_a_card_is_answered_and_edited(store: Store) -> None:
    """The first news of an advisory is its card; later news answers it shortly; what wakes nobody only edits it."""
    chat = FakeChat()
    subscribe(store, kind="telegram")
    folded_advisory(store, build.cve("6.12.85"), build.cell())
    tell(store, replace(KEV, text="New advisory"))
    deliver(store, chat, after(minutes=1))
    first = chat.sent[0][1]
    assert (first.advisory, first.silent, first.lines[-1][1].text) == ("PW-2026-1", False, "New advisory (debian)")
    folded_advisory(store, build.cve("6.12.85"), build.cell(fixed="6.1.170-1"))
    tell(store, DRAFT, now=after(hours=1))
    deliver(store, chat, after(hours=1))
    assert [one[1].reply_to for one in chat.sent] == [None, "1"]
    tell(store, replace(KEV, new="mail", wakes=False), now=after(hours=2))
    deliver(store, chat, after(hours=3))
    assert len(chat.sent) == 2
    with store.read() as connection:
        assert connection.execute(select(attempts.c.answer).order_by(attempts.c.id)).scalars().all() == [
            "sent",
            "sent",
            "card",
        ]
        assert [one.remote_id for one, _ in wishes.stale_cards(connection, ["telegram"], now=NOW)] == ["1"]


def repair(store: Store, chat: FakeChat, now: datetime) -> int:
    cards = Cards(store, {"telegram": chat}, Composer(titles={"copy-fail": "Copy Fail"}), clock=lambda: now)
    return asyncio.run(cards.repair())


def test_cards_are_repaired(store: Store) -> None:
    """A stale card is edited once; one that was deleted is sent anew without a sound; a fresh one is left alone."""
    chat = FakeChat()
    subscribe(store, kind="telegram")
    folded_advisory(store, build.cve("6.12.85"), build.cell())
    tell(store, replace(KEV, text="New advisory"))
    deliver(store, chat, after(minutes=1))
    assert repair(store, chat, after(minutes=2)) == 0
    folded_advisory(store, build.cve("6.12.85"), build.cell(fixed="6.1.170-1"))
    tell(store, replace(DRAFT, wakes=False, quiet=True))
    assert repair(store, chat, after(minutes=3)) == 1
    assert repair(store, chat, after(minutes=4)) == 0
    (edited,) = chat.edited
    assert edited[0] == "1"
    assert plain_text(edited[1]).splitlines()[-1] == "Debian 12: linux fixed 6.1.170-1"
    chat.deleted.add("1")
    folded_advisory(store, build.cve("6.12.85"), build.cell(fixed="6.1.170-2"))
    tell(store, replace(DRAFT, new="again", quiet=True))
    assert repair(store, chat, after(minutes=5)) == 1
    assert [one.silent for _, one in chat.sent] == [False, True]


def test_the_operator_hears_once(store: Store) -> None:
    """Lines for the operator become one message; a second look finds nothing."""
    chat = FakePlainChat()
    place = parse_destination("mail:ops@example.org")
    with store.write() as connection:
        for number in range(3):
            source_health.add_note(connection, f"source {number} is held", at=NOW)
    assert forward_notes(store, place, folds=True, now=NOW) == 3
    assert forward_notes(store, place, folds=True, now=NOW) == 0
    deliver(store, chat, NOW)
    assert [len(one.lines) for one in chat.sent] == [3]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("telegram:7", ("telegram", "7", "")),
        ("telegram:-1001/42", ("telegram", "-1001", "42")),
        ("matrix:!abc:example.org", ("matrix", "!abc:example.org", "")),
        ("mail:a@example.org", ("mail", "a@example.org", "")),
        ("webhook:ops", ("webhook", "ops", "")),
    ],
)
def test_destinations_are_read(text: str, whole: tuple[str, str, str]) -> None:
    """Each form of the interface, and back."""
    place = parse_destination(text)
    assert (place.kind, place.address, place.thread) == whole
    assert str(place) == text


@pytest.mark.parametrize("text", ["", "telegram", "telegram:x", "telegram:\u0661", "mail:a@b\r\nBcc: c@d", "sms:1"])
def test_wrong_destinations_are_refused(text: str) -> None:
    """What cannot be a destination says how one looks."""
    with pytest.raises(DestinationError, match="a destination is"):
        parse_destination(text)
