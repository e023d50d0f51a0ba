"""What each source's records said, version by version: the material of every fold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select, update

from advisories.model import Evidence, RecordVersion
from advisories.observation import Observation
from advisories.words import EvidenceClass
from storage.codec import observations_from_text, observations_to_text
from storage.tables import record_subjects, records


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A record as a document states it now, with the subjects (CVE ids and the like) it is found by."""

    key: str
    at: datetime
    modified: datetime | None
    evidence: Evidence
    observations: tuple[Observation, ...]
    subjects: tuple[str, ...]


def add_version(connection: Connection, version: NewVersion) -> bool:
    """Stores a version; True when its content is new. A repeat counts as another good fetch that says the same."""
    text = observations_to_text(version.observations)
    content = hashlib.sha256(text.encode()).hexdigest()
    source = version.evidence.source
    before = _neighbour(connection, source, version.key, version.at)
    if before is not None and before["content"] == content:
        if (before["last_seen_at"] or before["at"]) < version.at:
            connection.execute(
                update(records)
                .where(records.c.record_id == before["record_id"])
                .values(
                    seen=before["seen"] + 1, last_seen_at=version.at, missing=0, missing_since=None, missing_last=None
                )
            )
        return False
    same = select(records.c.record_id).where(
        records.c.source == source,
        records.c.key == version.key,
        records.c.at == version.at,
        records.c.content == content,
    )
    if connection.execute(same).first() is not None:
        return False
    connection.execute(
        insert(records).values(
            source=source,
            key=version.key,
            at=version.at,
            modified=version.modified,
            evidence_class=version.evidence.evidence_class.value,
            url=version.evidence.url,
            sha256=version.evidence.sha256,
            content=content,
            observations=text,
            last_seen_at=version.at,
        )
    )
    _add_subjects(connection, source, version.key, version.subjects)
    return True


def _neighbour(connection: Connection, source: str, key: str, at: datetime) -> RowMapping | None:
    """The version of this record that held just before `at`."""
    return (
        connection.execute(
            select(records)
            .where(records.c.source == source, records.c.key == key, records.c.at <= at)
            .order_by(records.c.at.desc(), records.c.record_id.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )


def _add_subjects(connection: Connection, source: str, key: str, subjects: Iterable[str]) -> None:
    known = set(
        connection.execute(
            select(record_subjects.c.subject).where(record_subjects.c.source == source, record_subjects.c.key == key)
        ).scalars()
    )
    rows = [{"subject": one, "source": source, "key": key} for one in sorted(set(subjects) - known)]
    if rows:
        connection.execute(insert(record_subjects), rows)


def seen_again(connection: Connection, *, source: str, url: str, at: datetime) -> int:
    """Counts one more good fetch for the newest version of each record of an address that had not changed."""
    newest = (
        select(func.max(records.c.record_id))
        .where(records.c.source == source, records.c.url == url)
        .group_by(records.c.key)
        .scalar_subquery()
    )
    answer = connection.execute(
        update(records)
        .where(records.c.record_id.in_(newest), records.c.last_seen_at < at)
        .values(seen=records.c.seen + 1, last_seen_at=at)
    )
    return int(answer.rowcount)


def count_missing(connection: Connection, *, source: str, keys: Sequence[str], at: datetime) -> None:
    """A complete document left these records out: noted on their newest version, never more than noted."""
    for start in range(0, len(keys), 400):
        newest = (
            select(func.max(records.c.record_id))
            .where(records.c.source == source, records.c.key.in_(keys[start : start + 400]))
            .group_by(records.c.key)
        )
        ids = list(connection.execute(newest).scalars())
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
