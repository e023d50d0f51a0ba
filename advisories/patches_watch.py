"""What the alarms that a topic turns on share: how far the sources were read, and what was noticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from advisories.landings_missing import NOTHING_CARRIED, Carried
from advisories.model import Evidence
from advisories.patches import Patch
from advisories.topics import Topic
from advisories.words import Alarm

RECENT = timedelta(days=30)  # older ones are history: in the ledger, never sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far our sources were read when an alarm is judged.

    at: the cycle's own time. read: of each source of mail and commits that is polled, when it was last read well, None
    while its first reading goes on; empty in a replay, where the recording's time is all there is. mainline: until when
    mainline was read, None when it never was. began: the first reading that ended last; what was so before is no news.
    """

    at: datetime
    read: Mapping[str, datetime | None] = field(default_factory=dict)
    mainline: datetime | None = None
    began: datetime | None = None

    def is_past(self, due: datetime) -> bool:
        """Whether everything was read after that time: what is not there by then is missing, not unread."""
        return self.at >= due and all(one is not None and one >= due for one in self.read.values())

    def is_news(self, due: datetime) -> bool:
        return due + RECENT >= self.at and (self.began is None or due > self.began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """One alarm of a patch. cause: what makes it this alarm and no other; due_at: since when it holds."""

    alarm: Alarm
    patch: Patch
    cause: str
    due_at: datetime
    text: str
    evidence: Evidence
    wakes: bool = True
    tree: str | None = None
    branch: str | None = None
    distro: str | None = None
    release: str | None = None
    package: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The patches of all topics, what their advisories say beside the trees, and how far was read."""

    patches: Sequence[Patch]
    topics: Sequence[Topic]
    reading: Reading
    carried_by: Callable[[Patch], Carried] = lambda patch: NOTHING_CARRIED

    def asking(self, alarm: Alarm) -> list[Patch]:
        """The patches of the topics that turn this alarm on, in order of their first sight."""
        slugs = {one.slug for one in self.topics if alarm in one.alarms}
        found = [one for one in self.patches if not slugs.isdisjoint(one.topics)]
        return sorted(found, key=lambda one: (one.first_at or self.reading.at, one.id))
