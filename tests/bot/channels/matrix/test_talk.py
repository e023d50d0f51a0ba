"""Talking to a real homeserver: who is answered, whose invitation is accepted, who may change what."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any  # JSON, as the wire has it

import pytest
from sqlalchemy import select

from bot.channels.matrix import Conversation, Homeserver, MatrixChannel, RoomStore
from bot.channels.matrix.invites import Policy
from bot.config import load_config
from bot.delivery.listening import Listener
from bot.messages.compose import Composer
from bot.messages.conversation import Answer
from bot.messages.model import make_message
from storage import delivery, marks
from storage import delivery_settings as wishes
from storage.store import Store
from storage.tables import operator_notes
from tests import build
from tests.advisories.test_filters import NOW
from tests.servers.synapse import Person, Synapse

pytestmark = pytest.mark.server
NUMBERS = count(1)
EVERYBODY = Policy(servers=frozenset({"localhost"}))


@pytest.fixture
def bot(synapse: Synapse) -> Person:
    """A bot of the test's own: it has heard nothing and is in no room."""
    return synapse.person(f"talk-bot-{next(NUMBERS)}")


def listen(store: Store, synapse: Synapse, bot: Person, *, times: int = 1, policy: Policy = EVERYBODY) -> None:
    """That many rounds of /sync with their answers, as a process of its own."""
    config = load_config(data=Path(), environment={})
    listener = Listener(store, config, [build.topic()], Composer(titles={"copy-fail": "Copy Fail"}))
    rooms = RoomStore(store)

    async def talk() -> None:
        channel = MatrixChannel(Homeserver(synapse.url, bot.user, bot.token), note=rooms.note)
        conversation = Conversation(
            channel, rooms, policy, answer=listener.answer, changes=listener.changes, poll_seconds=0
        )
        for _ in range(times):
            await conversation.step()
        await channel.close()

    asyncio.run(talk())


def in_room(store: Store, synapse: Synapse, bot: Person, owner: Person, *others: Person, **more: Any) -> str:
    """A room of the owner's that the bot has joined by listening; nothing is heard twice."""
    room = owner.create_room(bot.user, *(one.user for one in others), **more)
    for one in others:
        one.join(room)
    listen(store, synapse, bot, times=2)
    assert room in bot.rooms()
    return room


def kept(store: Store) -> list[tuple[str, str]]:
    with store.read() as connection:
        chats = {one.id: one for one in wishes.list_destinations(connection)}
        rows = [one for chat in chats for one in delivery.list_subscriptions(connection, chat)]
        return [(chats[one.destination].address, one.filter) for one in rows]


def notes(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(select(operator_notes.c.text).order_by(operator_notes.c.note_id)).scalars())


def texts(person: Person, room: str, bot: Person) -> list[str]:
    return [one["body"] for one in person.messages(room, bot.user)]


def test_a_conversation(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """The words alone with the bot, with the mark and without; each answer is a notice that mentions nobody."""
    room = in_room(store, synapse, bot, alice)
    said = ["!start", "help", "!status CVE-2026-31431 debian/12", "!subscribe copy-fail debian/12", "!list", "!export"]
    for one in [*said, "!unsubscribe 1", "!forget", "!forget yes"]:
        alice.say(room, one)
    listen(store, synapse, bot)
    answers = texts(alice, room, bot)
    assert answers[0] == (
        "I follow kernel changes from the first mail to your package.\n"
        "Choose a topic, or write for example: subscribe copy-fail debian/12\n"
        "help lists every word.\n!choose copy-fail Copy Fail"
    )
    assert answers[1].startswith("What I understand\nstart greets and offers the topics\n")
    assert answers[2].endswith("\nDebian 12: linux fixed 6.1.170-1")
    assert answers[3].startswith("Subscription 1: copy-fail debian/12\n")
    assert answers[4] == "Subscriptions\n1: copy-fail debian/12"
    assert answers[5].startswith("All that I keep of this chat")
    assert '"copy-fail debian/12"' in answers[6]
    assert answers[7:] == [
        "Subscription 1 is gone.",
        "This deletes all that I keep of this chat.\nWrite forget yes to do it.\n!forget yes Forget everything",
        "Forgotten.",
    ]
    contents = alice.messages(room, bot.user)
    assert {(one["msgtype"], str(one["m.mentions"])) for one in contents} == {("m.notice", "{}")}
    assert kept(store) == []


def test_nothing_is_answered_twice(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """The place in /sync is kept over processes; where it was lost before it was kept, the answer is the same event."""
    room = in_room(store, synapse, bot, alice)
    with store.read() as connection:
        before = marks.load_mark(connection, "matrix_since") or ""
    alice.say(room, "!topics")
    listen(store, synapse, bot, times=2)
    listen(store, synapse, bot)
    RoomStore(store).save_position(before)
    listen(store, synapse, bot)
    assert len(texts(alice, room, bot)) == 1


def test_history_is_no_request(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """What was said before the bot ever listened, or before it lost its place, is not answered."""
    room = alice.create_room(bot.user)
    bot.join(room)
    alice.say(room, "!subscribe copy-fail")
    listen(store, synapse, bot)
    RoomStore(store).save_position("this is no position")
    alice.say(room, "!subscribe copy-fail")
    listen(store, synapse, bot)
    alice.say(room, "!list")
    listen(store, synapse, bot)
    assert texts(alice, room, bot) == ["No subscription here.\nFor example: subscribe copy-fail debian/12"]


@pytest.mark.parametrize("version", ["10", "12"])
def test_power_levels_in_a_group(store: Store, synapse: Synapse, alice: Person, bot: Person, version: str) -> None:
    """Who may set the room's state changes it, and so does its creator; others may look; what is no word is ignored."""
    mod, guest = (synapse.person(f"{name}-{next(NUMBERS)}") for name in ("mod", "guest"))
    users = {mod.user: 50} if version == "12" else {alice.user: 100, mod.user: 50}
    power = {"users": users}
    room = in_room(store, synapse, bot, alice, mod, guest, room_version=version, power_level_content_override=power)
    guest.say(room, "!subscribe copy-fail severity:high")
    guest.say(room, "!list")
    guest.say(room, "!nonsense")
    guest.say(room, "list")
    mod.say(room, "!subscribe copy-fail debian/12")
    alice.say(room, "!subscribe copy-fail")
    listen(store, synapse, bot)
    assert kept(store) == [(room, "copy-fail debian/12"), (room, "copy-fail")]
    answers = texts(alice, room, bot)
    assert answers[0] == "Only administrators of this chat can do that."
    assert [one.split("\n")[0] for one in answers[1:]] == [
        "No subscription here.",
        "Subscription 1: copy-fail debian/12",
        "Subscription 2: copy-fail",
    ]


def test_a_chat_that_grows_is_a_group(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """Alone with the bot everybody may change things; when a third joins, power levels count."""
    guest, third = (synapse.person(f"{name}-{next(NUMBERS)}") for name in ("guest", "third"))
    room = in_room(store, synapse, bot, alice, guest)
    alice.invite(room, third.user)
    alice.leave(room)
    guest.say(room, "subscribe copy-fail")
    listen(store, synapse, bot)
    third.join(room)
    guest.say(room, "subscribe copy-fail debian/12")
    guest.say(room, "!subscribe copy-fail debian/13")
    listen(store, synapse, bot)
    assert kept(store) == [(room, "copy-fail")]
    assert texts(guest, room, bot)[1:] == ["Only administrators of this chat can do that."]


def test_whose_words_are_not_taken(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """Notices, the bot's own words, edits and encrypted events change nothing; the last two get one hint each."""
    room = in_room(store, synapse, bot, alice)
    alice.send(room, {"msgtype": "m.notice", "body": "!subscribe copy-fail"})
    bot.say(room, "!subscribe copy-fail")
    said = alice.say(room, "hm")
    edit = {"msgtype": "m.text", "body": "!subscribe copy-fail"}
    relation = {"rel_type": "m.replace", "event_id": said}
    for _ in range(2):
        alice.say(room, "* !subscribe copy-fail", **{"m.new_content": edit, "m.relates_to": relation})
        cipher = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA", "session_id": "s"}
        alice.send(room, cipher, kind="m.room.encrypted")
    listen(store, synapse, bot)
    assert kept(store) == []
    notices = [one["body"] for one in alice.messages(room, bot.user) if one["msgtype"] == "m.notice"]
    assert notices == [
        "I do not know that word.\nhelp lists all of them.",
        "I do not read edits. Please write the words anew.",
        "I cannot read this: its key has not come to me. If no answer follows, please write it again.",
    ]


def test_an_answer_stays_in_its_thread(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """Words in a thread are answered there; what they keep is the room's."""
    room = in_room(store, synapse, bot, alice)
    root = alice.say(room, "hello there", msgtype="m.notice")
    asked = alice.say(room, "!subscribe copy-fail", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
    listen(store, synapse, bot)
    (content,) = alice.messages(room, bot.user)
    assert content["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": False,
        "m.in_reply_to": {"event_id": asked},
    }
    assert kept(store) == [(room, "copy-fail")]


def test_invitations(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """Accepted from an administrator or a server that was named; else declined, and nothing stays open."""
    first, second, third = (alice.create_room(bot.user) for _ in range(3))
    listen(store, synapse, bot, policy=Policy(servers=frozenset({"elsewhere.example"})))
    assert bot.rooms() == []
    assert "invite" not in bot.call("GET", "sync").get("rooms", {})
    for room, policy in ((first, EVERYBODY), (second, Policy(admins=frozenset({alice.user}))), (third, Policy())):
        alice.invite(room, bot.user)
        listen(store, synapse, bot, policy=policy)
    assert sorted(bot.rooms()) == sorted([first, second])


def test_a_bot_that_is_put_out(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """Kicked or banned, the room is disabled with the reason; `!start` after a new invitation serves it again."""
    room = in_room(store, synapse, bot, alice)
    alice.say(room, "!subscribe copy-fail")
    listen(store, synapse, bot)
    for action, why in (("kick", "kicked"), ("ban", "banned")):
        alice.call("POST", "rooms", room, action, body={"user_id": bot.user})
        listen(store, synapse, bot)
        with store.read() as connection:
            (only,) = wishes.list_destinations(connection)
        assert (only.state, only.reason) == ("disabled", f"the bot was removed ({why})")
        alice.call("POST", "rooms", room, "unban", body={"user_id": bot.user}, expect=200 if why == "banned" else 403)
        alice.invite(room, bot.user)
        listen(store, synapse, bot)
        alice.say(room, "!start")
        listen(store, synapse, bot)
        with store.read() as connection:
            assert [one.state for one in wishes.list_destinations(connection)] == ["active"]


def test_a_replaced_room_is_followed_by_its_administrator(
    store: Store, synapse: Synapse, alice: Person, bot: Person
) -> None:
    """The operator is told; an invitation of somebody without power there does not move the subscriptions, the
    administrator's does."""
    guest = synapse.person(f"guest-{next(NUMBERS)}")
    rooms = [in_room(store, synapse, bot, alice, guest) for _ in range(2)]
    successors = []
    for room in rooms:
        alice.say(room, "!subscribe copy-fail")
        listen(store, synapse, bot)
        successors.append(alice.call("POST", "rooms", room, "upgrade", body={"new_version": "12"})["replacement_room"])
        listen(store, synapse, bot)
    assert kept(store) == [(one, "copy-fail") for one in rooms]
    for one, inviter in zip(successors, (alice, guest), strict=True):
        power = alice.get_state(one, "m.room.power_levels")
        alice.set_state(one, "m.room.power_levels", {**power, "invite": 0})
        if inviter is guest:
            alice.invite(one, guest.user)
            guest.join(one)
        inviter.invite(one, bot.user)
        listen(store, synapse, bot)
    assert set(kept(store)) == {(successors[0], "copy-fail"), (rooms[1], "copy-fail")}
    assert notes(store) == [
        "matrix destination 1: its room was replaced; an administrator of the new room must invite the bot",
        "matrix destination 2: its room was replaced; an administrator of the new room must invite the bot",
        "matrix destination 1: followed its room to the one that replaced it",
        "matrix destination 2: not followed to the new room, no administrator of that invited the bot",
    ]


def test_a_room_that_only_claims_to_replace_another(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """Without the old room's own word nothing moves."""
    thief = synapse.person(f"thief-{next(NUMBERS)}")
    room = in_room(store, synapse, bot, alice)
    alice.say(room, "!subscribe copy-fail")
    listen(store, synapse, bot)
    claim = {"predecessor": {"room_id": room, "event_id": "$x"}}
    in_room(store, synapse, bot, thief, creation_content=claim)
    assert kept(store) == [(room, "copy-fail")]


def test_a_flood_is_not_answered(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """Forty-five words at once: the first twenty or so are answered."""
    room = in_room(store, synapse, bot, alice)
    for number in range(45):
        alice.say(room, f"!mute {number}")
    listen(store, synapse, bot)
    assert 20 <= len(texts(alice, room, bot)) < 45


def test_a_refused_token_ends_the_listening(store: Store, synapse: Synapse, bot: Person) -> None:
    """The operator is told once, without the token."""
    rooms = RoomStore(store, clock=lambda: NOW)

    async def run() -> None:
        channel = MatrixChannel(Homeserver(synapse.url, bot.user, "syt_Y2FuYXJ5_CanaryCanaryCanary_000000"))
        conversation = Conversation(
            channel, rooms, EVERYBODY, answer=lambda request: None, changes=lambda text: False, poll_seconds=0
        )
        async with asyncio.timeout(20):
            await conversation.run(asyncio.Event())
        await channel.close()

    asyncio.run(run())
    told = "the homeserver refuses the account or its token (M_UNKNOWN_TOKEN)"
    assert notes(store) == [f"Matrix: no chat word is answered any more: {told}"]


def test_the_bot_knows_itself(store: Store, synapse: Synapse, alice: Person, bot: Person) -> None:
    """Whatever name is configured, the homeserver says whose token it is: the bot never answers itself."""
    rooms = RoomStore(store)

    async def run(user: str) -> None:
        channel = MatrixChannel(Homeserver(synapse.url, user, bot.token), note=rooms.note)
        conversation = Conversation(
            channel,
            rooms,
            EVERYBODY,
            answer=lambda request: Answer(message=make_message("heard", [])),
            changes=lambda text: False,
            poll_seconds=0,
        )
        await conversation.step()
        await channel.close()

    room = alice.create_room(bot.user)
    asyncio.run(run(""))
    bot.say(room, "the bot's own")
    asyncio.run(run("@another:localhost"))
    assert [one["body"] for one in alice.messages(room, bot.user)] == ["the bot's own"]
    assert notes(store) == [f"Matrix: [matrix] user is @another:localhost, but the token is {bot.user}'s"]


def test_listening_stops_when_told(store: Store, synapse: Synapse, bot: Person) -> None:
    """Amid a long /sync too."""
    rooms = RoomStore(store)

    async def run() -> None:
        channel = MatrixChannel(Homeserver(synapse.url, bot.user, bot.token))
        conversation = Conversation(
            channel, rooms, EVERYBODY, answer=lambda request: None, changes=lambda text: False, poll_seconds=25
        )
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, stop.set)
        async with asyncio.timeout(15):
            await conversation.run(stop)
        await channel.close()

    asyncio.run(run())
    assert rooms.load_position().startswith("s")
