"""What the tests of encrypted rooms share: the bot with its keys, and what anybody can see of a room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any  # JSON, as the wire has it

from bot.channels.matrix import Conversation, Homeserver, MatrixChannel, RoomStore
from bot.channels.matrix.encryption import Encryption
from bot.channels.matrix.invites import Policy
from bot.config import load_config
from bot.delivery.listening import Listener
from bot.messages.compose import Composer
from bot.messages.conversation import Answer, Request
from storage.store import Store
from tests import build
from tests.servers.synapse import Person

NUMBERS = count(1)
EVERYBODY = Policy(servers=frozenset({"localhost"}))


@asynccontextmanager
async def bot_at(
    url: str, bot: Person, folder: Path, *, note: Callable[[str], None] = lambda line: None, token: str = ""
) -> AsyncIterator[MatrixChannel]:
    """A channel with keys in this folder, as one process has it."""
    server = Homeserver(url, bot.user, token or bot.token, timeout=20)
    channel = MatrixChannel(server, note=note, encryption=Encryption(server, folder))
    try:
        yield channel
    finally:
        await channel.close()


def listening(
    store: Store, channel: MatrixChannel, *, answer: Callable[[Request], Answer | None] | None = None
) -> Conversation:
    """Answers words over this channel; `step` is one /sync."""
    config = load_config(data=Path(), environment={})
    listener = Listener(store, config, [build.topic()], Composer(titles={"copy-fail": "Copy Fail"}))
    return Conversation(
        channel,
        RoomStore(store),
        EVERYBODY,
        answer=answer or listener.answer,
        changes=listener.changes,
        poll_seconds=0,
    )


def keys_of(channel: MatrixChannel) -> Encryption:
    assert channel.encryption is not None
    return channel.encryption


def seen(person: Person, room: str, sender: Person) -> list[dict[str, Any]]:
    """The events of this sender's that are no state, as the homeserver has them."""
    return [one for one in person.timeline(room) if one["sender"] == sender.user and "state_key" not in one]


def only_encrypted(person: Person, room: str, sender: Person) -> bool:
    """Whether nothing but ciphers came from this sender, and something did."""
    return {one["type"] for one in seen(person, room, sender)} == {"m.room.encrypted"}
