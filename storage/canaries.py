"""The canaries of each source: a few records that must read again as they did when they were last accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from advisories.observation import Observation
from storage.codec import observations_from_text, observations_to_text
from storage.tables import canaries


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One record as it was last accepted. place: the document it stands in ("" when the document is that record);
    at: when that document came; equal_at: when it last read the same again."""

    key: str
    place: str
    url: str
    at: datetime
    observations: tuple[Observation, ...]
    equal_at: datetime | None = None


def load_canaries(connection: Connection, source: str) -> dict[str, Canary]:
    """key -> canary, in the order of their keys."""
    rows = connection.execute(select(canaries).where(canaries.c.source == source).order_by(canaries.c.key)).mappings()
    return {
        row["key"]: Canary(
            key=row["key"],
            place=row["place"],
            url=row["url"],
            at=row["at"],
            observations=observations_from_text(row["observations"]),
            equal_at=row["equal_at"],
        )
        for row in rows
    }


def save_canaries(connection: Connection, source: str, chosen: Sequence[Canary]) -> None:
    """Stores these, each in the place of what was stored under its key."""
    if not chosen:
        return
    drop_canaries(connection, source, [one.key for one in chosen])
    connection.execute(
        insert(canaries),
        [
            {
                "source": source,
                "key": one.key,
                "place": one.place,
                "url": one.url,
                "at": one.at,
                "observations": observations_to_text(one.observations),
                "equal_at": one.equal_at,
            }
            for one in chosen
        ],
    )


def drop_canaries(connection: Connection, source: str, keys: Sequence[str]) -> None:
    if keys:
        connection.execute(delete(canaries).where(canaries.c.source == source, canaries.c.key.in_(keys)))


def read_equal(connection: Connection, source: str, keys: Iterable[str], *, at: datetime) -> None:
    """These read the same again just then."""
    wanted = sorted(keys)
    if wanted:
        connection.execute(
            update(canaries).where(canaries.c.source == source, canaries.c.key.in_(wanted)).values(equal_at=at)
        )


def count_by_source(connection: Connection) -> dict[str, tuple[int, datetime | None]]:
    """source -> how many canaries it has, and when one of them last read the same again."""
    query = select(canaries.c.source, func.count(), func.max(canaries.c.equal_at)).group_by(canaries.c.source)
    return {source: (int(count), equal_at) for source, count, equal_at in connection.execute(query)}
