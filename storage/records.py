"""What each source's records said, version by version: the material of every fold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, delete, exists, func, insert, or_, select, update

from advisories.model import Evidence, RecordVersion
from advisories.observation import Observation
from advisories.words import EvidenceClass
from storage.codec import observations_from_text, observations_to_text
from storage.tables import record_subjects, records

# More sightings than this, over more time than this, decide nothing (advisories.establish): they are not written.
SEEN_ENOUGH = 3
SEEN_LONG_ENOUGH = timedelta(hours=25)
_CHUNK = 400


def _microseconds(span: timedelta) -> int:
    return int(span.total_seconds() * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A record as a document states it now, with the subjects (CVE ids and the like) it is found by."""

    key: str
    at: datetime
    modified: datetime | None
    evidence: Evidence
    observations: tuple[Observation, ...]
    subjects: tuple[str, ...]


def add_versions(
    connection: Connection, versions: Sequence[NewVersion], *, counted: list[str] | None = None
) -> list[NewVersion]:
    """Stores what one document states and returns the versions whose content is new.

    All of one source and one time. A repeat counts as another good fetch that says the same, as long as that count
    still decides anything: a record that was seen often enough is not written again. counted: gets the keys of those
    that were counted.
    """
    fresh: list[NewVersion] = []
    for start in range(0, len(versions), _CHUNK):
        chunk = versions[start : start + _CHUNK]
        fresh += _add_chunk(connection, chunk, [] if counted is None else counted)
    return fresh


def _add_chunk(connection: Connection, versions: Sequence[NewVersion], counted: list[str]) -> list[NewVersion]:
    source, at = versions[0].evidence.source, versions[0].at
    held = _held_at(connection, source, [one.key for one in versions], at)
    rows: list[dict[str, object]] = []
    fresh: list[NewVersion] = []
    again: list[int] = []
    for one in versions:
        text = observations_to_text(one.observations)
        content = hashlib.sha256(text.encode()).hexdigest()
        before = held.get(one.key)
        if before is not None and before.content == content:
            if before.still_counts(at):
                again.append(before.record_id)
                counted.append(one.key)
            continue
        if before is not None and before.at == at and _is_stored(connection, source, one.key, at, content):
            continue
        rows.append(_row(one, text, content))
        fresh.append(one)
        held[one.key] = _Held(record_id=0, content=content, at=at, seen=SEEN_ENOUGH, last_seen_at=at)
    if rows:
        connection.execute(insert(records), rows)
        _add_subjects(connection, source, fresh)
    _count_again(connection, again, at)
    return fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """The version of a record that held just before a time."""

    record_id: int
    content: str
    at: datetime
    seen: int
    last_seen_at: datetime

    def still_counts(self, at: datetime) -> bool:
        """Whether one more sighting at that time can still decide something."""
        watched = self.seen < SEEN_ENOUGH or self.last_seen_at - self.at < SEEN_LONG_ENOUGH
        return watched and self.last_seen_at < at


def _held_at(connection: Connection, source: str, keys: Sequence[str], at: datetime) -> dict[str, _Held]:
    query = (
        select(
            records.c.key, records.c.record_id, records.c.content, records.c.at, records.c.seen, records.c.last_seen_at
        )
        .where(records.c.source == source, records.c.key.in_(keys), records.c.at <= at)
        .order_by(records.c.at, records.c.record_id)
    )
    return {
        row.key: _Held(
            record_id=row.record_id,
            content=row.content,
            at=row.at,
            seen=row.seen,
            last_seen_at=row.last_seen_at or row.at,
        )
        for row in connection.execute(query)
    }


def _is_stored(connection: Connection, source: str, key: str, at: datetime, content: str) -> bool:
    """Two documents of one moment may state one record in turn."""
    same = select(records.c.record_id).where(
        records.c.source == source, records.c.key == key, records.c.at == at, records.c.content == content
    )
    return connection.execute(same).first() is not None


def _row(version: NewVersion, text: str, content: str) -> dict[str, object]:
    return {
        "source": version.evidence.source,
        "key": version.key,
        "at": version.at,
        "modified": version.modified,
        "evidence_class": version.evidence.evidence_class.value,
        "url": version.evidence.url,
        "sha256": version.evidence.sha256,
        "content": content,
        "observations": text,
        "last_seen_at": version.at,
    }


def _count_again(connection: Connection, record_ids: Sequence[int], at: datetime) -> None:
    for start in range(0, len(record_ids), _CHUNK):
        connection.execute(
            update(records)
            .where(records.c.record_id.in_(record_ids[start : start + _CHUNK]))
            .values(seen=records.c.seen + 1, last_seen_at=at, missing=0, missing_since=None, missing_last=None)
        )


def _add_subjects(connection: Connection, source: str, versions: Sequence[NewVersion]) -> None:
    keys = [one.key for one in versions]
    known = {
        (row.key, row.subject)
        for row in connection.execute(
            select(record_subjects.c.key, record_subjects.c.subject).where(
                record_subjects.c.source == source, record_subjects.c.key.in_(keys)
            )
        )
    }
    wanted = {(one.key, subject) for one in versions for subject in one.subjects}
    rows = [{"subject": subject, "source": source, "key": key} for key, subject in sorted(wanted - known)]
    if rows:
        connection.execute(insert(record_subjects), rows)


_LATER = records.alias()
_SEEN_AGAIN = (
    update(records)
    .where(
        records.c.source == bindparam("of"),
        records.c.url == bindparam("address"),
        records.c.last_seen_at < bindparam("seen_at"),
        or_(records.c.seen < SEEN_ENOUGH, records.c.last_seen_at - records.c.at < _microseconds(SEEN_LONG_ENOUGH)),
        ~exists().where(_LATER.c.source == bindparam("of"), _LATER.c.key == records.c.key, _LATER.c.at > records.c.at),
    )
    .values(seen=records.c.seen + 1, last_seen_at=bindparam("seen_at"))
)


def seen_again(connection: Connection, *, source: str, url: str, at: datetime) -> int:
    """Counts one more good fetch for the newest version of each record of an address that had not changed; writes
    nothing once the count decides nothing any more. Returns how many rows were written."""
    return int(connection.execute(_SEEN_AGAIN, {"of": source, "address": url, "seen_at": at}).rowcount)


def said_again(connection: Connection, *, source: str, keys: Sequence[str], at: datetime) -> list[RecordVersion]:
    """Of these records the versions that were seen again just then and are not the first word of their record: this
    sighting may be the one that confirms what is weaker, or left out."""
    if not keys:
        return []
    before = records.alias()
    earlier = exists().where(before.c.source == source, before.c.key == records.c.key, before.c.at < records.c.at)
    found = []
    for start in range(0, len(keys), _CHUNK):
        query = select(records).where(
            records.c.source == source,
            records.c.key.in_(keys[start : start + _CHUNK]),
            records.c.last_seen_at == at,
            records.c.at < at,
            earlier,
        )
        found += [_version(row) for row in connection.execute(query).mappings()]
    return found


def is_overtaken(connection: Connection, *, source: str, url: str) -> bool:
    """Whether another address spoke later for a record of this one: the same bytes here are then a new word."""
    later = records.alias()
    newer = exists().where(
        later.c.source == source, later.c.key == records.c.key, later.c.at > records.c.at, later.c.url != url
    )
    query = select(records.c.record_id).where(records.c.source == source, records.c.url == url, newer).limit(1)
    return connection.execute(query).first() is not None


def count_missing(connection: Connection, *, source: str, keys: Sequence[str], at: datetime) -> None:
    """A complete document left these records out: noted on their newest version, never more than noted."""
    for start in range(0, len(keys), 400):
        newest = (
            select(func.max(records.c.record_id))
            .where(records.c.source == source, records.c.key.in_(keys[start : start + 400]))
            .group_by(records.c.key)
        )
        # a list that arrives late is older than what it leaves out: that is no absence
        seen = func.coalesce(records.c.last_seen_at, records.c.at)
        earlier = select(records.c.record_id).where(records.c.record_id.in_(newest), seen < at)
        ids = list(connection.execute(earlier).scalars())
        chosen = records.c.record_id.in_(ids)
        connection.execute(update(records).where(chosen, records.c.missing == 0).values(missing_since=at))
        connection.execute(update(records).where(chosen).values(missing=records.c.missing + 1, missing_last=at))


def versions_about(connection: Connection, subjects: Sequence[str]) -> list[RecordVersion]:
    """Every version of every record that speaks about one of the subjects, in a fixed order."""
    keys = select(record_subjects.c.source, record_subjects.c.key).where(record_subjects.c.subject.in_(subjects))
    wanted = keys.distinct().subquery()
    query: Select[Any] = (  # Any: the row's shape is the table's
        select(records)
        .join(wanted, (wanted.c.source == records.c.source) & (wanted.c.key == records.c.key))
        .order_by(records.c.at, records.c.source, records.c.key, records.c.content)
    )
    return [_version(row) for row in connection.execute(query).mappings()]


def newest_versions(connection: Connection, source: str, keys: Sequence[str]) -> dict[str, RecordVersion]:
    """key -> newest version, for those of the keys that are stored."""
    found: dict[str, RecordVersion] = {}
    for start in range(0, len(keys), 400):
        query = (
            select(records)
            .where(records.c.source == source, records.c.key.in_(keys[start : start + 400]))
            .order_by(records.c.at, records.c.record_id)
        )
        for row in connection.execute(query).mappings():
            found[row["key"]] = _version(row)
    return found


def all_versions(connection: Connection, source: str, keys: Sequence[str]) -> list[RecordVersion]:
    """Every version of these records, in order of time."""
    found: list[RecordVersion] = []
    for start in range(0, len(keys), 400):
        query = (
            select(records)
            .where(records.c.source == source, records.c.key.in_(keys[start : start + 400]))
            .order_by(records.c.at, records.c.key, records.c.content)
        )
        found += [_version(row) for row in connection.execute(query).mappings()]
    return found


def keys_of_url(connection: Connection, source: str, url: str) -> set[str]:
    query = select(records.c.key).where(records.c.source == source, records.c.url == url).distinct()
    return set(connection.execute(query).scalars())


def count_records(connection: Connection, source: str) -> int:
    query = select(func.count(func.distinct(records.c.key))).where(records.c.source == source)
    return int(connection.execute(query).scalar_one())


def subjects_of(connection: Connection, source: str, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(keys), 400):
        query = select(record_subjects.c.subject).where(
            record_subjects.c.source == source, record_subjects.c.key.in_(keys[start : start + 400])
        )
        found.update(connection.execute(query).scalars())
    return found


def has_subject(connection: Connection, subject: str) -> bool:
    query = select(record_subjects.c.subject).where(record_subjects.c.subject == subject).limit(1)
    return connection.execute(query).first() is not None


def evidence_by_subject(connection: Connection, source: str) -> dict[str, Evidence]:
    """subject -> evidence of one record of this source that speaks about it."""
    query = (
        select(record_subjects.c.subject, records)
        .join(records, (records.c.source == record_subjects.c.source) & (records.c.key == record_subjects.c.key))
        .where(record_subjects.c.source == source)
    )
    return {row["subject"]: _version(row).evidence for row in connection.execute(query).mappings()}


def forget_source(connection: Connection, source: str) -> None:
    """Drops all versions of a source (the shipped baseline, when a newer one is loaded)."""
    connection.execute(delete(records).where(records.c.source == source))
    connection.execute(delete(record_subjects).where(record_subjects.c.source == source))


def _version(row: RowMapping) -> RecordVersion:
    return RecordVersion(
        key=row["key"],
        at=row["at"],
        modified=row["modified"],
        evidence=Evidence(
            source=row["source"],
            evidence_class=EvidenceClass(row["evidence_class"]),
            url=row["url"],
            fetched_at=row["at"],
            sha256=row["sha256"],
        ),
        observations=observations_from_text(row["observations"]),
        seen=row["seen"],
        last_seen_at=row["last_seen_at"],
        missing=row["missing"],
        missing_since=row["missing_since"],
        missing_last=row["missing_last"],
    )
