"""The folded state of each advisory, and lists of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from advisories.model import Advisory
from storage.codec import clean, from_text, to_text
from storage.tables import advisories, advisory_topics


def load_advisory(connection: Connection, pw_id: str) -> Advisory | None:
    state = connection.execute(select(advisories.c.state).where(advisories.c.id == pw_id)).scalar()
    return None if state is None else from_text(state, Advisory)


def save_advisory(connection: Connection, advisory: Advisory, *, at: datetime) -> None:
    """Stores the state as of `at`; the caller saves only what differs."""
    highest = connection.execute(select(func.max(advisories.c.modified_seq))).scalar() or 0
    row = {
        "kind": advisory.kind.value,
        "title": clean(advisory.title),
        "modified_at": at,
        "modified_seq": highest + 1,
        "state": to_text(advisory),
    }
    answer = connection.execute(update(advisories).where(advisories.c.id == advisory.id).values(**row))
    if not answer.rowcount:
        connection.execute(insert(advisories).values(id=advisory.id, **row))
    connection.execute(delete(advisory_topics).where(advisory_topics.c.id == advisory.id))
    if advisory.topics:
        connection.execute(insert(advisory_topics), [{"topic": one, "id": advisory.id} for one in advisory.topics])


def list_advisories(
    connection: Connection, *, topic: str | None = None, after_seq: int = 0, limit: int | None = None
) -> list[tuple[int, datetime, Advisory]]:
    """(modified_seq, modified_at, advisory) in the order of their last change, oldest first."""
    query = (
        select(advisories.c.modified_seq, advisories.c.modified_at, advisories.c.state)
        .where(advisories.c.modified_seq > after_seq)
        .order_by(advisories.c.modified_seq)
    )
    if topic is not None:
        query = query.join(advisory_topics, advisory_topics.c.id == advisories.c.id).where(
            advisory_topics.c.topic == topic
        )
    if limit is not None:
        query = query.limit(limit)
    return [(seq, at, from_text(state, Advisory)) for seq, at, state in connection.execute(query)]


def advisory_titles(connection: Connection, *, topic: str | None = None) -> list[tuple[str, str]]:
    """(id, title) of every advisory, by id."""
    query = select(advisories.c.id, advisories.c.title)
    if topic is not None:
        query = query.join(advisory_topics, advisory_topics.c.id == advisories.c.id).where(
            advisory_topics.c.topic == topic
        )
    rows = connection.execute(query).all()
    return sorted(((pw_id, title) for pw_id, title in rows), key=lambda row: _order(row[0]))


def _order(pw_id: str) -> tuple[int, int]:
    year, number = pw_id.split("-")[1:3]
    return int(year), int(number)


def known_ids(connection: Connection) -> set[str]:
    return set(connection.execute(select(advisories.c.id)).scalars())


def drop_advisories(connection: Connection, ids: Iterable[str] | None = None) -> None:
    """Forgets folded state (identity stays): all of it, or that of the given ids."""
    if ids is None:
        connection.execute(delete(advisory_topics))
        connection.execute(delete(advisories))
        return
    wanted: Sequence[str] = list(ids)
    connection.execute(delete(advisory_topics).where(advisory_topics.c.id.in_(wanted)))
    connection.execute(delete(advisories).where(advisories.c.id.in_(wanted)))
