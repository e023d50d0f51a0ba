"""Why something was sent: a delivery with its change, its filter, its tries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from advisories.model import Change
from storage.changes import load_change
from storage.delivery_tables import attempts, deliveries


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    at: datetime
    answer: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """`filter` is None for a correction and for a notice; `change` is None for a notice."""

    delivery: int
    destination: int
    state: str
    urgent: bool
    number: int | None
    filter: str | None
    message: str | None
    change: Change | None
    attempts: tuple[Attempt, ...]


def explain(connection: Connection, delivery: int, *, destination: int | None = None) -> Explained | None:
    """One delivery; None when there is none, or not of this destination."""
    query = select(deliveries).where(deliveries.c.id == delivery)
    if destination is not None:
        query = query.where(deliveries.c.destination == destination)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    tries = select(attempts.c.at, attempts.c.answer, attempts.c.text).where(attempts.c.delivery == delivery)
    return Explained(
        delivery=delivery,
        destination=row["destination"],
        state=row["state"],
        urgent=row["urgent"],
        number=row["subscription"],
        filter=row["filter"],
        message=row["message"],
        change=None if row["change_seq"] is None else load_change(connection, row["change_seq"]),
        attempts=tuple(Attempt(**one) for one in connection.execute(tries.order_by(attempts.c.id)).mappings()),
    )


def last_deliveries(connection: Connection, destination: int, *, limit: int = 5) -> list[int]:
    """Numbers of the newest deliveries that were sent there, or may have been."""
    query = (
        select(deliveries.c.id)
        .where(deliveries.c.destination == destination, deliveries.c.state.in_(("sent", "unconfirmed")))
        .order_by(deliveries.c.id.desc())
        .limit(limit)
    )
    return [int(one) for one in connection.execute(query).scalars()]
