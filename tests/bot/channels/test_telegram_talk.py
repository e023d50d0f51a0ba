"""Talking on Telegram over the wire: who is answered, who may change what, and that nothing is answered twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # JSON, as the wire has it

import pytest

from advisories.fold import Facts, fold_advisory
from bot.channels.telegram import Conversation, Limits, Pace, TelegramChannel
from bot.config import load_config
from bot.delivery.listening import Listener
from bot.messages.compose import Composer
from storage import delivery, identity
from storage import delivery_settings as wishes
from storage.advisories import save_advisory
from storage.store import Store, open_store
from storage.tables import metadata
from tests import build
from tests.advisories.test_filters import NOW
from tests.servers.fake_telegram import TOKEN, FakeTelegram, fake_telegram

FAST = Limits(per_second=2000, chat_seconds=0.001, group_seconds=0.001)
ANONYMOUS = {"sender_chat": {"id": -5, "type": "supergroup", "title": "G"}}
CHANNEL = {"sender_chat": {"id": -9, "type": "channel", "title": "C"}}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeTelegram]:
    with fake_telegram() as fake:
        yield fake


@pytest.fixture
def fake(server: FakeTelegram) -> FakeTelegram:
    """The module's server, emptied."""
    for kept in (server.messages, server.faults, server.updates, server.members, server.answered, server.documents):
        kept.clear()
    return server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(None, tmp_path)
    metadata.create_all(opened.engine)
    with opened.write() as connection:
        identity.open_advisory(connection, aliases=[build.CVE], kind="vulnerability", year=2026, at=NOW)
        versions = [build.version(build.cve("6.12.85"), build.cell(fixed="6.1.170-1"))]
        save_advisory(connection, fold_advisory(build.identity(), versions, Facts(package_versions=())), at=NOW)
    yield opened
    opened.close()


def listen(store: Store, fake: FakeTelegram, *, polls: int = 1, stop_after: float = 0.0) -> None:
    """That many long polls with their answers; or the whole loop for a while."""
    config = load_config(data=Path(), environment={})
    listener = Listener(store, config, [build.topic()], Composer(titles={"copy-fail": "Copy Fail"}))

    async def talk() -> None:
        channel = TelegramChannel(TOKEN, api_base=fake.url, pace=Pace(FAST), timeout=5)
        conversation = Conversation(
            channel,
            answer=listener.answer,
            changes=listener.changes,
            card=listener.card,
            lost=listener.lost,
            load=listener.load_position,
            save=listener.save_position,
            poll_seconds=0,
        )
        for _ in range(polls):
            await conversation.step()
        if stop_after:
            stop = asyncio.Event()
            asyncio.get_running_loop().call_later(stop_after, stop.set)
            await conversation.run(stop)
        await channel.close()

    asyncio.run(talk())


def kept(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as connection:
        chats = {one.id: one for one in wishes.list_destinations(connection)}
        rows = [one for chat in chats for one in delivery.list_subscriptions(connection, chat)]
        return [(chats[one.destination].address, chats[one.destination].thread, one.filter) for one in rows]


def test_a_conversation(store: Store, fake: FakeTelegram) -> None:
    """Words alone with the bot, with and without the slash; the answers are text with marks."""
    fake.say(1, "/subscribe copy-fail debian/12")
    fake.say(2, "list")
    listen(store, fake)
    standing = "CVE-2026-31431 CVE-2026-31431\nDebian 12: linux fixed 6.1.170-1"
    assert fake.texts("7") == [
        f"Subscription 1: copy-fail debian/12\n{standing}\nunsubscribe takes it back.",
        "Subscriptions\n1: copy-fail debian/12",
    ]
    assert kept(store) == [("7", "", "copy-fail debian/12")]


def test_nothing_is_answered_twice(store: Store, fake: FakeTelegram) -> None:
    """Updates that come again, in this process or the next, are left alone."""
    fake.say(11, "/topics")
    fake.say(10, "/list")
    listen(store, fake, polls=3)
    listen(store, fake)
    assert len(fake.messages) == 2


@pytest.mark.parametrize(
    ("more", "status", "subscribed"),
    [
        ({}, "member", False),
        ({}, "restricted-unknown", False),
        ({}, "administrator", True),
        ({}, "creator", True),
        (ANONYMOUS, "member", True),
        (CHANNEL, "administrator", False),
    ],
)
def test_roles_in_a_group(
    store: Store, fake: FakeTelegram, more: dict[str, Any], status: str, subscribed: bool
) -> None:
    """Administrators change a group, also as the group itself; members and channels that write there do not."""
    fake.members[("-5", 7)] = "member" if status.startswith("restricted") else status
    fake.say(1, "/subscribe copy-fail", chat=-5, **more)
    fake.say(2, "/topics@patchwatch_bot", chat=-5)
    fake.say(3, "/topics@another_bot", chat=-5)
    fake.say(4, "hello", chat=-5)
    listen(store, fake)
    assert kept(store) == ([("-5", "", "copy-fail")] if subscribed else [])
    assert len(fake.messages) == 2


def test_a_forum_topic_has_its_own_filters(store: Store, fake: FakeTelegram) -> None:
    """What is said in a topic is kept and answered there."""
    fake.members[("-5", 7)] = "creator"
    fake.say(1, "/subscribe copy-fail", chat=-5, message_thread_id=42, is_topic_message=True)
    listen(store, fake)
    assert kept(store) == [("-5", "42", "copy-fail")]
    assert [(one.chat, one.thread) for one in fake.messages] == [("-5", "42")]


def test_other_peoples_words_are_not_taken(store: Store, fake: FakeTelegram) -> None:
    """Forwarded and edited words and those of bots change nothing; a post in a channel is its administrator's."""
    origin = {"type": "hidden_user", "date": 1, "sender_user_name": "x"}
    fake.say(1, "/subscribe copy-fail", forward_origin=origin)
    said: dict[str, Any] = {"message_id": 1, "date": 1, "chat": {"id": 7, "type": "private"}}
    said["text"] = "/subscribe copy-fail"
    fake.push(2, message={**said, "from": {"id": 9, "is_bot": True, "first_name": "B"}})
    fake.push(3, edited_message=said)
    fake.push(4, channel_post={**said, "chat": {"id": -9, "type": "channel", "title": "C"}})
    listen(store, fake)
    assert kept(store) == [("-9", "", "copy-fail")]


def press(fake: FakeTelegram, number: int, words: str, *, chat: int, user: int) -> None:
    kind = "private" if chat > 0 else "supergroup"
    message = {"message_id": 5, "date": 1, "chat": {"id": chat, "type": kind, "title": "G"}, "text": "Which?"}
    person = {"id": user, "is_bot": False, "first_name": "P"}
    query = {"id": str(number), "from": person, "chat_instance": "1", "message": message, "data": words}
    fake.push(number, callback_query=query)


def test_buttons(store: Store, fake: FakeTelegram) -> None:
    """A button counts for the chat it stands in and for administrators only; one that was tampered with is refused."""
    fake.say(1, "/subscribe")
    press(fake, 2, "choose copy-fail", chat=7, user=7)
    press(fake, 3, "subscribe copy-fail debian/12", chat=7, user=7)
    press(fake, 4, "subscribe copy-fail", chat=-5, user=8)
    press(fake, 5, "subscribe nonsense;DROP", chat=7, user=7)
    listen(store, fake)
    assert kept(store) == [("7", "", "copy-fail debian/12")]
    first = next(one for one in fake.messages if one.chat == "7")
    assert first.keyboard == (("Copy Fail", "choose copy-fail"),)
    assert len(fake.answered) == 4
    assert fake.texts("-5") == ["Only administrators of this chat can do that."]
    assert fake.texts("7")[-1].startswith("nonsense;DROP is no topic")


def test_inline_queries_offer_the_card(store: Store, fake: FakeTelegram) -> None:
    """An id gives its card, anything else an empty list."""
    person = {"id": 7, "is_bot": False, "first_name": "P"}
    for number, text in ((1, "cve-2026-31431"), (2, "nothing")):
        fake.push(number, inline_query={"id": str(number), "from": person, "query": text, "offset": ""})
    listen(store, fake)
    assert sorted("PW-2026-1" in one.get("results", "") for one in fake.answered) == [False, True]


def test_a_bot_that_is_removed_sends_nothing_more(store: Store, fake: FakeTelegram) -> None:
    """Being kicked disables all threads of the chat; /start serves it again."""
    fake.members[("-5", 7)] = "creator"
    fake.say(1, "/subscribe copy-fail", chat=-5)
    listen(store, fake)
    person = {"id": 7, "is_bot": False, "first_name": "P"}
    us = {"id": 123456789, "is_bot": True, "first_name": "patchwatch"}
    change = {
        "chat": {"id": -5, "type": "supergroup", "title": "G"},
        "from": person,
        "date": 1,
        "old_chat_member": {"status": "member", "user": us},
        "new_chat_member": {"status": "left", "user": us},
    }
    fake.push(2, my_chat_member=change)
    listen(store, fake)
    with store.read() as connection:
        assert [one.state for one in wishes.list_destinations(connection)] == ["disabled"]
    fake.say(3, "/start", chat=-5)
    listen(store, fake)
    with store.read() as connection:
        assert [one.state for one in wishes.list_destinations(connection)] == ["active"]


def test_an_export_comes_as_a_file(store: Store, fake: FakeTelegram) -> None:
    """What is kept of the chat, as a document."""
    fake.say(1, "/subscribe copy-fail")
    fake.say(2, "/export")
    listen(store, fake)
    assert [('"copy-fail"' in content, chat) for chat, content in fake.documents] == [(True, "7")]


def test_an_update_that_cannot_be_read_is_left_out(store: Store, fake: FakeTelegram) -> None:
    """The others of its batch are answered, and it does not come back."""
    fake.push(1, message={"message_id": "x", "chat": []})
    fake.say(2, "/topics")
    listen(store, fake, polls=2)
    assert len(fake.messages) == 1


@pytest.mark.parametrize(
    ("fault", "heard"), [("500:Internal Server Error", True), ("502html", True), ("401:Unauthorized", False)]
)
def test_listening_goes_on_unless_the_token_is_refused(
    store: Store, fake: FakeTelegram, fault: str, heard: bool
) -> None:
    """A server that stumbles is asked again by the next process or step; a refused token ends the listening."""
    fake.faults["getUpdates"].append(fault)
    fake.say(1, "/topics")
    listen(store, fake, polls=0, stop_after=0.3)
    assert fake.messages == []
    if heard:
        listen(store, fake)
    assert len(fake.messages) == int(heard)
