"""The folded patches, the keys they are found by, the advisories they belong to, and the records behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from advisories.model import RecordVersion
from advisories.observation import Observation
from advisories.patches import Patch
from storage import records as record_store
from storage.codec import clean, from_text, observations_to_text, to_text
from storage.records import NewVersion
from storage.tables import patch_advisories, patch_keys, patches, record_subjects, records

SUBJECT_KEPT = "patches"  # records that speak of a patch of some topic
SUBJECT_ORPHANS = "patch-orphans"  # mails and commits that may yet turn out to: a bounded number, the newest
SUBJECT_KEY = "patch/"  # + a key of advisories.patches_keys
ORPHAN_LIMIT = 4_000
_CHUNK = 400

RecordName = tuple[str, str]


def find_patches(connection: Connection, keys: Iterable[str]) -> list[str]:
    """Ids of the patches that are found by any of these keys, sorted."""
    found: set[str] = set()
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), _CHUNK):
        query = select(patch_keys.c.patch).where(patch_keys.c.key.in_(wanted[start : start + _CHUNK]))
        found.update(connection.execute(query).scalars())
    return sorted(found)


def known_patch_keys(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Those of the keys that some patch has."""
    wanted = sorted(set(keys))
    found: set[str] = set()
    for start in range(0, len(wanted), _CHUNK):
        query = select(patch_keys.c.key).where(patch_keys.c.key.in_(wanted[start : start + _CHUNK]))
        found.update(connection.execute(query).scalars())
    return found


def find_by_prefix(connection: Connection, prefix: str, *, limit: int = 50) -> list[str]:
    """Ids of the patches that have a key beginning so (an abbreviated commit id)."""
    query = (
        select(patch_keys.c.patch)
        .where(patch_keys.c.key.startswith(prefix, autoescape=True))
        .distinct()
        .order_by(patch_keys.c.patch)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def load_patches(connection: Connection, ids: Iterable[str]) -> list[Patch]:
    """In the order of their ids."""
    wanted = sorted(set(ids))
    found: list[Patch] = []
    for start in range(0, len(wanted), _CHUNK):
        query = (
            select(patches.c.state).where(patches.c.patch.in_(wanted[start : start + _CHUNK])).order_by(patches.c.patch)
        )
        found += [from_text(state, Patch) for state in connection.execute(query).scalars()]
    return found


def list_patches(connection: Connection) -> list[Patch]:
    query = select(patches.c.state).order_by(patches.c.patch)
    return [from_text(state, Patch) for state in connection.execute(query).scalars()]


def replace_patches(
    connection: Connection, old: Iterable[str], new: Iterable[tuple[Patch, Sequence[str]]], *, at: datetime
) -> None:
    """Takes the old ids out and stores the new states, each with its keys."""
    gone = sorted(set(old))
    for start in range(0, len(gone), _CHUNK):
        chunk = gone[start : start + _CHUNK]
        for table in (patches, patch_keys, patch_advisories):
            connection.execute(delete(table).where(table.c.patch.in_(chunk)))
    for patch, keys in new:
        connection.execute(
            insert(patches).values(
                patch=patch.id,
                title=clean(patch.title),
                author=clean(patch.author_name),
                modified_at=at,
                state=to_text(patch),
            )
        )
        rows = [{"key": key, "patch": patch.id} for key in sorted(set(keys))]
        if rows:
            connection.execute(insert(patch_keys), rows)


def advisories_of(connection: Connection, patch: str) -> list[str]:
    """PW ids, oldest first."""
    found = connection.execute(select(patch_advisories.c.id).where(patch_advisories.c.patch == patch)).scalars()
    return sorted(found, key=_id_order)


def patches_of(connection: Connection, advisory: str) -> list[str]:
    query = select(patch_advisories.c.patch).where(patch_advisories.c.id == advisory)
    return sorted(connection.execute(query).scalars())


def join_advisory(connection: Connection, patch: str, advisory: str) -> bool:
    """True when the patch did not belong to it before."""
    here = (patch_advisories.c.patch == patch) & (patch_advisories.c.id == advisory)
    if connection.execute(select(patch_advisories.c.id).where(here)).first() is not None:
        return False
    connection.execute(insert(patch_advisories).values(patch=patch, id=advisory))
    return True


def _id_order(pw_id: str) -> tuple[int, int]:
    year, number = pw_id.split("-")[1:3]
    return int(year), int(number)


def known_keys(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Those of the keys that a kept record owns."""
    found: set[str] = set()
    wanted = sorted({SUBJECT_KEY + key for key in keys})
    kept = record_subjects.alias()
    for start in range(0, len(wanted), _CHUNK):
        query = (
            select(record_subjects.c.subject)
            .join(kept, (kept.c.source == record_subjects.c.source) & (kept.c.key == record_subjects.c.key))
            .where(record_subjects.c.subject.in_(wanted[start : start + _CHUNK]), kept.c.subject == SUBJECT_KEPT)
            .distinct()
        )
        found.update(connection.execute(query).scalars())
    return {one.removeprefix(SUBJECT_KEY) for one in found}


def names_owning(connection: Connection, keys: Iterable[str]) -> set[RecordName]:
    """The records, kept or waiting, that own any of the keys."""
    found: set[RecordName] = set()
    wanted = sorted({SUBJECT_KEY + key for key in keys})
    for start in range(0, len(wanted), _CHUNK):
        query = select(record_subjects.c.source, record_subjects.c.key).where(
            record_subjects.c.subject.in_(wanted[start : start + _CHUNK])
        )
        found.update((source, key) for source, key in connection.execute(query))
    return found


def versions_named(connection: Connection, names: Iterable[RecordName]) -> list[RecordVersion]:
    """Every version of these records."""
    by_source: dict[str, list[str]] = {}
    for source, key in sorted(set(names)):
        by_source.setdefault(source, []).append(key)
    found: list[RecordVersion] = []
    for source, keys in by_source.items():
        found += record_store.all_versions(connection, source, keys)
    return found


def keep(connection: Connection, versions: Iterable[tuple[NewVersion, Sequence[str]]]) -> list[NewVersion]:
    """Stores records for good, each with the keys it owns; returns those whose content is new."""
    groups: dict[tuple[str, datetime], list[NewVersion]] = {}
    for version, keys in versions:
        subjects = (SUBJECT_KEPT, *(SUBJECT_KEY + key for key in keys))
        groups.setdefault((version.evidence.source, version.at), []).append(replace(version, subjects=subjects))
    return [one for name in sorted(groups) for one in record_store.add_versions(connection, groups[name])]


def add_keys(connection: Connection, name: RecordName, keys: Iterable[str]) -> bool:
    """Lets a stored record be found by further keys; True when one of them is new."""
    source, key = name
    here = (record_subjects.c.source == source) & (record_subjects.c.key == key)
    known = set(connection.execute(select(record_subjects.c.subject).where(here)).scalars())
    rows = [
        {"subject": subject, "source": source, "key": key}
        for subject in sorted({SUBJECT_KEY + one for one in keys} - known)
    ]
    if rows:
        connection.execute(insert(record_subjects), rows)
    return bool(rows)


def adopt(connection: Connection, names: Iterable[RecordName]) -> None:
    """Waiting records that turned out to speak of a patch are kept from now on."""
    for source, key in sorted(set(names)):
        here = (record_subjects.c.source == source) & (record_subjects.c.key == key)
        waiting = delete(record_subjects).where(here, record_subjects.c.subject == SUBJECT_ORPHANS)
        if connection.execute(waiting).rowcount:
            connection.execute(insert(record_subjects).values(subject=SUBJECT_KEPT, source=source, key=key))


def add_orphans(
    connection: Connection, waiting: Sequence[tuple[NewVersion, Sequence[str]]], *, limit: int = ORPHAN_LIMIT
) -> None:
    """Stores records that may belong to a patch that is not known yet, and lets the oldest beyond the limit go."""
    fresh = _unknown(connection, waiting)[-limit:]
    if not fresh:
        return
    connection.execute(insert(records), [_row(version) for version, _ in fresh])
    subjects = [
        {"subject": subject, "source": version.evidence.source, "key": version.key}
        for version, keys in fresh
        for subject in (SUBJECT_ORPHANS, *(SUBJECT_KEY + key for key in dict.fromkeys(keys)))
    ]
    connection.execute(insert(record_subjects), subjects)
    _let_go(connection, limit)


def _unknown(
    connection: Connection, waiting: Sequence[tuple[NewVersion, Sequence[str]]]
) -> list[tuple[NewVersion, Sequence[str]]]:
    newest = {(version.evidence.source, version.key): (version, keys) for version, keys in waiting}
    known: set[RecordName] = set()
    for source in sorted({source for source, _ in newest}):
        keys = sorted(key for one, key in newest if one == source)
        for start in range(0, len(keys), _CHUNK):
            query = select(records.c.key).where(
                records.c.source == source, records.c.key.in_(keys[start : start + _CHUNK])
            )
            known.update((source, key) for key in connection.execute(query).scalars())
    return [pair for name, pair in newest.items() if name not in known]


def _row(version: NewVersion) -> dict[str, object]:
    text = observations_to_text(version.observations)
    return {
        "source": version.evidence.source,
        "key": version.key,
        "at": version.at,
        "modified": version.modified,
        "evidence_class": version.evidence.evidence_class.value,
        "url": version.evidence.url,
        "sha256": version.evidence.sha256,
        "content": hashlib.sha256(text.encode()).hexdigest(),
        "observations": text,
        "last_seen_at": version.at,
    }


def _let_go(connection: Connection, limit: int) -> None:
    waiting = select(func.count()).select_from(record_subjects).where(record_subjects.c.subject == SUBJECT_ORPHANS)
    excess = int(connection.execute(waiting).scalar_one()) - limit
    if excess <= 0:
        return
    oldest = (
        select(records.c.source, records.c.key)
        .join(
            record_subjects,
            (record_subjects.c.source == records.c.source) & (record_subjects.c.key == records.c.key),
        )
        .where(record_subjects.c.subject == SUBJECT_ORPHANS)
        .order_by(records.c.record_id)
        .limit(excess)
    )
    by_source: dict[str, list[str]] = {}
    for source, key in connection.execute(oldest).all():
        by_source.setdefault(source, []).append(key)
    for source, keys in by_source.items():
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            for table in (record_subjects, records):
                connection.execute(delete(table).where(table.c.source == source, table.c.key.in_(chunk)))


def observations_about(connection: Connection, subject: str) -> list[Observation]:
    """The observations of every version about a subject, in order of time."""
    return [one for version in record_store.versions_about(connection, [subject]) for one in version.observations]
