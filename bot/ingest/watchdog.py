"""Silence is news for the operator: one line when a source is past its freshness contract (TRUST S6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from bot.views.sources import is_stale, stale_reason
from sources.registry import find_source
from storage import marks, source_health
from storage.store import Store

FEWEST_OF_AN_OUTAGE = 3
OUTAGE = "outage"


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


def failure_line(connection: Connection, name: str, failures: int, text: str) -> str | None:
    """The line for a source that keeps failing. When no source answers any more it is one line for all of them: None
    for those that come after (TRUST row 62)."""
    known = source_health.list_health(connection)
    failing = [one for one in known if one.state == "failing" and one.failing_since is not None]
    since = min((one.failing_since for one in failing if one.failing_since), default=None)
    good = max((one.last_good_at for one in known if one.last_good_at), default=None)
    if since is None or len(failing) < FEWEST_OF_AN_OUTAGE or (good is not None and good >= since):
        return f"{name} has failed {failures} times: {text}. It is asked again; the rest goes on."
    told = marks.load_mark(connection, OUTAGE)
    if told == str(good):
        return None
    marks.save_mark(connection, OUTAGE, str(good))
    return (
        f"no source has answered since {since:%Y-%m-%d %H:%M} UTC ({len(failing)} fail; {name}: {text})."
        " Look at the network, the name server and [http] proxy; each source is asked again"
    )


def _mark(source: str) -> str:
    return f"stale:{source}"
