"""The channels as `patchwatch run` serves them: what is owed is sent, words are answered, the operator is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.channels.registry import deliver_pending, send_test, serve_channels
from bot.config import Config, load_config
from bot.delivery.outbox import enqueue_changes
from storage import delivery, source_health
from storage.changes import add_changes
from storage.store import Store, open_store
from storage.tables import metadata
from tests import build
from tests.advisories.test_filters import DRAFT, NOW
from tests.servers.fake_telegram import TOKEN, FakeTelegram, fake_telegram


def config_of(folder: Path, fake: FakeTelegram, **more: str) -> Config:
    environment = {
        "PATCHWATCH_TELEGRAM_TOKEN": TOKEN,
        "PATCHWATCH_TELEGRAM_API_BASE": fake.url,
        "PATCHWATCH_ALERTS_DESTINATION": "telegram:99",
        **more,
    }
    return load_config(data=folder, environment=environment)


def owing_store(folder: Path) -> Store:
    store = open_store(None, folder)
    metadata.create_all(store.engine)
    with store.write() as connection:
        chat = delivery.ensure_destination(connection, kind="telegram", address="7", now=NOW)
        delivery.add_subscription(connection, chat, "copy-fail debian/12", now=NOW)
        enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW)
        source_health.add_note(connection, "debian is held", at=NOW)
    return store


async def served_until(store: Store, config: Config, fake: FakeTelegram, count: int) -> None:
    """Serves until that many messages have arrived, at most for twenty seconds; then stops as on SIGTERM."""
    stop = asyncio.Event()
    serving = asyncio.create_task(serve_channels(store, config, [build.topic()], stop))
    for _ in range(400):
        if len(fake.messages) >= count or serving.done():
            break
        await asyncio.wait([serving], timeout=0.05)
    stop.set()
    await asyncio.wait_for(serving, 10)


def test_serving(tmp_path: Path) -> None:
    """One run: the fix goes to its reader, the answer to who asked, the line to the operator; the menu is shown."""
    store = owing_store(tmp_path)
    with fake_telegram() as fake:
        fake.say(1, "/topics", chat=8)
        asyncio.run(served_until(store, config_of(tmp_path, fake), fake, 3))
    assert sorted((one.chat, one.text.split("\n")[0]) for one in fake.messages) == [
        ("7", "Copy Fail"),
        ("8", "Topics"),
        ("99", "patchwatch: for the operator"),
    ]
    assert fake.calls["setMyCommands"] == 1
    store.close()


def test_without_a_token_telegram_is_off(tmp_path: Path) -> None:
    """Nothing is sent and nothing is lost; a test message says that the channel is off."""
    store = owing_store(tmp_path)
    with fake_telegram() as fake:
        config = config_of(tmp_path, fake, PATCHWATCH_TELEGRAM_TOKEN="")
        asyncio.run(deliver_pending(store, config, [build.topic()]))
        assert asyncio.run(send_test(store, config, "telegram:7")) == "telegram is off: it is not configured"
        assert fake.messages == []
        asyncio.run(deliver_pending(store, config_of(tmp_path, fake), [build.topic()]))
        assert [one.chat for one in fake.messages] == ["7"]
    store.close()


def test_the_test_message(tmp_path: Path) -> None:
    """It arrives, or says what is wrong, and is in no ledger."""
    store = owing_store(tmp_path)
    with fake_telegram() as fake:
        config = config_of(tmp_path, fake)
        assert asyncio.run(send_test(store, config, "telegram:5/42")) is None
        assert [(one.chat, one.thread) for one in fake.messages] == [("5", "42")]
        fake.faults["5"].append("403:Forbidden: bot was blocked by the user")
        assert asyncio.run(send_test(store, config, "telegram:5")) == "Forbidden: bot was blocked by the user"
        assert str(asyncio.run(send_test(store, config, "nowhere"))).startswith("a destination is telegram:")
    store.close()
