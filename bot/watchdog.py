"""Silence is news for the operator: one line when a source is past its freshness contract (TRUST S6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.views.sources import is_stale, stale_reason
from sources.registry import find_source
from storage import marks, source_health
from storage.store import Store


def note_stale(store: Store, names: Iterable[str], *, now: datetime) -> list[str]:
    """Notes each source that has become stale, once for what it last gave; returns the notes. Raises StorageError."""
    wanted = set(names)
    lines = []
    with store.read() as connection:
        known = [one for one in source_health.list_health(connection) if one.name in wanted]
        told = {one.name: marks.load_mark(connection, _mark(one.name)) for one in known}
    for health in known:
        spec = find_source(health.name)
        since = str(health.newest_record_at or health.last_good_at)
        if health.state == "held" or told[health.name] == since or not is_stale(spec, health, now):
            continue
        line = f"{health.name} is stale: {stale_reason(spec, health, now)}. Look at {spec.home}"
        with store.write() as connection:
            marks.save_mark(connection, _mark(health.name), since)
            source_health.add_note(connection, line, at=now, source=health.name)
        lines.append(line)
    return lines


def _mark(source: str) -> str:
    return f"stale:{source}"
