"""Subscriptions and the ledger of deliveries: leases with a fencing token, never a row lock over a send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Integer, and_, cast, delete, func, insert, or_, select, update

from storage.codec import clean
from storage.delivery_tables import attempts, deliveries, destinations, messages, subscriptions
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
    """A new row of the ledger: a change for a destination and why; `number` and `words` are None for a correction."""

    change_seq: int
    destination: int
    urgent: bool
    wakes: bool
    number: int | None
    words: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A delivery that this process alone may send until `until`; `token` proves it when the answer is recorded."""

    delivery: int
    change_seq: int
    token: int
    tries: int
    message: str
    urgent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDestination:
    id: int
    kind: str
    address: str
    thread: str


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


def disable_destination(connection: Connection, destination: int, reason: str) -> None:
    connection.execute(
        update(destinations).where(destinations.c.id == destination).values(state="disabled", reason=clean(reason))
    )
    _next_generation(connection)


def add_subscription(connection: Connection, destination: int, words: str, *, now: datetime) -> int:
    """The number of the subscription with this canonical filter text; the old one where it is already kept."""
    same = and_(subscriptions.c.destination == destination, subscriptions.c.filter == words)
    known = connection.execute(select(subscriptions.c.number).where(same)).scalar()
    if known is not None:
        return int(known)
    newest = select(func.max(subscriptions.c.number)).where(subscriptions.c.destination == destination)
    number = int(connection.execute(newest).scalar() or 0) + 1
    connection.execute(
        insert(subscriptions).values(destination=destination, number=number, filter=words, created_at=now)
    )
    _next_generation(connection)
    return number


def remove_subscription(connection: Connection, destination: int, number: int) -> bool:
    same = and_(subscriptions.c.destination == destination, subscriptions.c.number == number)
    gone = connection.execute(delete(subscriptions).where(same)).rowcount > 0
    if gone:
        _next_generation(connection)
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


def _next_generation(connection: Connection) -> None:
    now = subscription_generation(connection)
    if now:
        connection.execute(update(meta).where(meta.c.name == _GENERATION).values(value=str(now + 1)))
    else:
        connection.execute(insert(meta).values(name=_GENERATION, value="1"))


def add_deliveries(connection: Connection, owed: Sequence[Owed], *, now: datetime) -> int:
    """Stores what is owed; a change already owed to a destination is not owed twice. Returns how many are new."""
    added = 0
    for one in owed:
        same = and_(deliveries.c.change_seq == one.change_seq, deliveries.c.destination == one.destination)
        if connection.execute(select(deliveries.c.id).where(same)).first() is not None:
            continue
        connection.execute(
            insert(deliveries).values(
                change_seq=one.change_seq,
                destination=one.destination,
                urgent=one.urgent,
                wakes=one.wakes,
                subscription=one.number,
                filter=one.words,
                not_before=now,
                created_at=now,
            )
        )
        added += 1
    return added


def claimants(connection: Connection, change_key: str) -> list[int]:
    """The active destinations that a change was sent to, or may have been: those that a correction must reach."""
    query = (
        select(deliveries.c.destination)
        .join(changes, changes.c.seq == deliveries.c.change_seq)
        .join(destinations, destinations.c.id == deliveries.c.destination)
        .where(changes.c.key == clean(change_key), deliveries.c.state != "rejected", destinations.c.state == "active")
    )
    return sorted(int(one) for one in connection.execute(query).scalars())


def due_destinations(connection: Connection, *, now: datetime) -> list[DueDestination]:
    """Active destinations with something to send now, those with urgent rows first."""
    query = (
        select(destinations.c.id, destinations.c.kind, destinations.c.address, destinations.c.thread)
        .join(deliveries, deliveries.c.destination == destinations.c.id)
        .where(
            _may_be_sent(now),
            destinations.c.state == "active",
            or_(destinations.c.not_before.is_(None), destinations.c.not_before <= now),
        )
        .group_by(destinations.c.id, destinations.c.kind, destinations.c.address, destinations.c.thread)
        .order_by(func.max(cast(deliveries.c.urgent, Integer)).desc(), destinations.c.id)
    )
    return [DueDestination(id=o[0], kind=o[1], address=o[2], thread=o[3]) for o in connection.execute(query)]


def lease_next(connection: Connection, destination: int, *, now: datetime, seconds: int = 120) -> Lease | None:
    """Leases the next delivery, urgent first; a row tried before keeps its message, so a repeat has the same key."""
    due = (
        select(
            deliveries.c.id,
            deliveries.c.change_seq,
            deliveries.c.lease_token,
            deliveries.c.tries,
            deliveries.c.message,
            deliveries.c.urgent,
        )
        .where(deliveries.c.destination == destination, _may_be_sent(now))
        .order_by(deliveries.c.urgent.desc(), deliveries.c.change_seq)
        .limit(1)
    )
    row = connection.execute(due).first()
    if row is None:
        return None
    message = row.message or str(uuid4())
    if row.message is None:
        connection.execute(insert(messages).values(id=message, destination=destination, content="", created_at=now))
    token = int(row.lease_token) + 1
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == row.id)
        .values(
            state="leased",
            lease_token=token,
            lease_until=now + timedelta(seconds=seconds),
            message=message,
            tries=row.tries + 1,
        )
    )
    return Lease(
        delivery=row.id,
        change_seq=row.change_seq,
        token=token,
        tries=row.tries + 1,
        message=message,
        urgent=row.urgent,
    )


def freeze_message(connection: Connection, message: str, content: str) -> str:
    """Keeps the content of a message at its first send; a repeat gets exactly what was frozen."""
    known = connection.execute(select(messages.c.content).where(messages.c.id == message)).scalar_one()
    if known:
        return str(known)
    connection.execute(update(messages).where(messages.c.id == message).values(content=clean(content)))
    return clean(content)


def record_sent(connection: Connection, lease: Lease, *, now: datetime, remote_id: str | None = None) -> bool:
    """False when the lease was lost to another process meanwhile."""
    connection.execute(update(messages).where(messages.c.id == lease.message).values(remote_id=remote_id))
    return _finish(connection, lease, state="sent", answer="sent", text="", now=now, not_before=None)


def record_retry(
    connection: Connection, lease: Lease, *, answer: str, text: str, now: datetime, not_before: datetime
) -> bool:
    """Back to pending until `not_before`; `text` must be redacted already."""
    return _finish(connection, lease, state="pending", answer=answer, text=text, now=now, not_before=not_before)


def record_rejected(connection: Connection, lease: Lease, *, answer: str, text: str, now: datetime) -> bool:
    return _finish(connection, lease, state="rejected", answer=answer, text=text, now=now, not_before=None)


def hold_destination(connection: Connection, destination: int, *, not_before: datetime) -> None:
    connection.execute(update(destinations).where(destinations.c.id == destination).values(not_before=not_before))


def _may_be_sent(now: datetime) -> ColumnElement[bool]:
    waiting = and_(deliveries.c.state == "pending", deliveries.c.not_before <= now)
    return or_(waiting, and_(deliveries.c.state == "leased", deliveries.c.lease_until <= now))


def _finish(
    connection: Connection,
    lease: Lease,
    *,
    state: str,
    answer: str,
    text: str,
    now: datetime,
    not_before: datetime | None,
) -> bool:
    connection.execute(insert(attempts).values(delivery=lease.delivery, at=now, answer=answer, text=clean(text)[:500]))
    values: dict[str, object] = {"state": state, "lease_until": None}
    if not_before is not None:
        values["not_before"] = not_before
    held = and_(
        deliveries.c.id == lease.delivery, deliveries.c.lease_token == lease.token, deliveries.c.state == "leased"
    )
    return connection.execute(update(deliveries).where(held).values(**values)).rowcount > 0
