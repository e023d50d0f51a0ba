"""The ledger of deliveries: leases with a fencing token, never a row lock over a send; attempts and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Integer, Select, and_, cast, func, insert, or_, select, update

from storage.codec import clean
from storage.delivery import DueDestination, Lease, Pending
from storage.delivery_tables import attempts, deliveries, destinations, messages
from storage.due import is_due

LEASE_SECONDS = 120
LONGEST_RETRY = timedelta(hours=1)  # between two tries of a message, and for all of a destination
LOOK_AGAIN = timedelta(hours=6)  # news that waits for its hour is looked at so often, whatever its hour
MAX_FOLDED = 200
MOST_REPEATS = 4  # of what nobody confirms
UNKNOWN = "unknown"  # the answer of an attempt that may have arrived

PENDING = (
    deliveries.c.id.label("delivery"),
    deliveries.c.change_seq,
    deliveries.c.lease_token.label("token"),
    deliveries.c.tries,
    deliveries.c.message,
    deliveries.c.urgent,
    deliveries.c.wakes,
    deliveries.c.fold,
    deliveries.c.created_at,
    deliveries.c.state,
)


def due_destinations(connection: Connection, *, now: datetime) -> list[DueDestination]:
    """Active destinations with something to send now, those with urgent rows first."""
    urgent = func.max(cast(deliveries.c.urgent, Integer))
    columns = (destinations.c.id, destinations.c.kind, destinations.c.address, destinations.c.thread)
    query = (
        select(*columns, urgent)
        .join(deliveries, deliveries.c.destination == destinations.c.id)
        .where(
            _may_be_sent(now),
            destinations.c.state == "active",
            may_be_served(now),
        )
        .group_by(*columns)
        .order_by(urgent.desc(), destinations.c.id)
    )
    return [
        DueDestination(id=o[0], kind=o[1], address=o[2], thread=o[3], urgent=bool(o[4]))
        for o in connection.execute(query)
    ]


def next_pending(connection: Connection, destination: int, *, now: datetime) -> Pending | None:
    """The delivery that is next: notices, then what is urgent, then in the order of the changes."""
    query: Select[Any] = select(*PENDING)  # Any: the columns of Pending
    query = query.where(deliveries.c.destination == destination, _may_be_sent(now))
    notices_first = deliveries.c.change_seq.is_not(None)
    order = (notices_first, deliveries.c.urgent.desc(), deliveries.c.change_seq, deliveries.c.id)
    row = connection.execute(query.order_by(*order).limit(1)).mappings().first()
    return None if row is None else Pending(**row)


def folded_with(
    connection: Connection, destination: int, first: Pending, *, now: datetime, every_topic: bool = False
) -> list[Pending]:
    """`first` and what goes out with it, urgent first: after a try its own message's rows, before it all that waits
    under the same topic (or any), due or not."""
    query: Select[Any] = select(*PENDING).where(deliveries.c.destination == destination)
    if first.message is not None:
        query = query.where(deliveries.c.message == first.message, _may_be_sent(now))
    else:
        query = query.where(
            deliveries.c.state == "pending", deliveries.c.message.is_(None), deliveries.c.change_seq.is_not(None)
        )
        if not every_topic:
            query = query.where(deliveries.c.fold == first.fold)
    query = query.order_by(deliveries.c.urgent.desc(), deliveries.c.change_seq).limit(MAX_FOLDED)
    return [Pending(**row) for row in connection.execute(query).mappings()]


def unconfirmed(connection: Connection, destination: int) -> list[Pending]:
    """What was sent with an outcome that nobody knows: the next message says it again, a few times at most."""
    query = select(*PENDING).where(deliveries.c.destination == destination, deliveries.c.state == "unconfirmed")
    query = (
        query.where(deliveries.c.change_seq.is_not(None), _unclear_tries() < MOST_REPEATS)
        .order_by(deliveries.c.change_seq)
        .limit(MAX_FOLDED)
    )
    return [Pending(**row) for row in connection.execute(query).mappings()]


def was_unclear(connection: Connection, held: Lease) -> bool:
    """Whether it may have been sent before the try that is on its way now."""
    ours = deliveries.c.id.in_([one for one, _ in held.tokens])
    return connection.execute(select(deliveries.c.id).where(ours, _unclear_tries() > 1).limit(1)).first() is not None


def attach(connection: Connection, destination: int, rows: Sequence[Pending], *, now: datetime, content: str) -> str:
    """Freezes the message that the rows go out with; returns its id."""
    message = str(uuid4())
    frozen = clean(content)
    connection.execute(insert(messages).values(id=message, destination=destination, content=frozen, created_at=now))
    for one in rows:
        due = {"message": message, "not_before": now, "state": "pending"}
        connection.execute(update(deliveries).where(deliveries.c.id == one.delivery).values(**due))
    return message


def lease(connection: Connection, rows: Sequence[Pending], *, now: datetime) -> Lease:
    """Leases the rows of one message: a repeat keeps its id and content."""
    for one in rows:
        values = {
            "state": "leased",
            "lease_token": one.token + 1,
            "lease_until": now + timedelta(seconds=LEASE_SECONDS),
            "tries": one.tries + 1,
        }
        connection.execute(update(deliveries).where(deliveries.c.id == one.delivery).values(**values))
    return Lease(
        message=rows[0].message or "",
        tokens=tuple((one.delivery, one.token + 1) for one in rows),
        tries=max(one.tries for one in rows) + 1,
        urgent=any(one.urgent for one in rows),
    )


def settle(connection: Connection, rows: Sequence[Pending], *, now: datetime, answer: str) -> None:
    """The rows are told by other means (the edit of a card)."""
    for one in rows:
        connection.execute(update(deliveries).where(deliveries.c.id == one.delivery).values(state="sent"))
        connection.execute(insert(attempts).values(delivery=one.delivery, at=now, answer=answer))


def content_of(connection: Connection, message: str) -> str:
    return str(connection.execute(select(messages.c.content).where(messages.c.id == message)).scalar_one())


def tells_a_change(connection: Connection, message: str) -> bool:
    """False for a notice (a welcome, a word to the operator)."""
    query = select(deliveries.c.id).where(deliveries.c.message == message, deliveries.c.change_seq.is_not(None))
    return connection.execute(query.limit(1)).first() is not None


def owe_notice(connection: Connection, destination: int, content: str, *, now: datetime, urgent: bool = False) -> int:
    """A message about no change (a welcome, a word to the operator), frozen at once; returns the delivery's number."""
    message = str(uuid4())
    row = insert(messages).values(id=message, destination=destination, content=clean(content), created_at=now)
    connection.execute(row)
    owed = insert(deliveries).values(
        destination=destination, urgent=urgent, wakes=True, not_before=now, created_at=now, message=message
    )
    return int(connection.execute(owed.returning(deliveries.c.id)).scalar_one())


def recall(connection: Connection, destination: int, *, now: datetime) -> None:
    """What a clock that ran ahead has put off there is due now."""
    column = deliveries.c.not_before
    ours = and_(deliveries.c.destination == destination, deliveries.c.state == "pending", column > now)
    ahead = and_(ours, is_due(column, now, longest=LOOK_AGAIN))
    connection.execute(update(deliveries).where(ahead).values(not_before=now))


def defer(connection: Connection, destination: int, *, until: datetime) -> None:
    """Nothing that is not urgent goes there sooner. until: at most LOOK_AGAIN from now."""
    waiting = and_(
        deliveries.c.destination == destination,
        deliveries.c.state == "pending",
        deliveries.c.urgent.is_(False),
        deliveries.c.message.is_(None),
        deliveries.c.not_before < until,
    )
    connection.execute(update(deliveries).where(waiting).values(not_before=until))


def record_sent(connection: Connection, held: Lease, *, now: datetime, remote_id: str | None = None) -> bool:
    """False when the lease was lost to another process meanwhile."""
    connection.execute(update(messages).where(messages.c.id == held.message).values(remote_id=remote_id))
    return _finish(connection, held, state="sent", answer="sent", text="", now=now, not_before=None)


def record_retry(
    connection: Connection, held: Lease, *, answer: str, text: str, now: datetime, not_before: datetime
) -> bool:
    """Back to pending until `not_before`; `text` must be redacted already."""
    return _finish(connection, held, state="pending", answer=answer, text=text, now=now, not_before=not_before)


def record_rejected(
    connection: Connection, held: Lease, *, answer: str, text: str, now: datetime, state: str = "rejected"
) -> bool:
    """No further try: `rejected`, or `unconfirmed` where it may have arrived."""
    return _finish(connection, held, state=state, answer=answer, text=text, now=now, not_before=None)


def hold_destination(connection: Connection, destination: int, *, not_before: datetime) -> None:
    connection.execute(update(destinations).where(destinations.c.id == destination).values(not_before=not_before))


def _unclear_tries() -> ColumnElement[int]:
    """How many tries of a row may have arrived: those of unknown outcome, and those that a crash left without one."""
    clear = and_(attempts.c.delivery == deliveries.c.id, attempts.c.answer != UNKNOWN)
    return deliveries.c.tries - select(func.count()).where(clear).scalar_subquery()


def may_be_served(now: datetime) -> ColumnElement[bool]:
    """Whether a destination's own clock lets something go there."""
    column = destinations.c.not_before
    return or_(column.is_(None), is_due(column, now, longest=LONGEST_RETRY))


def _may_be_sent(now: datetime) -> ColumnElement[bool]:
    frozen, column = deliveries.c.message.is_not(None), deliveries.c.not_before
    waited = or_(is_due(column, now, longest=LOOK_AGAIN), and_(frozen, is_due(column, now, longest=LONGEST_RETRY)))
    free = is_due(deliveries.c.lease_until, now, longest=timedelta(seconds=LEASE_SECONDS))
    return or_(and_(deliveries.c.state == "pending", waited), and_(deliveries.c.state == "leased", free))


def _finish(
    connection: Connection,
    held: Lease,
    *,
    state: str,
    answer: str,
    text: str,
    now: datetime,
    not_before: datetime | None,
) -> bool:
    values: dict[str, object] = {"state": state, "lease_until": None}
    if not_before is not None:
        values["not_before"] = not_before
    rows = [{"delivery": one, "at": now, "answer": answer, "text": clean(text)[:500]} for one, _ in held.tokens]
    connection.execute(insert(attempts), rows)
    kept = 0
    for one, token in held.tokens:
        ours = and_(deliveries.c.id == one, deliveries.c.lease_token == token, deliveries.c.state == "leased")
        kept += connection.execute(update(deliveries).where(ours).values(**values)).rowcount
    return kept == len(held.tokens)
