"""Killed at random points while all channels send: nothing is lost, and what is repeated is bounded and known."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.app import App
from bot.channels.registry import composer_of, opened_channels
from bot.channels.telegram import Limits, Pace, StoredProgress, TelegramChannel
from bot.config import Config, load_config
from bot.delivery.deliver import IN_FLIGHT, Deliverer
from bot.delivery.outbox import enqueue_changes
from bot.digest.folding import make_folder
from storage import delivery
from storage.changes import add_changes
from storage.delivery_tables import deliveries, destinations
from storage.migrate import upgrade
from storage.store import Store, open_store
from tests import build
from tests.advisories.test_filters import DRAFT, NOW
from tests.servers.fake_telegram import TOKEN, FakeTelegram, fake_telegram
from tests.servers.far_ends import FarEnds, far_ends
from tests.servers.postgres import Postgres, postgres

__all__ = ["postgres"]

FORK = multiprocessing.get_context("fork")  # the child has all that it needs loaded
FAST = Limits(per_second=5000, chat_seconds=0.001, group_seconds=0.001)
ADDRESSES = {
    "telegram": "{number}",
    "matrix": "!room{number}:example.org",
    "mail": "reader{number}@example.org",
    "webhook": "hook{number}",
}


@dataclass(frozen=True, slots=True)
class Rig:
    """The far ends, and the configuration that leads to them. readers: of each channel."""

    ends: FarEnds
    telegram: FakeTelegram
    config: Config
    url: str | None
    readers: int

    @property
    def arrived(self) -> int:
        return self.ends.count + len(self.telegram.messages)

    def opened(self) -> Store:
        return open_store(self.url, self.config.data_dir)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def database_url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


def configured(folder: Path, ends: FarEnds, telegram: FakeTelegram, readers: int) -> Config:
    secret, file = folder / "secret", folder / "patchwatch.toml"
    secret.write_text("s3", encoding="utf-8")
    hooks = [
        f'[webhook.hook{number}]\nurl = "{ends.url}/hooks/hook{number}"\nsecret_file = "{secret}"'
        for number in range(readers)
    ]
    file.write_text("\n".join(hooks), encoding="utf-8")
    environment = {
        "PATCHWATCH_TELEGRAM_TOKEN": TOKEN,
        "PATCHWATCH_TELEGRAM_API_BASE": telegram.url,
        "PATCHWATCH_MATRIX_HOMESERVER": ends.url,
        "PATCHWATCH_MATRIX_TOKEN": "matrix-token",
        "PATCHWATCH_MATRIX_USER": "@patchwatch:example.org",
        "PATCHWATCH_MAIL_HOST": "127.0.0.1",
        "PATCHWATCH_MAIL_PORT": str(ends.smtp_port),
        "PATCHWATCH_MAIL_STARTTLS": "false",
        "PATCHWATCH_MAIL_FROM": "bot@example.org",
    }
    return load_config(config=file, data=folder / "data", environment=environment)


def owe_all(rig: Rig) -> None:
    """One urgent fix for every reader of every channel."""
    store = rig.opened()
    upgrade(store)
    with store.write() as connection:
        for kind, shape in ADDRESSES.items():
            for number in range(rig.readers):
                address = shape.format(number=number)
                one = delivery.ensure_destination(connection, kind=kind, address=address, now=NOW)
                delivery.add_subscription(connection, one, "copy-fail debian/12", now=NOW)
        enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW)
    store.close()


def deliver_all(rig: Rig, now: datetime) -> None:
    """What `patchwatch run` does with what is due, without Telegram's pace; by the channels' own composition."""
    store = rig.opened()

    async def run() -> None:
        topics = [build.topic()]
        folder = make_folder(
            App(config=rig.config, topics=tuple(topics), store=store), composer_of(rig.config, topics), waited=True
        )
        async with opened_channels(store, rig.config) as channels:
            channels["telegram"] = TelegramChannel(
                TOKEN, api_base=rig.telegram.url, pace=Pace(FAST), progress=StoredProgress(store)
            )
            await Deliverer(store, channels, folder=folder, clock=lambda: now).deliver_due()

    asyncio.run(run())
    store.close()


def child(rig: Rig, now: datetime) -> None:
    deliver_all(rig, now)
    os._exit(0)


def kill_often(rig: Rig, kills: int, chance: random.Random) -> int:
    """Delivers, killed at a random point again and again, then to the end; returns how often it was killed."""
    done = 0
    step = max(2, 2 * 4 * rig.readers // (kills + 1))
    for number in range(kills):  # each begins after the leases of the one before have run out
        process = FORK.Process(target=child, args=(rig, NOW + timedelta(minutes=3 * number)))
        process.start()
        wanted = rig.arrived + chance.randint(0, step)
        while process.is_alive() and rig.arrived < wanted:
            process.join(0.001)
        time.sleep(chance.random() * 0.005)
        if not process.is_alive():
            break
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        done += 1
    last = FORK.Process(target=child, args=(rig, NOW + timedelta(minutes=3 * kills)))
    last.start()
    last.join()
    assert last.exitcode == 0
    return done


def retried(rig: Rig) -> set[tuple[str, str]]:
    """(channel, address) of what was leased more than once: that it may have been repeated is in the ledger."""
    store = rig.opened()
    with store.read() as connection:
        query = select(destinations.c.kind, destinations.c.address).join(
            deliveries, deliveries.c.destination == destinations.c.id
        )
        found = {(kind, address) for kind, address in connection.execute(query.where(deliveries.c.tries > 1))}
        states = Counter(connection.execute(select(deliveries.c.state)).scalars())
    store.close()
    assert states == {"sent": 4 * rig.readers}
    return found


def check(rig: Rig, kills: int) -> None:
    """Everybody has it. Once in rooms and at receivers that keep the key; elsewhere at most what was in flight twice,
    which the ledger knows of, and under the same Message-ID."""
    names = {kind: {shape.format(number=n) for n in range(rig.readers)} for kind, shape in ADDRESSES.items()}
    told, mailed = Counter(one.chat for one in rig.telegram.messages), rig.ends.mailed()
    assert set(told) == names["telegram"]
    assert set(rig.ends.events) == names["matrix"]
    assert set(rig.ends.posts) == names["webhook"]
    assert set(mailed) == names["mail"]
    assert {len(one) for one in (*rig.ends.events.values(), *rig.ends.posts.values(), *mailed.values())} == {1}
    assert {len(one) for one in rig.ends.bodies.values()} == {1}
    repeats = {
        "telegram": {chat for chat, times in told.items() if times > 1},
        "mail": {reader for reader, ids in mailed.items() if ids.total() > 1},
        "webhook": {name for name, keys in rig.ends.posts.items() if keys.total() > 1},
    }
    assert sum(told.values()) - rig.readers <= IN_FLIGHT * kills
    assert sum(ids.total() for ids in mailed.values()) - rig.readers <= IN_FLIGHT * kills
    assert {(kind, name) for kind, found in repeats.items() for name in found} <= retried(rig)


def run_killed(folder: Path, url: str | None, *, readers: int, kills: int, seed: int) -> int:
    with far_ends() as ends, fake_telegram() as telegram:
        rig = Rig(ends, telegram, configured(folder, ends, telegram, readers), url, readers)
        owe_all(rig)
        done = kill_often(rig, kills, random.Random(seed))
        check(rig, done)
    return done


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """What the channels load at first use is loaded once, not in every child."""
    for name in ("aiogram.methods", "aiosmtplib", "nio", "bot.channels.telegram.raw"):
        import_module(name)


def test_nothing_is_lost_on_any_channel(tmp_path: Path, database_url: str | None) -> None:
    """Two hundred deliveries over four channels, killed eight times."""
    assert run_killed(tmp_path, database_url, readers=50, kills=8, seed=3) >= 4


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path, database_url: str | None) -> None:
    """Ten thousand deliveries over four channels, killed two hundred times."""
    assert run_killed(tmp_path, database_url, readers=2500, kills=200, seed=5) >= 150
