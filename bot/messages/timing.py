"""When a destination wants to hear: quiet hours, digests, and the pause between two sounds. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storage.codec import from_text, to_text
from storage.due import CLOCK_TOLERANCE

SETTLE = timedelta(seconds=15)  # sources are polled within seconds of each other: their news becomes one message
PAUSE = timedelta(seconds=30)  # between two sounds that are not urgent: a burst becomes one message, news is not old
LATE = timedelta(hours=1)  # what waits longer than this was held up by an outage: it comes as one digest
DIGEST_AT = time(8)
_HOURS = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}")


class TimingError(Exception):
    """Quiet hours that cannot be read; the text is fit to be sent back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A destination's settings. quiet_from, quiet_to: minutes after midnight in `zone`, equal for none."""

    quiet_from: int = 0
    quiet_to: int = 0
    zone: str = "UTC"
    digest: str = "off"  # off | daily | weekly

    @property
    def has_quiet_hours(self) -> bool:
        return self.quiet_from != self.quiet_to


def read_timing(settings: str) -> Timing:
    return from_text(settings or "{}", Timing)


def write_timing(timing: Timing) -> str:
    return to_text(timing)


def parse_quiet(words: str, timing: Timing) -> Timing:
    """ "22:00-07:00 Europe/Berlin" or "off". Raises TimingError."""
    parts = words.split()
    if parts == ["off"]:
        return replace(timing, quiet_from=0, quiet_to=0)
    found = _HOURS.fullmatch(parts[0]) if 1 <= len(parts) <= 2 else None
    if found is None:
        raise TimingError("quiet hours look like this: quiet 22:00-07:00 Europe/Berlin (or: quiet off)")
    first, second = (int(found[1]) * 60 + int(found[2])), (int(found[3]) * 60 + int(found[4]))
    if first >= 24 * 60 or second >= 24 * 60 or int(found[2]) > 59 or int(found[4]) > 59:
        raise TimingError("a day has the hours 00:00 to 23:59")
    zone = parts[1] if len(parts) == 2 else timing.zone
    if not is_zone(zone):
        raise TimingError("that is no time zone; write it as Europe/Berlin, America/New_York or UTC")
    return replace(timing, quiet_from=first, quiet_to=second, zone=zone)


def is_zone(name: str) -> bool:
    if name == "UTC":
        return True
    if _ZONE.fullmatch(name) is None:
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_quiet(timing: Timing, now: datetime) -> bool:
    """Whether `now` is within the quiet hours, which may span midnight."""
    if not timing.has_quiet_hours:
        return False
    local = now.astimezone(_zone(timing))
    minute = local.hour * 60 + local.minute
    if timing.quiet_from < timing.quiet_to:
        return timing.quiet_from <= minute < timing.quiet_to
    return minute >= timing.quiet_from or minute < timing.quiet_to


def opens_at(
    timing: Timing, now: datetime, *, oldest: datetime, sounded_at: datetime | None, waited: bool
) -> datetime | None:
    """When news that is not urgent may go out; None: now. `oldest`: since when the oldest of it is owed. `waited`: the
    times in which news gathers do not apply."""
    if timing.digest != "off":
        due = digest_after(timing, oldest)
        return due if due > now and not was_ahead(oldest, now) else None
    if is_quiet(timing, now):
        return _next_minute(timing, now, timing.quiet_to)
    if waited:
        return None
    if sounded_at is not None and sounded_at <= now < sounded_at + PAUSE:
        return sounded_at + PAUSE
    if oldest <= now < oldest + SETTLE:
        return oldest + SETTLE
    return None


def was_ahead(oldest: datetime, now: datetime) -> bool:
    """Whether news was owed by a clock that is set back since: it does not wait for its date to come round."""
    return oldest > now + CLOCK_TOLERANCE


def digest_after(timing: Timing, moment: datetime) -> datetime:
    """The first digest time after `moment`: every day, or Mondays, at 08:00 in the zone."""
    local = moment.astimezone(_zone(timing))
    day = local.date()
    for _ in range(9):
        candidate = datetime.combine(day, DIGEST_AT, tzinfo=_zone(timing))
        if candidate > local and (timing.digest != "weekly" or day.weekday() == 0):
            return candidate.astimezone(UTC)
        day += timedelta(days=1)
    raise AssertionError("nine days hold a Monday")


def _next_minute(timing: Timing, now: datetime, minute: int) -> datetime:
    local = now.astimezone(_zone(timing))
    candidate = datetime.combine(local.date(), time(minute // 60, minute % 60), tzinfo=_zone(timing))
    if candidate.astimezone(UTC) <= now:
        day = local.date() + timedelta(days=1)
        candidate = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=_zone(timing))
    return candidate.astimezone(UTC)


def _zone(timing: Timing) -> ZoneInfo:
    return ZoneInfo(timing.zone if is_zone(timing.zone) else "UTC")
