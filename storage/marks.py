"""Named values of the store itself: where it comes from, which baseline it holds, a generation counter."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from storage.tables import meta


def load_mark(connection: Connection, name: str) -> str | None:
    return connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()


def save_mark(connection: Connection, name: str, value: str) -> None:
    connection.execute(delete(meta).where(meta.c.name == name))
    connection.execute(insert(meta).values(name=name, value=value))
