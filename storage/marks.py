"""Named values of the store itself: where it comes from, which baseline it holds, a generation counter."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select

from storage.tables import meta

_MARK = select(meta.c.value).where(meta.c.name == bindparam("of"))


def load_mark(connection: Connection, name: str) -> str | None:
    return connection.execute(_MARK, {"of": name}).scalar()


def save_mark(connection: Connection, name: str, value: str) -> None:
    connection.execute(delete(meta).where(meta.c.name == name))
    connection.execute(insert(meta).values(name=name, value=value))
