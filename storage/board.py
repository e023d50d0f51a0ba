"""What the board asks of the whole store: how new it is, what was merged, how delivery goes. Reading only."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, cast, func, select

from advisories.model import Advisory
from storage.codec import from_text
from storage.delivery_tables import attempts, deliveries, destinations
from storage.tables import advisories, advisory_ids, changes, documents, patches, sources

# Sources are fetched side by side: one fetched earlier may be stored later than another by as much.
OVERLAP = timedelta(hours=1)

RENEWED_SECONDS = 600
StoreVersion = tuple[int, int, int, int]


def store_version(connection: Connection) -> StoreVersion:
    """(newest change, newest state, newest patch, newest poll): differs whenever something that is shown may have
    changed. The last one is counted in steps of `RENEWED_SECONDS`: for what follows from dates and releases alone."""
    newest = select(func.max(changes.c.seq)).scalar_subquery()
    state = select(func.max(advisories.c.modified_seq)).scalar_subquery()
    patch = select(func.max(cast(patches.c.modified_at, BigInteger))).scalar_subquery()
    polled = select(func.max(cast(sources.c.last_good_at, BigInteger))).scalar_subquery()
    row = connection.execute(select(newest, state, patch, polled)).one()
    return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0), int(row[3] or 0) // (RENEWED_SECONDS * 1_000_000)


def newest_good_fetch(connection: Connection) -> datetime | None:
    """Of any source; where none is polled here, the time of the newest document."""
    found: datetime | None = connection.execute(select(func.max(sources.c.last_good_at))).scalar()
    if found is None:
        found = connection.execute(select(func.max(documents.c.at)).where(documents.c.held.is_(False))).scalar()
    return found


def sequence_before(connection: Connection, since: datetime) -> int:
    """The cursor after which lies every state that changed at `since` or later, or was stored after such a one."""
    query = select(func.min(advisories.c.modified_seq)).where(advisories.c.modified_at >= since - OVERLAP)
    first = connection.execute(query).scalar()
    if first is None:
        first = int(connection.execute(select(func.max(advisories.c.modified_seq))).scalar() or 0) + 1
    return int(first) - 1


def load_stored(connection: Connection, pw_id: str) -> tuple[int, datetime, Advisory] | None:
    """(number, time) of the newest state of an advisory and the state itself."""
    query = select(advisories.c.modified_seq, advisories.c.modified_at, advisories.c.state)
    row = connection.execute(query.where(advisories.c.id == pw_id)).first()
    return None if row is None else (int(row[0]), row[1], from_text(row[2], Advisory))


def merged_advisories(connection: Connection) -> list[tuple[str, str]]:
    """(younger id, the id it leads to) of every merge."""
    query = (
        select(advisory_ids.c.id, advisory_ids.c.redirect_to)
        .where(advisory_ids.c.redirect_to.is_not(None))
        .order_by(advisory_ids.c.year, advisory_ids.c.number)
    )
    return [(str(row[0]), str(row[1])) for row in connection.execute(query)]


def count_deliveries(connection: Connection) -> list[tuple[str, str, int]]:
    """(channel, state, how many) of the ledger."""
    query = (
        select(destinations.c.kind, deliveries.c.state, func.count())
        .join(destinations, destinations.c.id == deliveries.c.destination)
        .group_by(destinations.c.kind, deliveries.c.state)
        .order_by(destinations.c.kind, deliveries.c.state)
    )
    return [(str(row[0]), str(row[1]), int(row[2])) for row in connection.execute(query)]


def count_attempts(connection: Connection) -> list[tuple[str, str, int]]:
    """(channel, answer, how many) of every try to send."""
    query = (
        select(destinations.c.kind, attempts.c.answer, func.count())
        .select_from(attempts)
        .join(deliveries, deliveries.c.id == attempts.c.delivery)
        .join(destinations, destinations.c.id == deliveries.c.destination)
        .group_by(destinations.c.kind, attempts.c.answer)
        .order_by(destinations.c.kind, attempts.c.answer)
    )
    return [(str(row[0]), str(row[1]), int(row[2])) for row in connection.execute(query)]


def delivery_times(connection: Connection) -> list[tuple[str, int, float]]:
    """(channel, how many were sent, seconds from being owed to being sent of all together)."""
    waited = cast(attempts.c.at, BigInteger) - cast(deliveries.c.created_at, BigInteger)
    query = (
        select(destinations.c.kind, func.count(), func.sum(waited))
        .select_from(attempts)
        .join(deliveries, deliveries.c.id == attempts.c.delivery)
        .join(destinations, destinations.c.id == deliveries.c.destination)
        .where(attempts.c.answer == "sent")
        .group_by(destinations.c.kind)
        .order_by(destinations.c.kind)
    )
    return [(str(row[0]), int(row[1]), float(row[2] or 0) / 1_000_000) for row in connection.execute(query)]


def oldest_unsent(connection: Connection) -> datetime | None:
    """When the delivery that waits longest was owed."""
    query = select(func.min(deliveries.c.created_at)).where(deliveries.c.state.in_(("pending", "leased")))
    found: datetime | None = connection.execute(query).scalar()
    return found
