"""What a destination wants and knows: settings, mutes, cards, its export, and forgetting it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, delete, func, insert, or_, select, update

from storage.codec import clean
from storage.delivery import DueDestination, next_generation
from storage.delivery_ledger import LONGEST_RETRY, may_be_served
from storage.delivery_tables import attempts, cards, deliveries, destinations, messages, mutes, subscriptions
from storage.due import is_due
from storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One destination as it stands. settings: JSON; sounded_at: when it last got a message with a sound."""

    id: int
    kind: str
    address: str
    thread: str
    state: str
    reason: str | None
    settings: str
    sounded_at: datetime | None
    not_before: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    destination: int
    advisory: str
    remote_id: str
    shown: str


def list_destinations(connection: Connection) -> list[Standing]:
    return [Standing(**row) for row in connection.execute(_standing().order_by(destinations.c.id)).mappings()]


def load_destination(connection: Connection, destination: int) -> Standing:
    return Standing(**connection.execute(_standing().where(destinations.c.id == destination)).mappings().one())


def find_destination(connection: Connection, *, kind: str, address: str, thread: str = "") -> Standing | None:
    same = and_(destinations.c.kind == kind, destinations.c.address == address, destinations.c.thread == thread)
    row = connection.execute(_standing().where(same)).mappings().first()
    return None if row is None else Standing(**row)


def save_settings(connection: Connection, destination: int, settings: str) -> None:
    connection.execute(update(destinations).where(destinations.c.id == destination).values(settings=clean(settings)))


def note_sound(connection: Connection, destination: int, *, at: datetime) -> None:
    connection.execute(update(destinations).where(destinations.c.id == destination).values(sounded_at=at))


def enable_destination(connection: Connection, destination: int) -> None:
    """A person there spoke to us again: it is served as before."""
    off = and_(destinations.c.id == destination, destinations.c.state == "disabled")
    connection.execute(update(destinations).where(off).values(state="active", reason=None, not_before=None))
    next_generation(connection)


def mute(connection: Connection, destination: int, advisory: str, *, until: datetime | None) -> None:
    unmute(connection, destination, advisory)
    connection.execute(insert(mutes).values(destination=destination, advisory=advisory, until=until))


def unmute(connection: Connection, destination: int, advisory: str) -> bool:
    same = and_(mutes.c.destination == destination, mutes.c.advisory == advisory)
    return connection.execute(delete(mutes).where(same)).rowcount > 0


def muted_pairs(connection: Connection, *, now: datetime) -> set[tuple[int, str]]:
    """(destination, advisory) that are not to be told now."""
    query = select(mutes.c.destination, mutes.c.advisory).where(or_(mutes.c.until.is_(None), mutes.c.until > now))
    return {(int(one), str(advisory)) for one, advisory in connection.execute(query)}


def mutes_of(connection: Connection, destination: int) -> list[tuple[str, datetime | None]]:
    query = select(mutes.c.advisory, mutes.c.until).where(mutes.c.destination == destination)
    return [(str(advisory), until) for advisory, until in connection.execute(query.order_by(mutes.c.advisory))]


def forget_destination(connection: Connection, destination: int) -> None:
    """Every row about it goes: subscriptions, mutes, cards, messages, deliveries and their attempts."""
    owed = select(deliveries.c.id).where(deliveries.c.destination == destination)
    connection.execute(delete(attempts).where(attempts.c.delivery.in_(owed)))
    for table in (deliveries, messages, subscriptions, mutes, cards):
        connection.execute(delete(table).where(table.c.destination == destination))
    connection.execute(delete(destinations).where(destinations.c.id == destination))
    next_generation(connection)


def forget_lost(connection: Connection, *, before: datetime) -> int:
    """Forgets the destinations that were disabled before that time; returns how many."""
    lost = and_(destinations.c.state == "disabled", destinations.c.not_before < before)
    found = list(connection.execute(select(destinations.c.id).where(lost)).scalars())
    for one in found:
        forget_destination(connection, one)
    return len(found)


def erase_traces(store: Store) -> None:
    """What was deleted leaves the write-ahead log too (SQLite overwrites deleted rows; PostgreSQL needs its VACUUM)."""
    if store.is_sqlite:
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def move_destination(connection: Connection, destination: int, address: str) -> int:
    """A chat has a new id: the row follows it, or joins the row that is there already. Returns the id to use."""
    old = load_destination(connection, destination)
    known = find_destination(connection, kind=old.kind, address=clean(address), thread=old.thread)
    if known is None:
        connection.execute(update(destinations).where(destinations.c.id == destination).values(address=clean(address)))
        return destination
    for table, key in ((subscriptions, "filter"), (deliveries, "change_seq"), (mutes, "advisory")):
        _join(connection, table, key, destination, known.id)
    forget_destination(connection, destination)
    return known.id


def _join(connection: Connection, table: Table, key: str, old: int, new: int) -> None:
    there = select(table.c[key]).where(table.c.destination == new, table.c[key].is_not(None))
    moving = and_(table.c.destination == old, or_(table.c[key].is_(None), table.c[key].not_in(there)))
    values: dict[str, object] = {"destination": new}
    if table is subscriptions:
        top = select(func.coalesce(func.max(subscriptions.c.number), 0)).where(subscriptions.c.destination == new)
        values["number"] = subscriptions.c.number + int(connection.execute(top).scalar_one())
    if table is deliveries:
        taken = select(deliveries.c.message).where(moving, deliveries.c.message.is_not(None))
        connection.execute(update(messages).where(messages.c.id.in_(taken)).values(destination=new))
    connection.execute(update(table).where(moving).values(**values))


def find_card(connection: Connection, destination: int, advisory: str) -> Card | None:
    same = and_(cards.c.destination == destination, cards.c.advisory == advisory)
    row = connection.execute(select(*_CARD).where(same)).mappings().first()
    return None if row is None else Card(**row)


def save_card(connection: Connection, card: Card) -> None:
    """What the far end shows now; the card is fresh."""
    same = and_(cards.c.destination == card.destination, cards.c.advisory == card.advisory)
    connection.execute(delete(cards).where(same))
    connection.execute(
        insert(cards).values(
            destination=card.destination,
            advisory=card.advisory,
            remote_id=card.remote_id,
            shown=card.shown,
            stale=False,
        )
    )


def drop_card(connection: Connection, card: Card) -> None:
    same = and_(cards.c.destination == card.destination, cards.c.advisory == card.advisory)
    connection.execute(delete(cards).where(same))


def age_cards(connection: Connection, advisories: Iterable[str]) -> None:
    """The state of these advisories changed: their cards are to be looked at."""
    wanted = sorted(set(advisories))
    for start in range(0, len(wanted), 400):
        part = wanted[start : start + 400]
        connection.execute(update(cards).where(cards.c.advisory.in_(part)).values(stale=True))


def hold_card(connection: Connection, card: Card, *, not_before: datetime) -> None:
    same = and_(cards.c.destination == card.destination, cards.c.advisory == card.advisory)
    connection.execute(update(cards).where(same).values(not_before=not_before))


def stale_cards(
    connection: Connection, kinds: Sequence[str], *, now: datetime, limit: int = 200
) -> list[tuple[Card, DueDestination]]:
    """Cards to repair, with where they are."""
    place = (destinations.c.kind, destinations.c.address, destinations.c.thread)
    query = (
        select(*_CARD, *place)
        .join(destinations, destinations.c.id == cards.c.destination)
        .where(
            cards.c.stale,
            destinations.c.state == "active",
            destinations.c.kind.in_(kinds),
            or_(cards.c.not_before.is_(None), is_due(cards.c.not_before, now, longest=LONGEST_RETRY)),
            may_be_served(now),
        )
        .order_by(cards.c.destination, cards.c.advisory)
        .limit(limit)
    )
    return [
        (
            Card(destination=row[0], advisory=row[1], remote_id=row[2], shown=row[3]),
            DueDestination(id=row[0], kind=row[4], address=row[5], thread=row[6]),
        )
        for row in connection.execute(query)
    ]


_CARD = (cards.c.destination, cards.c.advisory, cards.c.remote_id, cards.c.shown)


def _standing() -> Select[Any]:  # Any: the columns of Standing
    return select(
        destinations.c.id,
        destinations.c.kind,
        destinations.c.address,
        destinations.c.thread,
        destinations.c.state,
        destinations.c.reason,
        destinations.c.settings,
        destinations.c.sounded_at,
        destinations.c.not_before,
    )
