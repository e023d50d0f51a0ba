"""A subscriber to everything, and what was owed to them and said to the operator."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from advisories.model import ChangeDraft
from bot.app import App
from storage import delivery
from storage.codec import from_text
from storage.delivery_tables import deliveries
from storage.tables import changes, operator_notes
from tests.build import at


def subscribe(app: App, words: str = "copy-fail", *, now: datetime | None = None) -> None:
    with app.store.write() as connection:
        destination = delivery.ensure_destination(connection, kind="webhook", address=words, now=now or at())
        delivery.add_subscription(connection, destination, words, now=now or at())


def owed(app: App, state: str = "pending") -> list[tuple[str, str | None]]:
    """(kind of change, new value) of each message in that state, in order."""
    query = (
        select(changes.c.draft)
        .join(deliveries, deliveries.c.change_seq == changes.c.seq)
        .where(deliveries.c.state == state)
        .order_by(deliveries.c.id)
    )
    with app.store.read() as connection:
        drafts = [from_text(text, ChangeDraft) for text in connection.execute(query).scalars()]
    return [(one.change.value, one.new) for one in drafts]


def notes(app: App) -> list[str]:
    with app.store.read() as connection:
        return list(connection.execute(select(operator_notes.c.text).order_by(operator_notes.c.note_id)).scalars())
