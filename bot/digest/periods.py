"""Days and weeks of digests in a reader's own time zone: when one opens, and what it is called. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.messages.timing import DIGEST_AT, Timing, digest_after, is_zone, was_ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class MailWishes:
    """A reader's settings; the keys that chats have too mean the same. digest: off | daily | weekly.
    urgent: what is urgent comes at once, else in the digest as well."""

    digest: str = "weekly"
    zone: str = "UTC"
    urgent: bool = True
    quiet_from: int = 0
    quiet_to: int = 0

    @property
    def timing(self) -> Timing:
        return Timing(quiet_from=self.quiet_from, quiet_to=self.quiet_to, zone=self.zone, digest=self.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A day (2026-10-25) or week (2026-W53) that begins when its digest opens, at 08:00 in the reader's zone."""

    key: str
    opens_at: datetime


def current_period(wishes: MailWishes, now: datetime) -> Period:
    """The day or week whose digest opened last."""
    zone = ZoneInfo(wishes.zone if is_zone(wishes.zone) else "UTC")
    day = now.astimezone(zone).date()
    for back in range(9):
        candidate = day - timedelta(days=back)
        opens_at = datetime.combine(candidate, DIGEST_AT, tzinfo=zone).astimezone(UTC)
        if opens_at <= now and (wishes.digest != "weekly" or candidate.weekday() == 0):
            return Period(key=_key(wishes, opens_at.astimezone(zone).date()), opens_at=opens_at)
    raise AssertionError("nine days hold a Monday")


def _key(wishes: MailWishes, day: date) -> str:
    if wishes.digest != "weekly":
        return day.isoformat()
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def opens_for(wishes: MailWishes, now: datetime, *, oldest: datetime, made: bool) -> datetime | None:
    """When news of which the oldest is owed since `oldest` may go out; None: now. made: this period had its digest."""
    if made:
        return digest_after(wishes.timing, now)
    if was_ahead(oldest, now):
        return None
    due = digest_after(wishes.timing, oldest)
    return due if due > now else None
