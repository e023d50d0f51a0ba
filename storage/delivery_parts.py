"""Messages that the far end takes in several parts: which of them arrived, so that a repeat begins after them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from storage.codec import from_text, to_text
from storage.delivery_tables import messages


def load_arrived(connection: Connection, message: str) -> list[str]:
    """The far end's ids of the parts that arrived, in order."""
    kept = connection.execute(select(messages.c.arrived).where(messages.c.id == message)).scalar()
    return from_text(str(kept), list[str]) if kept else []


def save_arrived(connection: Connection, message: str, remote_ids: Sequence[str]) -> None:
    kept = to_text(list(remote_ids))
    connection.execute(update(messages).where(messages.c.id == message).values(arrived=kept))
