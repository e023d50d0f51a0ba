"""A source that falls silent, or serves an old copy for days, is told to the operator once (TRUST S6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import App
from bot.ingest.watchdog import failure_line, note_stale
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


def failing(app: App, *names: str, failures: int = 3) -> list[str | None]:
    """The line for each of the sources when it has failed so often, in order."""
    lines = []
    with app.store.write() as connection:
        for name in names:
            source_health.claim(connection, name, now=at(2), until=at(3), due_only=False)
            for hours in range(2, 2 + failures):
                source_health.record_failure(
                    connection, name, now=at(hours), next_due_at=at(9), kind="network", text="no route", url="https://x"
                )
            lines.append(failure_line(connection, name, failures, "no route"))
    return lines


def test_one_failing_source_is_told_by_name(app: App) -> None:
    """The rest goes on."""
    assert failing(app, "debian") == ["debian has failed 3 times: no route. It is asked again; the rest goes on."]


def test_when_no_source_answers_it_is_one_line_for_all(app: App) -> None:
    """TRUST row 62: one alert, not forty; and another one after the network was back for a while."""
    lines = failing(app, "kev", "debian", "ubuntu", "redhat", "suse")
    assert [line is None for line in lines] == [False, False, False, True, True]
    assert str(lines[2]).startswith("no source has answered since 2026-04-22 12:00 UTC (3 fail; ubuntu: no route).")
    with app.store.write() as connection:
        for name in ("kev", "debian", "ubuntu", "redhat", "suse"):
            source_health.record_good(connection, name, now=at(20), next_due_at=at(21))
    again = failing_later(app)
    assert [line is None for line in again] == [False, False, False, True]


def failing_later(app: App) -> list[str | None]:
    lines = []
    with app.store.write() as connection:
        for name in ("kev", "debian", "ubuntu", "redhat"):
            source_health.record_failure(
                connection, name, now=at(30), next_due_at=at(31), kind="network", text="no route", url="https://x"
            )
            lines.append(failure_line(connection, name, 3, "no route"))
    return lines
