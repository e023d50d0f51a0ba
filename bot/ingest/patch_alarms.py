"""The alarms that topics turn on: judged after a batch by the cycle's own time, each told once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from advisories.landings import MAINLINE
from advisories.model import ChangeDraft
from advisories.patches_compare import Under, noticed
from advisories.patches_pickup import early_pickups
from advisories.patches_prerequisites import lost_prerequisites
from advisories.patches_stalled import stalled_series
from advisories.patches_watch import Noticed, Reading, Watched
from advisories.topics import Topic
from bot.ingest.patch_joins import Joins
from bot.ingest.patches import carried_by, is_told
from storage import patches as patch_store
from storage import source_health

LIFE_SOURCES = frozenset({"lore", "cryptodev", "crypto", "linux-next", "mainline", "stable", "stable-queue"})
_FURTHER_TREE = "tree-"


def asked_alarms(connection: Connection, topics: Sequence[Topic], *, at: datetime) -> list[ChangeDraft]:
    """What the topics that ask for it are to be told now; quiet where it is older than our looking. Without such a
    topic nothing is read."""
    if not any(one.alarms for one in topics):
        return []
    watched = Watched(
        patches=patch_store.list_patches(connection),
        topics=topics,
        reading=reading(connection, at),
        carried_by=lambda patch: carried_by(connection, patch.id),
    )
    joins = Joins(connection, topics, at=at)
    found = []
    for one in _noticed(watched):
        draft = noticed(one, at=at, under=_under(one, joins.under(one.patch), topics))
        if not is_told(connection, draft, one.patch.id):
            found.append(replace(draft, quiet=not watched.reading.is_news(one.due_at)))
    return found


def _noticed(watched: Watched) -> Iterator[Noticed]:
    yield from stalled_series(watched)
    yield from lost_prerequisites(watched)
    yield from early_pickups(watched)


def reading(connection: Connection, at: datetime) -> Reading:
    """How far mail and trees were read, by the health of their sources. Where none is polled, as in a replay, the time
    of the batch counts."""
    life = [one for one in source_health.list_health(connection) if _speaks_of_patches(one.name)]
    polled = [one for one in life if one.last_attempt_at is not None and one.state != "off"]
    mainline = [
        each for one in life if one.name == MAINLINE for each in (one.last_good_at, one.newest_record_at) if each
    ]
    return Reading(
        at=at,
        read={one.name: one.last_good_at for one in polled},
        mainline=max(mainline, default=None),
        began=source_health.last_baseline(connection, [one.name for one in life]),
    )


def _speaks_of_patches(source: str) -> bool:
    return source in LIFE_SOURCES or source.startswith(_FURTHER_TREE)


def _under(one: Noticed, under: Under, topics: Sequence[Topic]) -> Under:
    """Told to the topics that ask for it alone."""
    asking = tuple(each.slug for each in topics if one.alarm in each.alarms and each.slug in one.patch.topics)
    return replace(under, topics=asking)
