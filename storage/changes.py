"""The ledger of changes: append-only, one row a change, numbered for ever."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Select, func, insert, select

from advisories.model import Change, ChangeDraft
from advisories.words import ChangeType
from storage.codec import clean, from_text, to_text
from storage.tables import change_topics, changes

# A feed entry's id depends on the change alone: not on the address, the database or the number it got there.
NAMESPACE = UUID("6d2f3c1e-8f0b-5b2a-9a53-9d7f3c5b7e11")


def change_uuid(key: str) -> str:
    return str(uuid5(NAMESPACE, key))


def add_changes(connection: Connection, drafts: Iterable[ChangeDraft]) -> list[Change]:
    """Stores the drafts that are new and returns them numbered; a change whose key is known is not said twice."""
    stored: list[Change] = []
    for draft in drafts:
        key = clean(draft.key)
        if connection.execute(select(changes.c.seq).where(changes.c.key == key)).first() is not None:
            continue
        identity = change_uuid(key)
        answer = connection.execute(
            insert(changes)
            .values(
                uuid=identity,
                key=key,
                at=draft.at,
                advisory=draft.advisory,
                change=draft.change.value,
                distro=draft.distro,
                release=draft.release,
                source=draft.source,
                quiet=draft.quiet,
                draft=to_text(draft),
            )
            .returning(changes.c.seq)
        )
        seq = int(answer.scalar_one())
        if draft.topics:
            connection.execute(insert(change_topics), [{"topic": one, "seq": seq} for one in draft.topics])
        stored.append(Change(seq=seq, uuid=identity, draft=draft))
    return stored


def known_keys(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Those of the keys under which the ledger has a change."""
    wanted = sorted(map(clean, keys))
    return set(connection.execute(select(changes.c.key).where(changes.c.key.in_(wanted))).scalars())


def load_change(connection: Connection, seq: int) -> Change | None:
    row = connection.execute(select(changes.c.seq, changes.c.uuid, changes.c.draft).where(changes.c.seq == seq)).first()
    return None if row is None else _change(row)


def load_changes(connection: Connection, seqs: Sequence[int]) -> list[Change]:
    query = (
        select(changes.c.seq, changes.c.uuid, changes.c.draft).where(changes.c.seq.in_(seqs)).order_by(changes.c.seq)
    )
    return [_change(row) for row in connection.execute(query)]


def list_changes(
    connection: Connection,
    *,
    since: datetime | None = None,
    after_seq: int = 0,
    topic: str | None = None,
    advisory: str | None = None,
    newest_first: bool = False,
    limit: int | None = None,
    with_quiet: bool = True,
) -> list[Change]:
    """Stored changes by number; `since` is compared with the time the fact became known."""
    query: Select[Any] = select(changes.c.seq, changes.c.uuid, changes.c.draft).where(changes.c.seq > after_seq)
    if since is not None:
        query = query.where(changes.c.at >= since)
    if topic is not None:
        query = query.join(change_topics, change_topics.c.seq == changes.c.seq).where(change_topics.c.topic == topic)
    if advisory is not None:
        query = query.where(changes.c.advisory == advisory)
    if not with_quiet:
        query = query.where(changes.c.quiet.is_(False) | (changes.c.source == "baseline"))
    query = query.order_by(changes.c.seq.desc() if newest_first else changes.c.seq)
    if limit is not None:
        query = query.limit(limit)
    return [_change(row) for row in connection.execute(query)]


def list_alarms(connection: Connection, *, patch: str, advisories: Sequence[str]) -> list[Change]:
    """The alarms of a patch, told under these advisories or none, by number. A change's key ends with its patch."""
    query = (
        select(changes.c.seq, changes.c.uuid, changes.c.draft)
        .where(changes.c.advisory.in_(advisories) | changes.c.advisory.is_(None))
        .where(changes.c.change == ChangeType.ALARM.value, changes.c.key.endswith(f"|{patch}|", autoescape=True))
        .order_by(changes.c.seq)
    )
    return [_change(row) for row in connection.execute(query)]


def newest_seq(connection: Connection) -> int:
    return int(connection.execute(select(func.max(changes.c.seq))).scalar() or 0)


def key_of_newest(
    connection: Connection,
    *,
    advisory: str,
    change: str,
    distro: str | None,
    release: str | None,
    version: str | None = None,
) -> str | None:
    """Key of the newest change of a kind about one release (or one upstream version): what a correction takes back."""
    query = (
        select(changes.c.key, changes.c.draft)
        .where(changes.c.advisory == advisory, changes.c.change == change)
        .where(changes.c.distro.is_(None) if distro is None else changes.c.distro == distro)
        .where(changes.c.release.is_(None) if release is None else changes.c.release == release)
        .order_by(changes.c.seq.desc())
    )
    for key, draft in connection.execute(query):
        if version is None or from_text(draft, ChangeDraft).version == version:
            return str(key)
    return None


def _change(row: Any) -> Change:  # Any: a row of three columns
    return Change(seq=row[0], uuid=row[1], draft=from_text(row[2], ChangeDraft))
