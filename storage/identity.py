"""Alias -> permanent id: append-only, outside rebuild."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from storage.tables import advisory_aliases, advisory_ids


def resolve(connection: Connection, name: str) -> str | None:
    """The current PW id for a PW id or an alias (in any case), redirects followed; None if unknown."""
    wanted = name.strip().upper()
    found = connection.execute(select(advisory_aliases.c.id).where(advisory_aliases.c.alias == wanted)).scalar()
    if found is None:
        found = connection.execute(select(advisory_ids.c.id).where(advisory_ids.c.id == wanted)).scalar()
    for _ in range(16):  # a redirect chain is as long as the merges it went through
        if found is None:
            return None
        further = connection.execute(select(advisory_ids.c.redirect_to).where(advisory_ids.c.id == found)).scalar()
        if further is None:
            return str(found)
        found = further
    return None


def resolve_many(connection: Connection, aliases: Iterable[str]) -> dict[str, str]:
    """alias -> PW id for those that are known; redirects are followed."""
    wanted = [alias.upper() for alias in aliases]
    found: dict[str, str] = {}
    for start in range(0, len(wanted), 500):
        rows = connection.execute(
            select(advisory_aliases.c.alias, advisory_aliases.c.id, advisory_ids.c.redirect_to)
            .join(advisory_ids, advisory_ids.c.id == advisory_aliases.c.id)
            .where(advisory_aliases.c.alias.in_(wanted[start : start + 500]))
        )
        for alias, pw_id, redirect in rows:
            found[alias] = (resolve(connection, redirect) or redirect) if redirect else pw_id
    return found


_ALIASES = select(advisory_aliases.c.alias)


def all_aliases(connection: Connection) -> set[str]:
    return set(connection.execute(_ALIASES).scalars())


def aliases_of(connection: Connection, pw_id: str) -> tuple[str, ...]:
    rows = connection.execute(
        select(advisory_aliases.c.alias).where(advisory_aliases.c.id == pw_id).order_by(advisory_aliases.c.alias)
    )
    return tuple(rows.scalars())


def kind_of(connection: Connection, pw_id: str) -> str:
    return str(connection.execute(select(advisory_ids.c.kind).where(advisory_ids.c.id == pw_id)).scalar_one())


def open_advisory(connection: Connection, *, aliases: Iterable[str], kind: str, year: int, at: datetime) -> str:
    """Gives out the next id of the year and binds the aliases to it."""
    highest = connection.execute(select(func.max(advisory_ids.c.number)).where(advisory_ids.c.year == year)).scalar()
    number = (highest or 0) + 1
    pw_id = f"PW-{year}-{number}"
    connection.execute(insert(advisory_ids).values(id=pw_id, year=year, number=number, kind=kind, opened_at=at))
    add_aliases(connection, pw_id, aliases)
    return pw_id


def add_aliases(connection: Connection, pw_id: str, aliases: Iterable[str]) -> None:
    """Binds further aliases; one that is bound already stays where it is."""
    wanted = {alias.upper() for alias in aliases}
    taken = resolve_many(connection, wanted)
    rows = [{"alias": alias, "id": pw_id} for alias in sorted(wanted - set(taken))]
    if rows:
        connection.execute(insert(advisory_aliases), rows)


def redirect(connection: Connection, *, younger: str, older: str) -> None:
    """Two ids turned out to be one matter: the younger leads to the older for ever."""
    connection.execute(update(advisory_ids).where(advisory_ids.c.id == younger).values(redirect_to=older))
    connection.execute(update(advisory_aliases).where(advisory_aliases.c.id == younger).values(id=older))
