"""Lines for the operator on their way to `[alerts] destination`: each once, by the same ledger."""

from __future__ import annotations

import json
from datetime import datetime

from bot.delivery.destinations import Place
from bot.messages.model import freeze, make_message
from bot.messages.safe import show_text
from storage import delivery_notes
from storage.delivery import ensure_destination
from storage.delivery_ledger import owe_notice
from storage.store import Store

NOTES_AT_ONCE = 10


def forward_notes(store: Store, place: Place, *, folds: bool, now: datetime) -> int:
    """Owes the notes that were not sent yet to the operator's destination, as one message; returns how many.
    folds: the channel takes messages for people, else JSON. Raises StorageError."""
    with store.read() as connection:
        if not delivery_notes.unsent_notes(connection, limit=1):
            return 0
    with store.write() as connection:
        notes = delivery_notes.unsent_notes(connection, limit=NOTES_AT_ONCE)
        if not notes:
            return 0
        lines = [f"{at:%Y-%m-%d %H:%M} UTC {show_text(text, limit=300)}" for _, at, text in notes]
        content = freeze(make_message("patchwatch: for the operator", lines))
        if not folds:
            content = json.dumps({"notes": lines}, ensure_ascii=False)
        destination = ensure_destination(
            connection, kind=place.kind, address=place.address, thread=place.thread, now=now
        )
        owe_notice(connection, destination, content, now=now, urgent=True)
        delivery_notes.mark_sent(connection, [number for number, _, _ in notes], now=now)
    return len(notes)
