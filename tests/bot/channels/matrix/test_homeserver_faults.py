"""A homeserver that stumbles while we listen and send: nothing is lost, and nothing keeps coming back."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from bot.channels.base import Permanent
from bot.channels.matrix import Conversation, Homeserver, MatrixChannel, RoomStore
from bot.channels.matrix.invites import Policy
from bot.messages.conversation import Answer, Request
from bot.messages.model import freeze, make_message
from storage.errors import StorageError
from storage.store import Store
from storage.tables import operator_notes
from tests.bot.channels.matrix.scripted import Answer as Answered
from tests.bot.channels.matrix.scripted import Scripted, scripted
from tests.bot.channels.matrix.sending import at

US = "@bot:x"
WHO = (200, {"user_id": US})
TROUBLE = (500, {"errcode": "M_UNKNOWN"})


def sync(place: str, **rooms: object) -> Answered:
    return 200, {"next_batch": place, "rooms": rooms}


def invitation(room: str) -> Answered:
    member = {"type": "m.room.member", "sender": "@alice:x", "state_key": US, "content": {"membership": "invite"}}
    return sync("s1", invite={room: {"invite_state": {"events": [5, member]}}})


def word(text: str) -> Answered:
    content = {"msgtype": "m.text", "body": text}
    event = {"type": "m.room.message", "sender": "@alice:x", "event_id": "$1", "content": content}
    return sync("s2", join={"!r:x": {"timeline": {"events": [event]}}})


def hear(store: Store, steps: int, *answers: Answered) -> Scripted:
    """That many rounds of listening to a server that answers with these."""
    rooms = RoomStore(store)

    async def run(server: Scripted) -> None:
        channel = MatrixChannel(Homeserver(server.url, US, "token", timeout=5), note=rooms.note)
        conversation = Conversation(
            channel,
            rooms,
            Policy(servers=frozenset({"x"})),
            answer=lambda request: Answer(message=make_message("yes", [])),
            changes=lambda text: False,
            poll_seconds=0,
        )
        try:
            for _ in range(steps):
                await conversation.step()
        finally:
            await channel.close()

    with scripted(WHO, *answers) as server:
        asyncio.run(run(server))
        return server


@pytest.mark.parametrize("odd", [b"<html>", {"next_batch": 5}, b"[" * 90_000])
def test_a_sync_that_cannot_be_read_is_passed_over(store: Store, odd: object) -> None:
    """It would come again for ever: the place after it is taken instead, and the operator told."""
    RoomStore(store).save_position("s0")
    server = hear(store, 2, (200, odd), sync("s7"), sync("s8"))
    assert RoomStore(store).load_position() == "s8"
    assert ["since=s0" in one for one in server.queries] == [False, True, True, False]
    with store.read() as connection:
        (note,) = connection.execute(select(operator_notes.c.text)).scalars()
    assert note.startswith("Matrix: a /sync could not be read")


def test_an_invitation_is_answered_when_it_can_be(store: Store) -> None:
    """/sync tells it once: a join that failed is tried again, one that is refused is not."""
    create = (200, {"sender": "@alice:x"})
    server = hear(store, 3, invitation("!r:x"), TROUBLE, sync("s2"), (200, {"room_id": "!r:x"}), create, sync("s3"))
    join = "POST join/!r:x"
    assert [one for one in server.asked if "join" in one] == [join, join]
    server = hear(store, 2, invitation("!r:x"), (403, {"errcode": "M_FORBIDDEN"}), sync("s4"))
    assert [one for one in server.asked if "join" in one] == [join]


def test_an_answer_is_repeated_under_its_transaction(store: Store) -> None:
    """Cut, limited, then taken: three tries with one id."""
    RoomStore(store).save_position("s1")
    members: Answered = (200, {"joined": {US: {}, "@alice:x": {}}})
    limited = (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 10})
    server = hear(store, 1, word("!help"), members, TROUBLE, limited, (200, {"event_id": "$2"}))
    sent = [one for one in server.asked if one.startswith("PUT")]
    assert len(sent) == 3
    assert len(set(sent)) == 1


def test_a_store_that_cannot_be_written_is_waited_for(store: Store) -> None:
    """Listening goes on until it is told to stop; the place is not moved past what was not done."""
    RoomStore(store).save_position("s1")
    asked: list[str] = []

    def full(request: Request) -> Answer | None:
        asked.append(request.text)
        raise StorageError("the database is full")

    async def run(server: Scripted) -> None:
        channel = MatrixChannel(Homeserver(server.url, US, "token", timeout=5))
        conversation = Conversation(
            channel, RoomStore(store), Policy(), answer=full, changes=lambda text: False, poll_seconds=0
        )
        stop = asyncio.Event()
        listening = asyncio.create_task(conversation.run(stop))
        while not asked:
            await asyncio.wait([listening], timeout=0.02)
        await asyncio.wait([listening], timeout=0.2)
        assert not listening.done()
        stop.set()
        await listening
        await channel.close()

    with scripted(WHO, word("!help"), (200, {"joined": {US: {}}})) as server:
        asyncio.run(run(server))
    assert asked == ["help"]
    assert RoomStore(store).load_position() == "s1"


def test_what_the_homeserver_finds_too_large(store: Store) -> None:
    """Each repeat is half as large, under the same transaction; at last the message is given up."""
    content = freeze(make_message("T", ["é" * 600 for _ in range(20)]))
    large = (413, {"errcode": "M_TOO_LARGE"})

    async def send(server: Scripted) -> str | None:
        channel = MatrixChannel(Homeserver(server.url, US, "token", timeout=5))
        try:
            return await channel.send(at("!r:x"), "m1", content)
        finally:
            await channel.close()

    with scripted(large, large, (200, {"event_id": "$1"})) as server:
        assert asyncio.run(send(server)) == "$1"
        assert server.sizes[0] >= server.sizes[1] > server.sizes[2] > 10_000
        assert len(set(server.asked)) == 1
    with scripted(large) as server, pytest.raises(Permanent, match="M_TOO_LARGE"):
        asyncio.run(send(server))
