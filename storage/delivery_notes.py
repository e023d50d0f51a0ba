"""Lines for the operator that were not handed to a channel yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from storage.tables import operator_notes


def unsent_notes(connection: Connection, *, limit: int) -> list[tuple[int, datetime, str]]:
    """(number, time, text), the oldest first."""
    query = select(operator_notes.c.note_id, operator_notes.c.at, operator_notes.c.text)
    query = query.where(operator_notes.c.sent_at.is_(None)).order_by(operator_notes.c.note_id).limit(limit)
    return [(int(number), at, str(text)) for number, at, text in connection.execute(query)]


def mark_sent(connection: Connection, numbers: Sequence[int], *, now: datetime) -> None:
    connection.execute(update(operator_notes).where(operator_notes.c.note_id.in_(numbers)).values(sent_at=now))
