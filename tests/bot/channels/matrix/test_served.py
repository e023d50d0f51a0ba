"""Matrix as `patchwatch run` serves it: an invitation, words, the news they asked for, the operator's line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.channels.registry import send_test, serve_channels
from bot.config import Config, load_config
from bot.delivery.outbox import enqueue_changes
from storage import source_health
from storage.changes import add_changes
from storage.store import Store
from tests import build
from tests.advisories.test_filters import DRAFT, NOW
from tests.servers.synapse import Person, Synapse

pytestmark = pytest.mark.server


def config_of(folder: Path, synapse: Synapse, bot: Person, alerts: str = "") -> Config:
    environment = {
        "PATCHWATCH_MATRIX_TOKEN": bot.token,
        "PATCHWATCH_MATRIX_HOMESERVER": synapse.url,
        "PATCHWATCH_MATRIX_USER": bot.user,
        "PATCHWATCH_MATRIX_ALLOWED_SERVERS": "localhost",
        "PATCHWATCH_ALERTS_DESTINATION": alerts,
    }
    return load_config(data=folder, environment=environment)


async def until(serving: asyncio.Task[None], holds: Callable[[], bool]) -> None:
    """Asked again and again while it serves, at most for thirty seconds."""
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(holds) and not serving.done():
            await asyncio.wait([serving], timeout=0.05)


def test_serving(store: Store, tmp_path: Path, synapse: Synapse) -> None:
    """The bot joins, keeps the subscription, sends the fix and tells the operator; it stops when it is told."""
    alice, bot = synapse.person("served-alice"), synapse.person("served-bot")
    desk, room = alice.create_room(bot.user), alice.create_room(bot.user)

    def said(where: str) -> list[str]:
        return [one["body"].split("\n")[0] for one in alice.messages(where, bot.user)]

    async def serve() -> None:
        stop = asyncio.Event()
        serving = asyncio.create_task(
            serve_channels(store, config_of(tmp_path, synapse, bot, f"matrix:{desk}"), [build.topic()], stop)
        )
        await until(serving, lambda: {desk, room} <= set(bot.rooms()))
        alice.say(room, "!subscribe copy-fail debian/12")
        await until(serving, lambda: len(said(room)) == 1)
        with store.write() as connection:
            enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW)
            source_health.add_note(connection, "debian is held", at=NOW)
        await until(serving, lambda: len(said(room)) == 2 and len(said(desk)) == 1)
        stop.set()
        async with asyncio.timeout(10):
            await serving

    asyncio.run(serve())
    assert said(room) == ["Subscription 1: copy-fail debian/12", "Copy Fail"]
    assert said(desk) == ["patchwatch: for the operator"]


def test_the_test_message(store: Store, tmp_path: Path, synapse: Synapse) -> None:
    """It arrives, or says what is wrong, without the names of rooms."""
    alice, bot = synapse.person("test-alice"), synapse.person("test-bot")
    room = alice.create_room(bot.user)
    config = config_of(tmp_path, synapse, bot)
    refused = asyncio.run(send_test(store, config, f"matrix:{room}"))
    assert refused == "M_FORBIDDEN User [person] not in room [room] and room previews are disabled"
    bot.join(room)
    assert asyncio.run(send_test(store, config, f"matrix:{room}")) is None
    assert len(alice.messages(room, bot.user)) == 1
