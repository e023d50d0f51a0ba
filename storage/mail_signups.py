"""Sign-ups that wait for their confirmation; an address is known here by its keyed hash only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from storage.codec import clean
from storage.delivery_settings import forget_destination
from storage.delivery_tables import subscriptions
from storage.mail_tables import mail_signups


@dataclass(frozen=True, slots=True, kw_only=True)
class Signup:
    """made: the destination did not exist before. settings: JSON, as the destination will keep it."""

    address_hash: str
    mailed_at: datetime
    destination: int
    made: bool
    token_hash: str
    filter: str
    settings: str


def last_mailed(connection: Connection, address_hash: str) -> datetime | None:
    """When an address was last asked to confirm."""
    query = select(mail_signups.c.mailed_at).where(mail_signups.c.address_hash == address_hash)
    found: datetime | None = connection.execute(query).scalar()
    return found


def count_mailed(connection: Connection, *, since: datetime, until: datetime) -> int:
    """How many addresses were asked to confirm in that time."""
    query = (
        select(func.count())
        .select_from(mail_signups)
        .where(mail_signups.c.mailed_at > since, mail_signups.c.mailed_at <= until)
    )
    return int(connection.execute(query).scalar_one())


def save_signup(connection: Connection, signup: Signup) -> None:
    """The newest sign-up of an address takes the place of an older one."""
    connection.execute(delete(mail_signups).where(mail_signups.c.address_hash == signup.address_hash))
    connection.execute(
        insert(mail_signups).values(
            address_hash=signup.address_hash,
            mailed_at=signup.mailed_at,
            destination=signup.destination,
            made=signup.made,
            token_hash=signup.token_hash,
            filter=clean(signup.filter),
            settings=clean(signup.settings),
        )
    )


def find_signup(connection: Connection, token_hash: str) -> Signup | None:
    """The open sign-up of a token; None when it is unknown, used, or the address was forgotten meanwhile."""
    open_ones = and_(mail_signups.c.token_hash == token_hash, mail_signups.c.destination.is_not(None))
    row = connection.execute(select(mail_signups).where(open_ones)).mappings().first()
    return None if row is None else Signup(**row)


def close_signup(connection: Connection, signup: Signup) -> None:
    """Its token is used up; when it was mailed stays known, so that the pause between two mails holds."""
    same = mail_signups.c.address_hash == signup.address_hash
    connection.execute(update(mail_signups).where(same).values(token_hash=None))


def drop_unconfirmed(connection: Connection, *, before: datetime) -> int:
    """Forgets sign-ups mailed before that time, with the addresses that nobody confirmed; returns how many those
    were."""
    old = connection.execute(select(mail_signups).where(mail_signups.c.mailed_at < before)).mappings().all()
    dropped = 0
    for row in old:
        if row["token_hash"] is not None and row["made"] and row["destination"] is not None:
            followed = select(subscriptions.c.id).where(subscriptions.c.destination == row["destination"])
            if connection.execute(followed).first() is None:
                forget_destination(connection, row["destination"])
                dropped += 1
        connection.execute(delete(mail_signups).where(mail_signups.c.address_hash == row["address_hash"]))
    return dropped
