"""`patchwatch rebuild`: the same state again from the stored documents. The ledger stays and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from bot.app import App
from bot.ingest.cycle import Intake, Mode, ingest
from bot.ingest.parsing import ParseWorker
from bot.ingest.state import Refold
from sources.base import RawDocument
from sources.registry import find_source
from storage import advisories as advisory_store
from storage import documents as document_store
from storage import rebuilding
from storage.documents import StoredDocument
from storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildReport:
    """How many documents were read, and which advisories differ from before (added, gone or changed)."""

    documents: int
    unreadable: int
    added: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]


def rebuild(app: App, *, progress: Callable[[int, int], None] = lambda done, total: None) -> RebuildReport:
    """Derives records and state anew by (time, source, URL, hash). Raises StorageError; an interrupted rebuild leaves
    the old state, because the new one is made in a copy of the tables that is swapped in at the end."""
    with app.store.read() as connection:
        before = {one.id: one for _, _, one in advisory_store.list_advisories(connection)}
        documents = list(document_store.all_documents(connection, held=False))
    silent = Intake(store=app.store, topics=app.topics, enqueue=lambda connection, changes, now: 0)
    workers: dict[str, ParseWorker] = {}
    unreadable = done = 0
    with rebuilding.aside(app.store) as store:
        target = Intake(store=store, topics=silent.topics, enqueue=silent.enqueue)
        try:
            for (_, source), group in groupby(documents, key=lambda one: (one.at, one.source)):
                batch = list(group)
                unreadable += _take(app, target, source, batch, workers)
                done += len(batch)
                progress(done, len(documents))
        finally:
            for worker in workers.values():
                worker.close()
        rebuilding.carry_sightings(app.store, store)
        _refold_all(app, store)
        with store.read() as connection:
            after = {one.id: one for _, _, one in advisory_store.list_advisories(connection)}
        rebuilding.swap(app.store, store)
    return RebuildReport(
        documents=len(documents),
        unreadable=unreadable,
        added=tuple(sorted(after.keys() - before.keys())),
        gone=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(key for key in after.keys() & before.keys() if after[key] != before[key])),
    )


def _refold_all(app: App, store: Store) -> None:
    """Folds every advisory once more, now that each version is known as often seen as it was."""
    with store.write() as connection:
        refold = Refold(connection, app.topics)
        for _, modified_at, one in advisory_store.list_advisories(connection):
            if one.evidence:
                refold.refold(one.id, because=one.evidence[0], at=modified_at)


def _take(app: App, target: Intake, source: str, batch: list[StoredDocument], workers: dict[str, ParseWorker]) -> int:
    """Takes one moment's documents of a source; returns how many could not be read."""
    raws = [
        RawDocument(source=one.source, url=one.url, at=one.at, body=app.store.blobs.get(one.sha256), kind=one.kind)
        for one in batch
    ]
    worker = workers.setdefault(source, ParseWorker(source))
    parsed = list(worker.parse(raws))
    ingest(
        target,
        find_source(source),
        parsed,
        now=max(one.at for one in raws) if raws else datetime.now(UTC),
        mode=Mode(checked=False, emits=False),
    )
    return sum(one.document is None for one in parsed)
