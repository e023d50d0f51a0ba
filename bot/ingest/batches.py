"""What a source fetched, before it is read: documents that are known already are not read again, and a wrong clock's
mark is made good."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sources.base import Batch, RawDocument
from storage import documents as document_store
from storage import records
from storage.due import CLOCK_TOLERANCE
from storage.store import Store

COMPARED_FROM_BYTES = 256 * 1024  # smaller ones are read as quickly as they are looked up


def clock_ahead(newest: datetime | None, now: datetime) -> timedelta:
    """How far the newest document is dated in the future, by a clock that was set back since; else nothing."""
    ahead = newest - now if newest is not None else timedelta()
    return ahead if ahead > CLOCK_TOLERANCE else timedelta()


def moved(batch: Batch, now: datetime, ahead: timedelta) -> Batch:
    """A document fetched in this cycle comes after those that a wrong clock dated in the future: else it would count
    as history until that time has come."""
    if not ahead:
        return batch
    documents = [replace(raw, at=raw.at + ahead) if raw.at >= now else raw for raw in batch.documents]
    return replace(batch, documents=tuple(documents))


def without_known(store: Store, source: str, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Where a server sends the same bytes again instead of a 304: a large document that is stored already is a good
    fetch that says the same. Raises StorageError."""
    seen: set[str] = set()  # an address that comes twice in a cycle may have changed in between
    for batch in batches:
        large = [one for one in batch.documents if len(one.body) >= COMPARED_FROM_BYTES and one.url not in seen]
        seen.update(one.url for one in batch.documents)
        known = _known(store, source, large) if large else frozenset()
        if known:
            rest = tuple(one for one in batch.documents if one.url not in known)
            batch = replace(batch, documents=rest, same=(*batch.same, *sorted(known)))  # noqa: PLW2901
        yield batch


def _known(store: Store, source: str, large: list[RawDocument]) -> frozenset[str]:
    """The addresses of those whose bytes are the newest that are stored, and not overtaken by another address."""
    with store.read() as connection:
        stored = document_store.known_documents(connection, source=source, urls=[one.url for one in large])
        return frozenset(
            one.url
            for one in large
            if stored.repeats(one.url, hashlib.sha256(one.body).hexdigest(), until=one.at)
            and not records.is_overtaken(connection, source=source, url=one.url)
        )
