"""A source that falls silent, or serves an old copy for days, is told to the operator once (TRUST S6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import App
from bot.watchdog import note_stale
from sources.registry import find_source
from storage import source_health
from tests.bot.stores import application
from tests.build import at

KEV = find_source("kev")
LIMIT = timedelta(seconds=KEV.stale_after_seconds)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with application(tmp_path) as opened:
        with opened.store.write() as connection:
            source_health.claim(connection, "kev", now=at(), until=at(1))
            source_health.record_good(connection, "kev", now=at(), next_due_at=at(1))
            source_health.note_newest(connection, "kev", at())
        yield opened


def test_silence_past_the_contract_is_noted_once(app: App) -> None:
    """One line naming the source, and none per tick."""
    assert note_stale(app.store, ["kev"], now=at() + LIMIT) == []
    late = at() + LIMIT + timedelta(minutes=1)
    (line,) = note_stale(app.store, ["kev"], now=late)
    assert line.startswith("kev is stale: no good fetch for longer than ")
    assert note_stale(app.store, ["kev"], now=late + timedelta(hours=1)) == []


def test_an_old_copy_served_for_days_is_noted_although_each_fetch_is_good(app: App) -> None:
    """A frozen proxy answers 200 and says nothing new."""
    late = at() + LIMIT + timedelta(minutes=1)
    with app.store.write() as connection:
        source_health.record_good(connection, "kev", now=late, next_due_at=late)
    (line,) = note_stale(app.store, ["kev"], now=late)
    assert line.startswith("kev is stale: its list has not changed for longer than ")
    with app.store.write() as connection:
        source_health.note_newest(connection, "kev", late)
    assert note_stale(app.store, ["kev"], now=late) == []


def test_a_source_that_is_not_asked_is_left_alone(app: App) -> None:
    """Switched off, or unknown here."""
    assert note_stale(app.store, ["debian"], now=at() + LIMIT * 9) == []
