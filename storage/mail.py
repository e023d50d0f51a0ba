"""What is remembered of readers of mail: salts, digests made, bounces, the suppression list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, insert, select, update

from storage.codec import clean
from storage.delivery import Pending
from storage.delivery_ledger import MAX_FOLDED, PENDING
from storage.delivery_tables import deliveries, destinations
from storage.mail_tables import mail_digests, mail_readers, mail_suppressed

BOUNCES_FORGOTTEN = timedelta(days=60)  # a weekly reader whose address fails three times in a row is well within
_PERIODS_KEPT = timedelta(days=400)
_MAX_WAITING = 5000


def load_salt(connection: Connection, destination: int) -> tuple[str, str] | None:
    """(salt, hash of the token) of a reader."""
    query = select(mail_readers.c.salt, mail_readers.c.token_hash).where(mail_readers.c.destination == destination)
    row = connection.execute(query).first()
    return None if row is None else (str(row[0]), str(row[1]))


def save_salt(connection: Connection, destination: int, *, salt: str, token_hash: str) -> None:
    """Keeps the salt and the hash of what it gives; the token's former hash is replaced."""
    same = mail_readers.c.destination == destination
    values = {"salt": salt, "token_hash": token_hash}
    if not connection.execute(update(mail_readers).where(same).values(**values)).rowcount:
        connection.execute(insert(mail_readers).values(destination=destination, bounces=0, **values))


def find_reader(connection: Connection, token_hash: str) -> int | None:
    """The destination that a token to unsubscribe belongs to."""
    query = select(mail_readers.c.destination).where(mail_readers.c.token_hash == token_hash)
    found = connection.execute(query).scalar()
    return None if found is None else int(found)


def was_made(connection: Connection, destination: int, period: str) -> bool:
    same = and_(mail_digests.c.destination == destination, mail_digests.c.period == period)
    return connection.execute(select(mail_digests.c.period).where(same)).first() is not None


def note_made(connection: Connection, destination: int, period: str, *, at: datetime) -> None:
    old = and_(mail_digests.c.destination == destination, mail_digests.c.made_at < at - _PERIODS_KEPT)
    connection.execute(delete(mail_digests).where(old))
    connection.execute(insert(mail_digests).values(destination=destination, period=period, made_at=at))


def waiting(connection: Connection, destination: int, *, urgent_only: bool = False) -> list[Pending]:
    """What is owed and in no message yet, of every topic, due or not, in the order of the changes."""
    held = and_(
        deliveries.c.destination == destination,
        deliveries.c.state == "pending",
        deliveries.c.message.is_(None),
        deliveries.c.change_seq.is_not(None),
    )
    if urgent_only:
        held = and_(held, deliveries.c.urgent.is_(True))
    query = select(*PENDING).where(held).order_by(deliveries.c.change_seq).limit(_MAX_WAITING)
    return [Pending(**row) for row in connection.execute(query).mappings()]


def fits_one_message(rows: Sequence[Pending]) -> tuple[Sequence[Pending], Sequence[Pending]]:
    """(rows that a message can carry in the ledger, the rest that it only counts)."""
    return rows[:MAX_FOLDED], rows[MAX_FOLDED:]


def defer_all(connection: Connection, destination: int, *, until: datetime) -> None:
    """Nothing goes there sooner, urgent or not."""
    held = and_(
        deliveries.c.destination == destination,
        deliveries.c.state == "pending",
        deliveries.c.message.is_(None),
        deliveries.c.not_before < until,
    )
    connection.execute(update(deliveries).where(held).values(not_before=until))


def find_address(connection: Connection, destination: int) -> str | None:
    """The address of a destination of mail."""
    same = and_(destinations.c.id == destination, destinations.c.kind == "mail")
    found = connection.execute(select(destinations.c.address).where(same)).scalar()
    return None if found is None else str(found)


def is_active(connection: Connection, destination: int) -> bool:
    state = connection.execute(select(destinations.c.state).where(destinations.c.id == destination)).scalar()
    return state == "active"


def count_bounce(connection: Connection, destination: int, *, report: str, at: datetime) -> int:
    """Counts a report of failure once and returns how many there are; those long ago are forgotten.
    report: a hash that copies of the same report share."""
    row = connection.execute(select(mail_readers).where(mail_readers.c.destination == destination)).mappings().first()
    if row is None:
        return 0
    if row["last_bounce"] == report:
        return int(row["bounces"])
    before = int(row["bounces"])
    if row["bounced_at"] is not None and at - row["bounced_at"] > BOUNCES_FORGOTTEN:
        before = 0
    values = {"bounces": before + 1, "bounced_at": at, "last_bounce": report}
    connection.execute(update(mail_readers).where(mail_readers.c.destination == destination).values(**values))
    return before + 1


def suppress(connection: Connection, address_hash: str, reason: str, *, at: datetime) -> None:
    connection.execute(delete(mail_suppressed).where(mail_suppressed.c.address_hash == address_hash))
    connection.execute(insert(mail_suppressed).values(address_hash=address_hash, reason=clean(reason)[:500], at=at))


def is_suppressed(connection: Connection, address_hash: str) -> bool:
    query = select(mail_suppressed.c.reason).where(mail_suppressed.c.address_hash == address_hash)
    return connection.execute(query).first() is not None


def allow(connection: Connection, address_hash: str) -> bool:
    """Takes an address off the list; whether it was on it."""
    same = mail_suppressed.c.address_hash == address_hash
    return connection.execute(delete(mail_suppressed).where(same)).rowcount > 0


def forget_bounces(connection: Connection, destination: int) -> None:
    values = {"bounces": 0, "bounced_at": None, "last_bounce": None}
    connection.execute(update(mail_readers).where(mail_readers.c.destination == destination).values(**values))
