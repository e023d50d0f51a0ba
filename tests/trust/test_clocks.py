"""Clocks that jump, leap days and restart storms (rows 13, 16, 17): polls go on, nothing is repeated, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import App
from bot.ingest.poll import Poller, PollReport
from bot.service import _is_due
from sources.base import Batch, FetchContext
from sources.git import GitDoor
from sources.http import HttpDoor
from sources.registry import find_source
from storage import source_health
from tests.bot.stores import application
from tests.sources.kernel_cna import records as cna
from tests.trust.recordings import load_advisory
from tests.trust.subscribers import notes, owed, subscribe
from tests.trust.test_incidents import EVERY
from tests.trust.test_storms import POLICY, names

START = datetime(2027, 3, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=366)


class Clock:
    """A clock that a test sets; it never gives the same time twice."""

    at = START

    @classmethod
    def now(cls) -> datetime:
        cls.at += timedelta(milliseconds=1)
        return cls.at


class Counted:
    """A source that counts how often it is asked and gives all it has."""

    def __init__(self) -> None:
        self.asked = 0
        self.cves: list[str] = []
        self.titles: dict[str, str] = {}

    def fetch(self, context: FetchContext) -> Iterator[Batch]:
        self.asked += 1
        bodies = [(name, cna.record(name, title=self.titles.get(name, name))) for name in self.cves]
        documents = [cna.raw(body, f"{name}.json", at=Clock.now()) for name, body in bodies]
        yield Batch(documents=tuple(documents), checkpoint={"asked": str(self.asked)})


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    found = replace(find_source("kernel-cna"), fetch=counted.fetch)
    monkeypatch.setattr("bot.ingest.poll.find_source", lambda name: found)
    Clock.at = START
    return counted


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with application(tmp_path, topics=[EVERY]) as opened:
        subscribe(opened)
        yield opened


def tick(app: App) -> PollReport | None:
    """What the schedule does with this source at a tick."""
    with app.store.read() as connection:
        health = source_health.load_health(connection, "kernel-cna")
    if not _is_due(health, Clock.at):
        return None
    git = GitDoor(root=app.config.data_dir / "git", policy=POLICY)
    poller = Poller(config=app.config, intake=app.intake, http=HttpDoor(POLICY), git=git, clock=Clock.now)
    return poller.poll("kernel-cna", due_only=True)


@pytest.mark.parametrize("jump", [YEAR, -YEAR, timedelta(hours=26), -timedelta(hours=26), timedelta(minutes=-5)])
def test_a_clock_that_jumps_costs_no_poll_and_repeats_nothing(app: App, source: Counted, jump: timedelta) -> None:
    """Forward or back, and back again: the source is asked within its interval, what it says anew is told once, and
    the later word counts, whatever the dates say."""
    interval = timedelta(seconds=find_source("kernel-cna").interval_seconds)
    source.cves = names(10_000, 10_003)
    tick(app)
    for number, moved in enumerate((jump, -jump, jump), start=1):
        Clock.at += moved + interval + timedelta(seconds=1)
        source.cves = names(10_000, 10_003 + number)
        report = tick(app) or _later(app, interval)
        assert (report.busy, report.error) == (False, None)
    assert source.asked == 4
    assert owed(app) == [("advisory_new", name) for name in names(10_003, 10_006)]
    assert len(notes(app)) == 1


def _later(app: App, interval: timedelta) -> PollReport:
    Clock.at += interval
    report = tick(app)
    assert report is not None
    return report


def test_what_a_wrong_clock_dated_does_not_silence_what_comes_after(app: App, source: Counted) -> None:
    """A record that was fetched a year ahead is overtaken by today's word about it."""
    source.cves = names(10_000, 10_001)
    tick(app)
    Clock.at += YEAR
    source.cves = names(10_000, 10_002)
    tick(app)
    Clock.at -= YEAR - timedelta(days=1)
    source.titles["CVE-2026-10001"] = "another title"
    report = tick(app)
    assert report is not None
    assert (report.busy, report.error) == (False, None)
    found = load_advisory(app, "CVE-2026-10001")
    assert found is not None
    assert found.title == "another title"


@pytest.mark.parametrize("day", [datetime(2028, 2, 28, 23, 59, tzinfo=UTC), datetime(2028, 12, 31, 23, 59, tzinfo=UTC)])
def test_a_leap_day_and_a_new_year_are_days_like_others(app: App, source: Counted, day: datetime) -> None:
    """One poll before, one after, at the source's interval."""
    Clock.at = day
    interval = timedelta(seconds=find_source("kernel-cna").interval_seconds)
    asked = []
    for _ in range(200):
        tick(app)
        asked.append(source.asked)
        Clock.at += interval / 100
    assert (asked[0], asked[-1]) == (1, 2)


def test_a_hundred_restarts_ask_no_more_than_one_run(tmp_path: Path, source: Counted) -> None:
    """Row 13: what is due stands in the tables. A hundred restarts within five minutes are one request, and no news is
    told twice."""
    source.cves = names(10_000, 10_002)
    with application(tmp_path, topics=[EVERY]) as app:
        subscribe(app)
        with app.store.write() as connection:
            source_health.set_baseline_done(connection, "kernel-cna", "", at=START)
    for _ in range(100):
        Clock.at += timedelta(seconds=3)
        with application(tmp_path, topics=[EVERY]) as app:
            tick(app)
    assert source.asked == 1
    with application(tmp_path, topics=[EVERY]) as app:
        assert owed(app) == [("advisory_new", name) for name in names(10_000, 10_002)]
