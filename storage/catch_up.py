"""After a restore: what became known since the backup may have been sent already, and the restored ledger cannot know.

It is taken in as news, once for each source, and owed as `unconfirmed`: nobody is woken for it, `why` shows it, and the
next digest repeats it (TRUST S32).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from storage import marks
from storage.delivery_tables import deliveries
from storage.source_health import add_note
from storage.tables import sources

_MARK = "restored_at"
_CHUNK = 400


def begin(connection: Connection, *, now: datetime) -> int:
    """Marks a restored database; returns how many messages it held back because they may have been sent."""
    marks.save_mark(connection, _MARK, now.isoformat())
    waiting = deliveries.c.state.in_(("pending", "leased"))
    held = connection.execute(update(deliveries).where(waiting).values(state="unconfirmed", lease_until=None)).rowcount
    line = (
        f"The database was restored from a backup. What became known since then is in the feeds and the next digests; "
        f"nobody is told at once, for it may have been sent already ({held} messages of the backup included)."
    )
    add_note(connection, line, at=now)
    return int(held)


def is_catching_up(connection: Connection, source: str) -> bool:
    """Whether the source has had no good fetch since the restore."""
    restored = marks.load_mark(connection, _MARK)
    if restored is None:
        return False
    last = connection.execute(select(sources.c.last_good_at).where(sources.c.name == source)).scalar()
    return last is None or last < datetime.fromisoformat(restored)


def hold_back(connection: Connection, change_seqs: Sequence[int]) -> None:
    """What is owed for these changes is left to the next digest."""
    for start in range(0, len(change_seqs), _CHUNK):
        owed = deliveries.c.change_seq.in_(change_seqs[start : start + _CHUNK])
        connection.execute(update(deliveries).where(owed, deliveries.c.state == "pending").values(state="unconfirmed"))
