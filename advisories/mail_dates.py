"""The Date field: lenient in form, strict in what is believed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DATE = re.compile(
    r"(?:[A-Za-z]{2,9}\.?,?\s{1,3})?([0-9]{1,2})[\s-]{1,3}([A-Za-z]{3})[a-z]{0,6}[\s-]{1,3}([0-9]{4})\s{1,3}"
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?:\.[0-9]{1,6})?\s{0,3}([+-][0-9]{1,9}|[A-Za-z]{1,5})?"
)
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "CET": 1, "CEST": 2}
_EARLIEST = datetime(1991, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=2)


def parse_date(field: str, received_at: datetime | None) -> datetime | None:
    """The Date field as UTC; None when unreadable, outside 1991 to 2099 or more than two days after `received_at`.

    An impossible zone ("+9900", "-2500", "+999999") counts as +0000, as archives do.
    """
    match = _DATE.match(field.strip()[:100])
    month = _MONTHS.get(match[2].lower()) if match else None
    if match is None or month is None:
        return None
    try:
        local = datetime(
            int(match[3]), month, int(match[1]), int(match[4]), int(match[5]), min(int(match[6] or 0), 59), tzinfo=UTC
        )
        sent_at = local - _offset(match[7] or "")
    except (ValueError, OverflowError):
        return None
    if not _EARLIEST <= sent_at < _LATEST or (received_at is not None and sent_at > received_at + _AHEAD):
        return None
    return sent_at


def _offset(zone: str) -> timedelta:
    if zone[:1] not in {"+", "-"}:
        return timedelta(hours=_ZONES.get(zone.upper(), 0))
    digits = zone[1:]
    hours, minutes = (int(digits[:-2] or 0), int(digits[-2:])) if len(digits) in {3, 4} else (0, 0)
    if hours > 14 or minutes > 59:
        return timedelta(0)
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
