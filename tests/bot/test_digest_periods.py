"""When a digest is due: every day or Monday at 08:00 where the reader lives, over clock changes and odd years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.digest.periods import MailWishes, Period, current_period, opens_for


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("often", "zone", "now", "key", "opened"),
    [
        ("weekly", "UTC", "2026-05-06T12:00", "2026-W19", "2026-05-04T08:00"),
        ("weekly", "UTC", "2026-05-04T07:59:59", "2026-W18", "2026-04-27T08:00"),
        ("weekly", "UTC", "2026-05-04T08:00", "2026-W19", "2026-05-04T08:00"),
        ("weekly", "UTC", "2027-01-01T12:00", "2026-W53", "2026-12-28T08:00"),
        ("weekly", "UTC", "2027-01-04T08:00", "2027-W01", "2027-01-04T08:00"),
        ("weekly", "UTC", "2024-12-31T12:00", "2025-W01", "2024-12-30T08:00"),
        ("daily", "UTC", "2028-02-29T09:00", "2028-02-29", "2028-02-29T08:00"),
        ("daily", "UTC", "2028-03-01T07:00", "2028-02-29", "2028-02-29T08:00"),
        ("daily", "Europe/Berlin", "2026-03-28T08:00", "2026-03-28", "2026-03-28T07:00"),
        ("daily", "Europe/Berlin", "2026-03-29T06:00", "2026-03-29", "2026-03-29T06:00"),
        ("daily", "Europe/Berlin", "2026-10-25T07:00", "2026-10-25", "2026-10-25T07:00"),
        ("daily", "Europe/Berlin", "2026-10-25T06:59", "2026-10-24", "2026-10-24T06:00"),
        ("daily", "Pacific/Auckland", "2026-05-03T20:00", "2026-05-04", "2026-05-03T20:00"),
        ("daily", "America/Los_Angeles", "2026-05-04T14:59", "2026-05-03", "2026-05-03T15:00"),
        ("daily", "Pacific/Apia", "2011-12-30T18:00", "2011-12-31", "2011-12-30T18:00"),  # it had no 30 December
        ("daily", "Asia/Kathmandu", "2026-05-04T02:15", "2026-05-04", "2026-05-04T02:15"),
        ("weekly", "Nowhere/Else", "2026-05-04T08:00", "2026-W19", "2026-05-04T08:00"),
    ],
)
def test_the_period_that_opened_last(often: str, zone: str, now: str, key: str, opened: str) -> None:
    """Its name is of the reader's own calendar, its opening the same instant whatever the clocks do."""
    found = current_period(MailWishes(digest=often, zone=zone), utc(now))
    assert found == Period(key=key, opens_at=utc(opened))


def count_digests(wishes: MailWishes, start: datetime, hours: int) -> list[str]:
    """Periods of the digests made when something new is owed every hour and the clock is looked at every half hour."""
    made: list[str] = []
    owed: list[datetime] = []
    for half in range(hours * 2):
        now = start + timedelta(minutes=30 * half)
        if half % 2 == 0:
            owed.append(now - timedelta(minutes=1))
        period = current_period(wishes, now)
        if owed and opens_for(wishes, now, oldest=owed[0], made=period.key in made) is None:
            made.append(period.key)
            owed.clear()
    return made


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe"]
)
def test_one_digest_a_day_all_year(zone: str) -> None:
    """Over a whole year with both clock changes there is exactly one digest a day, none left out, none twice."""
    made = count_digests(MailWishes(digest="daily", zone=zone), utc("2028-01-01T00:00"), 24 * 366)
    assert (len(made), len(set(made))) == (366, 366)
    assert "2028-02-29" in made


def test_one_digest_a_week_over_week_53() -> None:
    """Week 53 has its digest, and week 1 its own."""
    made = count_digests(MailWishes(digest="weekly", zone="Europe/Berlin"), utc("2026-12-14T00:00"), 24 * 35)
    assert made == ["2026-W51", "2026-W52", "2026-W53", "2027-W01", "2027-W02"]


def test_a_clock_that_jumps() -> None:
    """Set back over the opening it makes no second digest; what is owed "in the future" does not wait for it."""
    wishes = MailWishes(digest="daily", zone="UTC")
    now = utc("2026-05-04T08:10")
    assert opens_for(wishes, now, oldest=utc("2026-05-03T12:00"), made=True) == utc("2026-05-05T08:00")
    assert opens_for(wishes, now, oldest=utc("2030-01-01T12:00"), made=False) is None
    assert opens_for(wishes, now, oldest=utc("2030-01-01T12:00"), made=True) == utc("2026-05-05T08:00")
    assert opens_for(wishes, utc("2026-05-04T07:50"), oldest=utc("2026-05-03T12:00"), made=False) == utc(
        "2026-05-04T08:00"
    )


def test_whoever_joins_waits_for_the_next_opening() -> None:
    """News of Wednesday does not come on Wednesday because Monday had no digest."""
    wishes = MailWishes(digest="weekly")
    wednesday = utc("2026-05-06T12:00")
    assert opens_for(wishes, wednesday, oldest=wednesday, made=False) == utc("2026-05-11T08:00")
