"""A clock that ran ahead and is set back (row 16): what was put off meanwhile does not wait for its date to come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.channels.base import NotSent
from bot.delivery.deliver import Deliverer
from bot.delivery.folding import Folder
from bot.messages.compose import Composer
from bot.messages.timing import Timing, write_timing
from storage import delivery
from storage import delivery_settings as wishes
from storage.changes import add_changes
from storage.delivery import DueDestination, Owed
from storage.delivery_tables import deliveries
from storage.migrate import upgrade
from storage.store import Store, open_store
from tests.advisories.test_filters import DRAFT

NOON = datetime(2027, 3, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


class Room:
    """A channel for people that keeps what it got; while it is down it says for how long."""

    kind = "matrix"
    keyed = True
    folds = True

    def __init__(self) -> None:
        self.down = False
        self.got: list[str] = []

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        if self.down:
            raise NotSent("asked to wait", retry_after=3600)
        self.got.append(message)
        return "1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(None, tmp_path)
    upgrade(opened)
    yield opened
    opened.close()


def owe(store: Store, now: datetime, timing: Timing, *, urgent: bool = False) -> None:
    with store.write() as connection:
        place = delivery.ensure_destination(connection, kind="matrix", address="!a:example.org", now=now)
        wishes.save_settings(connection, place, write_timing(timing))
        (change,) = add_changes(connection, [replace(DRAFT, at=now)])
        row = Owed(change_seq=change.seq, destination=place, urgent=urgent, wakes=True, number=1, words="", fold="t")
        delivery.add_deliveries(connection, [row], now=now)


def put_off_until(store: Store) -> datetime:
    with store.read() as connection:
        found: datetime = connection.execute(select(deliveries.c.not_before)).scalar_one()
    return found


def deliver(store: Store, room: Room, *moments: datetime) -> list[int]:
    """How many messages there were after each."""
    clock = [NOON]
    deliverer = Deliverer(store, {"matrix": room}, folder=Folder(Composer()), clock=lambda: clock[0])
    counts = []
    for clock[0] in moments:
        asyncio.run(deliverer.deliver_due())
        counts.append(len(room.got))
    return counts


@pytest.mark.parametrize(("ahead", "counts"), [(DAY, [1, 1, 1]), (timedelta(), [0, 0, 1])])
def test_a_try_that_failed_under_a_wrong_clock(store: Store, ahead: timedelta, counts: list[int]) -> None:
    """Put off by an hour under a clock a day ahead, it goes at once; put off under the right one, it waits its hour."""
    room = Room()
    room.down = True
    owe(store, NOON, Timing(), urgent=True)
    assert deliver(store, room, NOON + ahead) == [0]
    room.down = False
    assert deliver(store, room, NOON + 30 * MINUTE, NOON + 59 * MINUTE, NOON + 61 * MINUTE) == counts


@pytest.mark.parametrize(
    "timing",
    [Timing(quiet_from=22 * 60, quiet_to=7 * 60), Timing(digest="daily"), Timing(digest="weekly")],
    ids=["quiet hours", "daily", "weekly"],
)
@pytest.mark.parametrize("ahead", [DAY, 3 * DAY, 365 * DAY])
def test_news_that_a_wrong_clock_owed_and_put_off(store: Store, timing: Timing, ahead: timedelta) -> None:
    """Dated and put off days ahead: it goes when the clock is right, and once."""
    wrong = NOON + ahead + timedelta(hours=11)  # within the quiet hours
    room = Room()
    owe(store, wrong, timing)
    assert deliver(store, room, wrong, NOON, NOON + DAY, wrong, wrong + 8 * DAY) == [0, 1, 1, 1, 1]


QUIET, WEEKLY = Timing(quiet_from=11 * 60, quiet_to=23 * 60), Timing(digest="weekly")


@pytest.mark.parametrize(
    ("timing", "ahead"), [(QUIET, 0 * DAY), (QUIET, 2 * DAY), (QUIET, 406 * DAY), (WEEKLY, 0 * DAY), (WEEKLY, 2 * DAY)]
)
def test_news_that_waits_for_its_hour_still_does(store: Store, timing: Timing, ahead: timedelta) -> None:
    """Owed at the right time and put off by a wrong clock: it comes at the hour that its reader has asked for; until
    then it is looked at every few hours and not at every turn."""
    room = Room()
    owe(store, NOON, timing)
    opens = NOON + (timedelta(hours=11) if timing is QUIET else timedelta(days=4, hours=20))
    assert deliver(store, room, NOON + ahead) == [0]
    now = NOON
    while now < opens:
        now += timedelta(minutes=30)
        assert deliver(store, room, now) == [int(now >= opens)]
        if now < opens:
            assert timedelta() < put_off_until(store) - now <= timedelta(hours=7)
