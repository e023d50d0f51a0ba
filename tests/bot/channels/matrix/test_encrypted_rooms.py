"""An encrypted room on a real homeserver: words are read, who is there can read the news, nothing goes out plain."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.channels.cards import Cards
from bot.channels.matrix import Homeserver, MatrixChannel
from bot.delivery.deliver import Deliverer
from bot.delivery.folding import Folder
from bot.messages.conversation import Answer
from bot.messages.model import freeze, make_message
from bot.messages.safe import undefused
from storage import delivery_settings as wishes
from storage.store import Store
from tests.advisories.test_filters import KEV, NOW
from tests.bot.channels.matrix.ciphering import NUMBERS, bot_at, keys_of, listening, only_encrypted, seen
from tests.bot.channels.matrix.sending import CARD, COMPOSER, answers, at, deliver, new_id, notes, owe, states
from tests.bot.channels.matrix.test_hostile import HOSTILE, MENTIONS
from tests.bot.channels.matrix.test_text import read_back
from tests.servers.confidant import ALGORITHM, ENCRYPTED, Confidant
from tests.servers.synapse import Person, Synapse

pytestmark = pytest.mark.server


@pytest.fixture
def alice(synapse: Synapse) -> Person:
    return synapse.person(f"sealed-alice-{next(NUMBERS)}")


@pytest.fixture
def bot(synapse: Synapse) -> Person:
    return synapse.person(f"sealed-bot-{next(NUMBERS)}")


@pytest.fixture
def room(alice: Person, bot: Person) -> str:
    """A room that was encrypted from the beginning, with both in it."""
    made = alice.create_room(bot.user, initial_state=ENCRYPTED)
    bot.join(made)
    return made


async def deliver_over(store: Store, channel: MatrixChannel, minute: int) -> None:
    moment = NOW + timedelta(minutes=minute)
    deliverer = Deliverer(store, {"matrix": channel}, folder=Folder(COMPOSER, waited=True), clock=lambda: moment)
    await deliverer.deliver_due()
    await Cards(store, deliverer.channels, COMPOSER, clock=lambda: moment).repair()


def test_words_news_thread_and_edit(store: Store, synapse: Synapse, tmp_path: Path, alice: Person, bot: Person) -> None:
    """Invited to an encrypted room: subscribed by word there, the card, its answer in the thread and its edit arrive as
    they do elsewhere, and the homeserver sees none of it."""
    room = alice.create_room(bot.user, initial_state=ENCRYPTED)

    async def run() -> list[dict[str, object]]:
        async with (
            bot_at(synapse.url, bot, tmp_path / "bot") as channel,
            Confidant(synapse.url, alice, tmp_path / "alice") as reader,
        ):
            talk = listening(store, channel)
            await talk.step()
            await reader.say(room, "!subscribe copy-fail debian/12")
            await talk.step()
            owe(store, room)
            await deliver_over(store, channel, 0)
            owe(store, room, replace(KEV, text="Exploited: listed in KEV", source="kev"))
            with store.write() as connection:
                (card,) = wishes.stale_cards(connection, ["matrix"], now=NOW)
                wishes.save_card(connection, replace(card[0], shown="before"))
                wishes.age_cards(connection, ["PW-2026-1"])
            await deliver_over(store, channel, 11)
            assert reader.sealed == 0
            return await reader.hear(room, bot.user)

    said, first, answer, edit = asyncio.run(run())
    assert str(said["body"]).startswith("Subscription 1: copy-fail debian/12\n")
    assert first == CARD
    events = seen(alice, room, bot)
    ids = [one["event_id"] for one in events]
    thread = {"rel_type": "m.thread", "event_id": ids[1], "is_falling_back": True}
    assert answer["body"] == "Copy Fail\nCVE-2026-31431\n• Exploited: listed in KEV (kev)"
    assert answer["m.relates_to"] == {**thread, "m.in_reply_to": {"event_id": ids[1]}}
    assert (edit["msgtype"], edit["m.mentions"]) == ("m.notice", {})
    assert edit["m.relates_to"] == {"rel_type": "m.replace", "event_id": ids[1]}
    fresh = edit["m.new_content"]
    assert isinstance(fresh, dict)
    assert fresh["body"].endswith("Debian 12: linux fixed 6.1.170-1")
    relations = [one["content"].get("m.relates_to") for one in events]  # the homeserver has to know them
    assert relations == [None, None, answer["m.relates_to"], edit["m.relates_to"]]
    assert only_encrypted(alice, room, bot)
    assert set(states(store)) == {"sent"}


def test_without_keys_nothing_is_said(
    store: Store, synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str
) -> None:
    """A bot that cannot encrypt is silent there: the destination is disabled with the reason, the operator told, also
    when somebody asks it something."""
    why = "the libraries for it are missing; install patchwatch[e2ee]"
    owe(store, room)
    deliver(store, synapse.url, bot, 0, encryption=why)
    reason = f"the room is encrypted, and the bot cannot write there: {why}"
    with store.read() as connection:
        found = [(one.state, one.reason) for one in wishes.list_destinations(connection)]
    assert found == [("disabled", reason)]
    assert answers(store) == ["nokeys"]
    assert notes(store) == [f"matrix destination 1 is disabled: {reason}"]
    told: list[str] = []

    async def run() -> None:
        channel = MatrixChannel(Homeserver(synapse.url, bot.user, bot.token), note=told.append, encryption=why)
        talk = listening(store, channel)
        await talk.step()
        async with Confidant(synapse.url, alice, tmp_path / "alice") as reader:
            await reader.say(room, "!list")
            alice.say(room, "!list")
        await talk.step()
        await channel.close()

    asyncio.run(run())
    assert told == [f"Matrix: somebody wants an answer, but {reason}"]
    assert seen(alice, room, bot) == []


def test_a_room_that_becomes_encrypted(synapse: Synapse, tmp_path: Path, alice: Person, bot: Person) -> None:
    """Noticed before the next message, without listening."""
    room = alice.create_room(bot.user)
    bot.join(room)

    async def run() -> list[dict[str, object]]:
        async with (
            bot_at(synapse.url, bot, tmp_path / "bot") as channel,
            Confidant(synapse.url, alice, tmp_path / "alice") as reader,
        ):
            await channel.send(at(room), new_id(), freeze(make_message("Before", [])))
            alice.set_state(room, "m.room.encryption", {"algorithm": ALGORITHM})
            await channel.send(at(room), new_id(), freeze(make_message("After", [])))
            return await reader.events(room, bot.user)

    before, after = asyncio.run(run())
    assert (before["decrypted"], after["decrypted"]) == (False, True)
    assert [one["type"] for one in seen(alice, room, bot)] == ["m.room.message", "m.room.encrypted"]


def test_who_is_in_the_room_can_read(synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str) -> None:
    """A new person and a new device read from then on; what comes after somebody left is under a new key."""
    guest = synapse.person(f"sealed-guest-{next(NUMBERS)}")
    second = synapse.log_in(alice)

    async def run() -> None:
        async with bot_at(synapse.url, bot, tmp_path / "bot") as channel:

            async def send(text: str) -> None:
                await channel.send(at(room), new_id(), freeze(make_message(text, [])))

            async with Confidant(synapse.url, alice, tmp_path / "alice") as reader:
                await send("1")
                alice.invite(room, guest.user)
                guest.join(room)
                async with (
                    Confidant(synapse.url, guest, tmp_path / "guest") as other,
                    Confidant(synapse.url, alice, tmp_path / "second", token=second) as phone,
                ):
                    keys_of(channel).forget_devices()
                    await send("2")
                    guest.leave(room)
                    await send("3")
                    await other.sync()
                    for each, expected in ((reader, ["1", "2", "3"]), (phone, ["2", "3"]), (other, [])):
                        assert [one["body"] for one in await each.hear(room, bot.user)] == expected

    asyncio.run(run())
    sessions = [one["content"]["session_id"] for one in seen(alice, room, bot)]
    assert len(set(sessions)) == 3


def test_hostile_text_stays_text_and_pings_nobody(
    synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str
) -> None:
    """What arrives has our tags only and, read back, equals the plain text; no string counts as a mention."""
    texts = [*HOSTILE, *MENTIONS]

    async def run() -> list[dict[str, object]]:
        async with (
            bot_at(synapse.url, bot, tmp_path / "bot") as channel,
            Confidant(synapse.url, alice, tmp_path / "alice") as reader,
        ):
            for text in texts:
                await channel.send(at(room), new_id(), freeze(make_message(text[:200], [text])))
            return await reader.hear(room, bot.user)

    said = asyncio.run(run())
    assert len(said) == len(texts)
    for one in said:
        text, tags, links = read_back(one)
        assert text == undefused(str(one["body"]))
        assert (tags, links) == ({"strong"}, set())
        assert one["m.mentions"] == {}
    assert only_encrypted(alice, room, bot)
    counts = alice.call("GET", "sync")["rooms"]["join"][room]["unread_notifications"]
    assert counts["highlight_count"] == 0


def test_what_is_too_large_is_shortened(
    synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str
) -> None:
    """A cipher is longer than its text: it is shortened until the homeserver takes it."""

    async def run() -> list[dict[str, object]]:
        async with (
            bot_at(synapse.url, bot, tmp_path / "bot") as channel,
            Confidant(synapse.url, alice, tmp_path / "alice") as reader,
        ):
            await channel.send(at(room), new_id(), freeze(make_message("T", ["é" * 600 for _ in range(60)])))
            return await reader.hear(room, bot.user)

    (said,) = asyncio.run(run())
    assert 2_000 < len(str(said["body"])) < 20_000
    assert str(said["body"]).endswith("\n… shortened")


def test_a_long_answer_is_shortened(
    store: Store, synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str
) -> None:
    """An answer is, too."""
    long = Answer(message=make_message("T", ["é" * 600 for _ in range(60)]))

    async def run() -> list[dict[str, object]]:
        async with (
            bot_at(synapse.url, bot, tmp_path / "bot") as channel,
            Confidant(synapse.url, alice, tmp_path / "alice") as reader,
        ):
            talk = listening(store, channel, answer=lambda request: long)
            await talk.step()
            await reader.say(room, "!status")
            await talk.step()
            return await reader.hear(room, bot.user)

    (said,) = asyncio.run(run())
    assert str(said["body"]).endswith("\n… shortened")


def test_a_word_that_changes_nothing(
    store: Store, synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str
) -> None:
    """Who has no power in a group changes nothing in an encrypted one either."""
    guest, mate = (synapse.person(f"sealed-{name}-{next(NUMBERS)}") for name in ("guest", "mate"))
    for one in (guest, mate):
        alice.invite(room, one.user)
        one.join(room)

    async def run() -> list[dict[str, object]]:
        async with (
            bot_at(synapse.url, bot, tmp_path / "bot") as channel,
            Confidant(synapse.url, guest, tmp_path / "guest") as reader,
        ):
            talk = listening(store, channel)
            await talk.step()
            await reader.say(room, "!subscribe copy-fail")
            await reader.say(room, "just words")
            await talk.step()
            return await reader.hear(room, bot.user)

    (said,) = asyncio.run(run())
    assert said["body"] == "Only administrators of this chat can do that."
    with store.read() as connection:
        assert wishes.list_destinations(connection) == []
