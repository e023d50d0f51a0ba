"""What each source is doing: lease, checkpoint, last good fetch, failure, hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import uuid4

from sqlalchemy import Connection, Update, and_, bindparam, case, func, insert, or_, select, update

from advisories.canaries import REASON
from storage.codec import clean
from storage.due import CLOCK_TOLERANCE
from storage.tables import operator_notes, source_streams, sources


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """One row of `patchwatch sources`. state: waiting | good | failing | held | stale | off."""

    name: str
    state: str
    checkpoint: str
    next_due_at: datetime | None
    leased_until: datetime | None
    lease: str | None
    last_attempt_at: datetime | None
    last_good_at: datetime | None
    newest_record_at: datetime | None
    failing_since: datetime | None
    failures: int
    error_kind: str | None
    error_text: str | None
    error_url: str | None
    rejected: int
    records: int
    held_reason: str | None
    baseline_done_at: datetime | None
    alerted_at: datetime | None
    requests: int
    bytes: int
    not_modified: int

    @property
    def asked(self) -> bool:
        """Whether it is polled: always, unless too much of it turned at once."""
        return self.state != "held" or (self.held_reason or "").startswith(REASON)


def ensure_source(connection: Connection, name: str) -> None:
    """A row for the source, made on first use."""
    if connection.execute(select(sources.c.name).where(sources.c.name == name)).first() is None:
        connection.execute(insert(sources).values(name=name, state="waiting", checkpoint="{}"))


def load_health(connection: Connection, name: str) -> SourceHealth | None:
    row = connection.execute(select(sources).where(sources.c.name == name)).mappings().first()
    return None if row is None else SourceHealth(**row)


def list_health(connection: Connection) -> list[SourceHealth]:
    return [SourceHealth(**row) for row in connection.execute(select(sources).order_by(sources.c.name)).mappings()]


_CHECKPOINT = select(sources.c.checkpoint).where(sources.c.name == bindparam("source"))


def load_checkpoint(connection: Connection, name: str) -> dict[str, str]:
    text = connection.execute(_CHECKPOINT, {"source": name}).scalar()
    loaded: dict[str, str] = json.loads(text or "{}")
    return loaded


def save_checkpoint(connection: Connection, name: str, checkpoint: str) -> None:
    _write(connection, name, update(sources).where(sources.c.name == name).values(checkpoint=checkpoint))


def _write(connection: Connection, name: str, row: Update, values: Mapping[str, object] | None = None) -> int:
    """Writes the source's row, and makes it before when it is not there: it nearly always is. Returns how many rows
    were written."""
    if not (written := connection.execute(row, values).rowcount):
        ensure_source(connection, name)
        written = connection.execute(row, values).rowcount
    return int(written)


_AHEAD = sources.c.last_attempt_at > bindparam("ahead")
_BY_CANARY = sources.c.held_reason.startswith(REASON)
_FREE = and_(
    sources.c.name == bindparam("source"),
    or_(sources.c.leased_until.is_(None), sources.c.leased_until <= bindparam("now"), _AHEAD),
    or_(sources.c.state != "held", _BY_CANARY),
)
_DUE = or_(sources.c.next_due_at.is_(None), sources.c.next_due_at <= bindparam("now"), _AHEAD)
# Statements that every poll needs are built once: building one costs four times what running it does.
_CLAIM = (
    update(sources)
    .where(_FREE)
    .values(leased_until=bindparam("until"), lease=bindparam("own_lease"), last_attempt_at=bindparam("now"))
)
_CLAIM_DUE = _CLAIM.where(_DUE)


def claim(connection: Connection, name: str, *, now: datetime, until: datetime, due_only: bool = True) -> str | None:
    """Leases the source for one cycle; None when it is not due, leased by another worker, or held because too much of
    it turned. What was written by a clock that has jumped back since binds nobody."""
    lease = str(uuid4())
    values = {"source": name, "now": now, "ahead": now + CLOCK_TOLERANCE, "until": until, "own_lease": lease}
    return lease if _write(connection, name, _CLAIM_DUE if due_only else _CLAIM, values) else None


def renew(connection: Connection, name: str, lease: str, *, until: datetime) -> bool:
    """Lengthens a lease that is still ours; False when another worker has taken the source over."""
    own = and_(sources.c.name == name, sources.c.lease == lease)
    return bool(connection.execute(update(sources).where(own).values(leased_until=until)).rowcount)


_COUNTED = ("requests", "bytes", "not_modified")
_ADDED = {name: sources.c[name] + bindparam(f"more_{name}") for name in _COUNTED}
_GOOD = (
    update(sources)
    .where(sources.c.name == bindparam("source"))
    .values(
        **_ADDED,
        state=case((sources.c.state == "held", "held"), else_="good"),
        last_good_at=bindparam("now"),
        next_due_at=bindparam("due"),
        leased_until=None,
        lease=None,
        failing_since=None,
        failures=0,
        error_kind=None,
        error_text=None,
        error_url=None,
        alerted_at=None,
    )
)
_TRAFFIC = update(sources).where(sources.c.name == bindparam("source")).values(**_ADDED)


def record_good(
    connection: Connection,
    name: str,
    *,
    now: datetime,
    next_due_at: datetime,
    traffic: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """A good cycle ends every failure and gives the lease back; a hold stays. traffic: as in `count_traffic`."""
    connection.execute(_GOOD, {"source": name, "now": now, "due": next_due_at, **_more(traffic)})


def count_traffic(connection: Connection, name: str, traffic: Mapping[str, int]) -> None:
    """Adds requests, bytes and not_modified of one cycle."""
    connection.execute(_TRAFFIC, {"source": name, **_more(traffic)})


def _more(traffic: Mapping[str, int]) -> dict[str, int]:
    return {f"more_{name}": traffic.get(name, 0) for name in _COUNTED}


def record_failure(
    connection: Connection, name: str, *, now: datetime, next_due_at: datetime, kind: str, text: str, url: str
) -> int:
    """A failed cycle; returns how many there were in a row."""
    row = connection.execute(
        select(sources.c.failures, sources.c.failing_since, sources.c.state).where(sources.c.name == name)
    ).one()
    failures = int(row.failures) + 1
    connection.execute(
        update(sources)
        .where(sources.c.name == name)
        .values(
            state=row.state if row.state == "held" else "failing",
            failures=failures,
            failing_since=row.failing_since or now,
            next_due_at=next_due_at,
            leased_until=None,
            lease=None,
            error_kind=kind,
            error_text=clean(text),
            error_url=clean(url),
        )
    )
    return failures


def set_state(connection: Connection, name: str, state: str) -> None:
    ensure_source(connection, name)
    connection.execute(update(sources).where(sources.c.name == name).values(state=state))


def hold(connection: Connection, name: str, reason: str, *, at: datetime) -> None:
    """Holds the source; the operator gets one line, however many batches of its cycle follow."""
    ensure_source(connection, name)
    held = connection.execute(select(sources.c.state).where(sources.c.name == name)).scalar() == "held"
    connection.execute(update(sources).where(sources.c.name == name).values(state="held", held_reason=reason))
    if held:
        return
    add_note(
        connection,
        f"{name} is held: {reason}. See the difference and let it go on: patchwatch sources release {name}",
        at=at,
        source=name,
    )


_HELD_BY_CANARY = select(sources.c.name).where(
    sources.c.name == bindparam("source"), sources.c.state == "held", _BY_CANARY
)


def is_held_by_canary(connection: Connection, name: str) -> bool:
    """Whether known records of it read otherwise: it is asked on, and goes on when they read as before."""
    return connection.execute(_HELD_BY_CANARY, {"source": name}).first() is not None


def release(connection: Connection, name: str) -> None:
    connection.execute(
        update(sources).where(sources.c.name == name).values(state="waiting", held_reason=None, next_due_at=None)
    )


def count_records(connection: Connection, name: str, seen: int, rejected: int) -> None:
    row = update(sources).where(sources.c.name == name).values(records=sources.c.records + seen, rejected=rejected)
    _write(connection, name, row)


def note_newest(connection: Connection, name: str, newest: datetime) -> None:
    condition = or_(sources.c.newest_record_at.is_(None), sources.c.newest_record_at < newest)
    connection.execute(update(sources).where(sources.c.name == name, condition).values(newest_record_at=newest))


_STREAMS = select(source_streams.c.stream).where(source_streams.c.source == bindparam("source"))


def streams_done(connection: Connection, source: str) -> frozenset[str]:
    """The streams of a source whose first reading has ended."""
    return frozenset(connection.execute(_STREAMS, {"source": source}).scalars())


def set_baseline_done(connection: Connection, source: str, stream: str, *, at: datetime) -> None:
    if stream not in streams_done(connection, source):
        connection.execute(insert(source_streams).values(source=source, stream=stream, baseline_done_at=at))


def last_baseline(connection: Connection, names: Sequence[str]) -> datetime | None:
    """When the last first reading of any of these sources' streams ended."""
    query = select(func.max(source_streams.c.baseline_done_at)).where(source_streams.c.source.in_(names))
    found: datetime | None = connection.execute(query).scalar()
    return found


def add_note(connection: Connection, text: str, *, at: datetime, source: str | None = None) -> None:
    """One line for the operator; sent to `[alerts] destination` when there is one."""
    connection.execute(insert(operator_notes).values(at=at, source=source, text=clean(text)))


def mark_alerted(connection: Connection, name: str, *, at: datetime) -> bool:
    """True the first time since the source was good: an operator is alerted once, not per retry."""
    answer = connection.execute(
        update(sources).where(sources.c.name == name, sources.c.alerted_at.is_(None)).values(alerted_at=at)
    )
    return bool(answer.rowcount)
