"""Destinations, subscriptions, and what is owed to whom; `delivery_ledger` leases and records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from storage.codec import clean
from storage.delivery_tables import deliveries, destinations, subscriptions
from storage.tables import changes, meta

_GENERATION = "subscription_generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    id: int
    destination: int
    number: int
    filter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A new row of the ledger: a change for a destination and why; `number` and `words` are None for a correction.

    fold: the topic under which it folds with others into one message.
    """

    change_seq: int
    destination: int
    urgent: bool
    wakes: bool
    number: int | None
    words: str | None
    fold: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A row that may be sent; `change_seq` is None for a notice, `message` is set once one was made for it. state:
    `leased` for one whose lease ran out: it may have been sent."""

    delivery: int
    change_seq: int | None
    token: int
    tries: int
    message: str | None
    urgent: bool
    wakes: bool
    fold: str
    created_at: datetime
    state: str = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The deliveries of one message, that this process alone may send; each token proves it when the answer is
    recorded."""

    message: str
    tokens: tuple[tuple[int, int], ...]
    tries: int
    urgent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDestination:
    id: int
    kind: str
    address: str
    thread: str
    urgent: bool = False


def ensure_destination(connection: Connection, *, kind: str, address: str, thread: str = "", now: datetime) -> int:
    """The id of a destination, made when it is new."""
    same = and_(
        destinations.c.kind == kind, destinations.c.address == clean(address), destinations.c.thread == clean(thread)
    )
    known = connection.execute(select(destinations.c.id).where(same)).scalar()
    if known is not None:
        return int(known)
    row = insert(destinations).values(kind=kind, address=clean(address), thread=clean(thread), created_at=now)
    return int(connection.execute(row.returning(destinations.c.id)).scalar_one())


def disable_destination(connection: Connection, destination: int, reason: str, *, at: datetime | None = None) -> None:
    """Nothing more is owed or sent there. at: since when, kept in not_before."""
    values = {"state": "disabled", "reason": clean(reason), "not_before": at}
    connection.execute(update(destinations).where(destinations.c.id == destination).values(**values))
    next_generation(connection)


def add_subscription(connection: Connection, destination: int, words: str, *, now: datetime) -> int:
    """The number of the subscription with this canonical filter text; the old one where it is already kept."""
    same = and_(subscriptions.c.destination == destination, subscriptions.c.filter == words)
    known = connection.execute(select(subscriptions.c.number).where(same)).scalar()
    if known is not None:
        return int(known)
    kept = select(func.max(subscriptions.c.number)).where(subscriptions.c.destination == destination)
    told = select(func.max(deliveries.c.subscription)).where(deliveries.c.destination == destination)
    number = max(int(connection.execute(one).scalar() or 0) for one in (kept, told)) + 1
    connection.execute(
        insert(subscriptions).values(destination=destination, number=number, filter=words, created_at=now)
    )
    next_generation(connection)
    return number


def remove_subscription(connection: Connection, destination: int, number: int) -> bool:
    same = and_(subscriptions.c.destination == destination, subscriptions.c.number == number)
    gone = connection.execute(delete(subscriptions).where(same)).rowcount > 0
    if gone:
        next_generation(connection)
    return gone


def list_subscriptions(connection: Connection, destination: int | None = None) -> list[Subscription]:
    """The subscriptions of one destination, or of all that are active."""
    query = select(
        subscriptions.c.id, subscriptions.c.destination, subscriptions.c.number, subscriptions.c.filter
    ).join(destinations, destinations.c.id == subscriptions.c.destination)
    if destination is None:
        query = query.where(destinations.c.state == "active")
    else:
        query = query.where(subscriptions.c.destination == destination)
    rows = connection.execute(query.order_by(subscriptions.c.destination, subscriptions.c.number))
    return [Subscription(id=one[0], destination=one[1], number=one[2], filter=one[3]) for one in rows]


def subscription_generation(connection: Connection) -> int:
    """Grows with each change of the subscriptions."""
    return int(connection.execute(select(meta.c.value).where(meta.c.name == _GENERATION)).scalar() or 0)


def next_generation(connection: Connection) -> None:
    """The subscriptions changed: whoever keeps an index of them makes it anew."""
    now = subscription_generation(connection)
    if now:
        connection.execute(update(meta).where(meta.c.name == _GENERATION).values(value=str(now + 1)))
    else:
        connection.execute(insert(meta).values(name=_GENERATION, value="1"))


def add_deliveries(connection: Connection, owed: Sequence[Owed], *, now: datetime) -> int:
    """Stores what is owed; a change already owed to a destination is not owed twice. Returns how many are new."""
    seqs = sorted({one.change_seq for one in owed})
    query = select(deliveries.c.change_seq, deliveries.c.destination).where(deliveries.c.change_seq.in_(seqs))
    known = {(seq, destination) for seq, destination in connection.execute(query)} if owed else set()
    rows = [
        {
            "change_seq": one.change_seq,
            "destination": one.destination,
            "urgent": one.urgent,
            "wakes": one.wakes,
            "subscription": one.number,
            "filter": one.words,
            "fold": one.fold,
            "not_before": now,
            "created_at": now,
        }
        for one in owed
        if (one.change_seq, one.destination) not in known
    ]
    if rows:
        connection.execute(insert(deliveries), rows)
    return len(rows)


def claimants(connection: Connection, change_key: str) -> list[int]:
    """The active destinations that a change was sent to, or may have been: those that a correction must reach."""
    query = (
        select(deliveries.c.destination)
        .join(changes, changes.c.seq == deliveries.c.change_seq)
        .join(destinations, destinations.c.id == deliveries.c.destination)
        .where(changes.c.key == clean(change_key), deliveries.c.state != "rejected", destinations.c.state == "active")
    )
    return sorted(int(one) for one in connection.execute(query).scalars())
