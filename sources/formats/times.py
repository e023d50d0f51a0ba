"""Dates of foreign documents as aware UTC times; what is no date is None."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

# "2026-05-04", "2026-05-04 09:00", "2026-05-04T09:00:00.123456+00:00": with or without zone, seconds and time of day
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2}| UTC| GMT)?"
)
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z


def as_utc(value: datetime | None) -> datetime | None:
    """`value` in UTC, where no zone is UTC; None for a time that UTC cannot hold."""
    if value is None or value.tzinfo is None:
        return None if value is None else value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return None


def read_time(text: str | None) -> datetime | None:
    """A time in one of the forms of ISO 8601 that vendors write, to the second; no zone is UTC."""
    found = _TIME.fullmatch(text.strip()) if text and len(text) <= 64 else None
    if found is None:
        return None
    day, minutes, seconds, zone = found.groups()
    offset = zone if zone and zone[0] in "+-" else "+00:00"
    try:
        return as_utc(datetime.fromisoformat(f"{day}T{minutes or '00:00'}{seconds or ':00'}{offset}"))
    except ValueError:
        return None


def from_seconds(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a time to the second; None when that is no time of ours."""
    if seconds is None or not 0 < seconds <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(int(seconds), tz=UTC)


def day_of(value: datetime | None) -> date | None:
    return None if value is None else value.date()
