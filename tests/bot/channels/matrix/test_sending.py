"""Sending to a real homeserver: what arrives, that nothing arrives twice, and what each refusal does to the ledger."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest
from sqlalchemy import select

from bot.channels.base import ChannelError, Gone, Refused
from bot.channels.matrix import Homeserver, MatrixChannel
from bot.channels.matrix.errors import Limited
from bot.delivery.deliver import Deliverer
from bot.delivery.folding import Folder
from bot.messages.model import freeze, make_message
from storage import delivery_settings as wishes
from storage.delivery import DueDestination
from storage.delivery_tables import attempts
from storage.store import Store
from tests.advisories.test_filters import KEV, NOW
from tests.bot.channels.matrix.sending import (
    CARD,
    COMPOSER,
    LINK,
    answers,
    at,
    deliver,
    new_id,
    notes,
    owe,
    states,
    with_channel,
)
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.synapse import Person, Synapse

pytestmark = pytest.mark.server


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
    assert first == CARD
    assert answer == {
        "msgtype": "m.text",
        "body": "Copy Fail\nCVE-2026-31431\n• Exploited: listed in KEV (kev)",
        "format": "org.matrix.custom.html",
        "formatted_body": f"<strong>Copy Fail</strong><br>{LINK}<br>• Exploited: listed in KEV (kev)",
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


def test_editing_what_is_gone(synapse: Synapse, alice: Person, bot: Person, room: str) -> None:
    """A card that was deleted, is elsewhere or never was, is gone; an edit counts once per text."""
    other = alice.create_room(bot.user)
    bot.join(other)
    content, others = freeze(make_message("Card", ["1"])), freeze(make_message("Card", ["2"]))

    async def edit(channel: MatrixChannel) -> None:
        card = await channel.send(at(room), new_id(), content) or ""
        for each in (others, content, others):
            await channel.edit(at(room), card, each)
        with pytest.raises(Gone):
            await channel.edit(at(other), card, content)
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
    reason = "M_FORBIDDEN User [person] not in room [room]"
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
    said: list[str] = []
    deliver(store, synapse.url, bot, 0, 120, note=said.append)
    assert (states(store), answers(store)) == (["pending"], ["notsent", "notsent"])
    assert said == ["matrix destination 1: its room was replaced; an administrator of the new room must invite the bot"]
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
        assert 0 < channel.wait_seconds(at(two)) <= caught.value.retry_after + 0.1
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


@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut_at=0, from_request=b"PUT"),
        Fault(cut_at=20, from_request=b"PUT"),
        Fault(reset_at=0, from_request=b"PUT"),
    ],
)
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


class _Killed(Exception):
    """Stands for the end of our own process."""


class _KilledAfterSending(MatrixChannel):
    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        await super().send(destination, message, content)
        raise _Killed


def test_our_own_end_after_a_send(store: Store, synapse: Synapse, bot: Person, room: str) -> None:
    """Sent, and ended before it was recorded: the next process sends it again, and it is the event that is there."""
    owe(store, room)

    async def send_and_end() -> None:
        channel = _KilledAfterSending(Homeserver(synapse.url, bot.user, bot.token))
        try:
            await Deliverer(store, {"matrix": channel}, folder=Folder(COMPOSER), clock=lambda: NOW).deliver_due()
        finally:
            await channel.close()

    with pytest.raises(_Killed):
        asyncio.run(send_and_end())
    assert states(store) == ["leased"]
    deliver(store, synapse.url, bot, 5)
    assert states(store) == ["sent"]
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
