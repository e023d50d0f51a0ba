"""A second set of derived tables beside the live one, and the swap.

The copy is a SQLite file of its own that shares the folder of documents: identity is copied into it first, so that ids
stay; at the end its derived rows replace the live ones in one transaction. Changes, deliveries and subscriptions are
never touched.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Table, bindparam, delete, insert, or_, select, update

from storage.blobs import BlobStore
from storage.store import Store, open_store
from storage.tables import (
    advisories,
    advisory_aliases,
    advisory_ids,
    advisory_topics,
    metadata,
    patch_advisories,
    patch_keys,
    patches,
    record_subjects,
    records,
)

IDENTITY: tuple[Table, ...] = (advisory_ids, advisory_aliases)
DERIVED: tuple[Table, ...] = (
    records,
    record_subjects,
    advisories,
    advisory_topics,
    patches,
    patch_keys,
    patch_advisories,
)
_CHUNK = 500


@contextmanager
def aside(live: Store) -> Iterator[Store]:
    """An empty store that knows the live one's identities and reads the live one's documents."""
    with tempfile.TemporaryDirectory(prefix="rebuild-", dir=live.blobs.folder.parent) as folder:
        store = open_store(None, Path(folder))
        store.blobs = BlobStore(live.blobs.folder)
        try:
            metadata.create_all(store.engine)
            with live.read() as source, store.write() as target:
                for table in IDENTITY:
                    _copy(source, target, table)
            yield store
        finally:
            store.close()


def swap(live: Store, rebuilt: Store) -> None:
    """Replaces the derived tables of the live store by the rebuilt ones, and adds identities given out meanwhile."""
    with rebuilt.read() as source, live.write() as target:
        for table in reversed(DERIVED):
            target.execute(delete(table))
        known = set(target.execute(select(advisory_ids.c.id)).scalars())
        _copy(source, target, advisory_ids, skip=known, column="id")
        aliases = set(target.execute(select(advisory_aliases.c.alias)).scalars())
        _copy(source, target, advisory_aliases, skip=aliases, column="alias")
        for table in DERIVED:
            _copy(source, target, table)


def carry_sightings(live: Store, rebuilt: Store) -> None:
    """How often and how long a version was seen, or missed, is no document's word: it is carried over."""
    same = (records.c.source, records.c.key, records.c.at, records.c.content)
    counted = (
        records.c.seen, records.c.last_seen_at, records.c.missing, records.c.missing_since, records.c.missing_last,
    )  # fmt: skip
    worth = or_(records.c.seen > 1, records.c.missing > 0)
    change = (
        update(records)
        .where(*(column == bindparam(f"same_{column.name}") for column in same))
        .values({column.name: bindparam(f"new_{column.name}") for column in counted})
    )
    with live.read() as source, rebuilt.write() as target:
        rows = [
            {f"same_{one.name}": row[one.name] for one in same} | {f"new_{one.name}": row[one.name] for one in counted}
            for row in source.execute(select(*same, *counted).where(worth)).mappings()
        ]
        for start in range(0, len(rows), _CHUNK):
            target.execute(change, rows[start : start + _CHUNK])


def _copy(
    source: Connection, target: Connection, table: Table, *, skip: set[str] | None = None, column: str = ""
) -> None:
    chunk: list[dict[str, object]] = []
    for row in source.execute(select(table)).mappings():
        if skip and row[column] in skip:
            continue
        chunk.append(dict(row))
        if len(chunk) >= _CHUNK:
            target.execute(insert(table), chunk)
            chunk = []
    if chunk:
        target.execute(insert(table), chunk)
