"""One batch of one source into the store: documents, records, state, changes, outbox and checkpoint together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from advisories.model import Change, Evidence, RecordVersion
from advisories.observation import Observation, PackageVersionObservation, ParsedDocument, Record, Rejected
from advisories.topics import Topic
from bot.ingest.breaker import COUNT, CycleTurns, Turned, measure
from bot.ingest.parsing import Parsed
from bot.ingest.patch_alarms import asked_alarms
from bot.ingest.patches import apply_patches
from bot.ingest.relevance import record_subjects
from bot.ingest.state import Refold
from sources.base import RawDocument, SourceSpec
from storage import catch_up, records, source_health
from storage import changes as change_store
from storage import documents as document_store
from storage.blobs import BlobStore
from storage.documents import KnownDocuments, NewDocument
from storage.records import NewVersion
from storage.store import Store

# A record dated after this is from a broken clock or a forger: it is taken as of its fetch (TRUST S7).
FUTURE_TOLERANCE = timedelta(days=1)
SLICED_ABOVE_BYTES = 256 * 1024

Enqueue = Callable[[Connection, Sequence[Change], datetime], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What every cycle needs to know besides its documents."""

    store: Store
    topics: tuple[Topic, ...]
    enqueue: Enqueue


@dataclass(slots=True, kw_only=True)
class CycleResult:
    """What a batch came to. `held` names why the source is held for the operator, else None."""

    documents: int = 0
    same: int = 0
    records: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    problems: list[tuple[RawDocument, str]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    held: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """quiet: a baseline, state without news. checked: the mass-change breaker watches (not after a release, nor in a
    rebuild). emits: False in a rebuild, where the ledger stays as it is. late: news from before a restore, which may
    have been sent: left to the next digest."""

    quiet: bool = False
    late: bool = False
    checked: bool = True
    emits: bool = True


def ingest(
    intake: Intake,
    spec: SourceSpec,
    parsed: Sequence[Parsed],
    *,
    now: datetime,
    mode: Mode,
    checkpoint: Mapping[str, str] | None = None,
    same: Iterable[str] = (),
    baseline: str | None = None,
    turns: CycleTurns | None = None,
) -> CycleResult:
    """Takes one batch in; everything or nothing. Blobs are written before the transaction: a crash leaves at most
    files that nothing names. baseline: the stream whose first reading ends with this batch. turns: what the batches
    before it in this cycle took away; once a cycle is held, the rest of it is kept for the operator, too. Raises
    StorageError."""
    result = CycleResult()
    turns = turns or CycleTurns()
    for one in parsed:
        if one.document is None:
            result.problems.append((one.raw, one.problem or "unreadable"))
    readable = [one for one in parsed if one.document is not None]
    names = intake.store.blobs.put_many([one.raw.body for one in readable])
    hashes = {id(one): name for one, name in zip(readable, names, strict=True)}
    with intake.store.write() as connection:
        stored = document_store.known_documents(connection, source=spec.name, urls=[one.raw.url for one in readable])
        work = _Work(connection, intake, spec, now, mode, result, stored)
        fresh = [one for one in readable if work.is_fresh(one, hashes[id(one)])]
        if mode.checked and (reason := work.reason_to_hold(fresh, turns)):
            work.hold(fresh, hashes, reason)
            return result
        work.take(fresh, hashes)
        if mode.emits:
            turns.canaries.learn(connection, spec, fresh)
        for url in same:
            work.see_again(url, at=now)
        work.finish()
        if mode.checked and source_health.is_held_by_canary(connection, spec.name):
            work.let_go([*(one.raw.url for one in fresh), *same])
        if result.held is not None:
            return result
        if baseline is not None:
            source_health.set_baseline_done(connection, spec.name, baseline, at=now)
        if checkpoint is not None:
            source_health.save_checkpoint(connection, spec.name, json.dumps(dict(checkpoint), sort_keys=True))
    return result


class _KnownAliases:
    """The aliases of stored advisories, read when the first record asks for them: most documents never do."""

    def __init__(self, refold: Refold) -> None:
        self._refold = refold
        self._loaded: set[str] | None = None

    def __contains__(self, alias: object) -> bool:
        if self._loaded is None:
            self._loaded = self._refold.known_aliases()
        return alias in self._loaded


class _Work:
    """The steps of one transaction."""

    def __init__(
        self,
        connection: Connection,
        intake: Intake,
        spec: SourceSpec,
        now: datetime,
        mode: Mode,
        result: CycleResult,
        stored: KnownDocuments,
    ) -> None:
        self._connection = connection
        self._stored = stored
        self._intake = intake
        self._spec = spec
        self._now = now
        self._mode = mode
        self._result = result
        self._refold = Refold(connection, intake.topics)
        self._known = _KnownAliases(self._refold)
        self._patch_versions: list[NewVersion] = []
        self._slices: dict[tuple[str, str], tuple[RawDocument, bytes]] = {}  # (record, document) -> what to cut out
        self._new_documents: list[NewDocument] = []  # of this batch, not recorded yet

    @property
    def _blobs(self) -> BlobStore:
        return self._intake.store.blobs

    def is_fresh(self, one: Parsed, sha256: str) -> bool:
        """Whether this document says anything that was not taken in yet; a repeat counts as one more good fetch."""
        raw = one.raw
        if self._stored.has(raw.url, raw.at, sha256):
            return False
        if self._mode.checked and (raw.url, sha256) in self._stored.held:
            self._result.held = f"as before; the difference: patchwatch sources release {self._spec.name}"
            return False
        if self._stored.repeats(raw.url, sha256, until=raw.at) and not records.is_overtaken(
            self._connection, source=raw.source, url=raw.url
        ):
            self.see_again(raw.url, at=raw.at)
            self._result.same += 1
            return False
        return True

    def see_again(self, url: str, *, at: datetime) -> None:
        """One more good fetch that says the same: it may confirm a weaker word, or that a cell is no longer listed."""
        name = self._spec.name
        if records.seen_again(self._connection, source=name, url=url, at=at):
            self._confirm(sorted(records.keys_of_url(self._connection, name, url)), at=at)

    def _confirm(self, keys: Sequence[str], *, at: datetime) -> None:
        for version in records.said_again(self._connection, source=self._spec.name, keys=keys, at=at):
            self._refold.touch(version)

    def reason_to_hold(self, fresh: Sequence[Parsed], turns: CycleTurns) -> str | None:
        """Too much of the source turned at once, or its documents no longer read as they did."""
        turned, before = self._measure(fresh, turns)
        if turned.holds:
            return turned.reason
        return turns.canaries.judge(self._connection, self._blobs, self._spec, fresh, before)

    def _measure(self, fresh: Sequence[Parsed], turns: CycleTurns) -> tuple[Turned, Mapping[str, RecordVersion]]:
        stated: dict[str, tuple[Observation, ...]] = {}
        lost: set[str] = set()
        for one in fresh:
            if one.document is None:
                continue
            stated.update({record.key: record.observations for record in one.document.records})
            if one.document.complete:
                lost |= records.keys_of_url(self._connection, self._spec.name, one.raw.url)
        before = records.newest_versions(self._connection, self._spec.name, list(stated))
        turned = turns.add(measure(0, before, stated, lost - stated.keys()))
        if turned.count <= COUNT:
            return turned, before  # too few to hold for: the whole need not be counted
        return replace(turned, stored=records.count_records(self._connection, self._spec.name)), before

    def hold(self, fresh: Sequence[Parsed], hashes: Mapping[int, str], reason: str) -> None:
        """Keeps the documents for the operator's look and applies nothing of them; the checkpoint stays."""
        self._result.held = reason
        for one in fresh:
            self._add_document(one.raw, hashes[id(one)], held=True)
        self._record_documents()
        source_health.hold(self._connection, self._spec.name, reason, at=self._now)

    def let_go(self, urls: Sequence[str]) -> None:
        """A source whose known records read otherwise goes on by itself once each address that was held gives a
        document that reads as before: it was a bad moment, and no other format."""
        name = self._spec.name
        if document_store.drop_held(self._connection, name, urls) == 0:
            source_health.release(self._connection, name)
            line = f"{name} goes on: its documents read as before. What was held meanwhile is dropped"
            source_health.add_note(self._connection, line, at=self._now, source=name)

    def take(self, fresh: Sequence[Parsed], hashes: Mapping[int, str]) -> None:
        for one in sorted(fresh, key=lambda each: (each.raw.at, each.raw.url, hashes[id(each)])):
            document = one.document
            if document is None:
                continue
            self._result.documents += 1
            self._result.rejected.extend(document.rejected)
            sliced = self._is_sliced(one.raw, document)
            self._add_document(one.raw, hashes[id(one)])
            self._take_records(one.raw, hashes[id(one)], document.records, sliced=sliced)
            if document.complete:
                self._count_missing(one.raw, {record.key for record in document.records})
            if sliced:
                self._record_documents()
                for gone in document_store.prune_whole(
                    self._connection, source=one.raw.source, url=one.raw.url, keep_sha256=hashes[id(one)]
                ):
                    self._blobs.remove(gone)

    def _is_sliced(self, raw: RawDocument, document: ParsedDocument) -> bool:
        """Of a large document that comes again and again the first and the newest are kept whole, and of those between
        only the records that changed."""
        if len(raw.body) <= SLICED_ABOVE_BYTES or not any(record.slice for record in document.records):
            return False
        self._record_documents()
        newest = document_store.newest_hash(self._connection, source=raw.source, url=raw.url, until=raw.at)
        return newest is not None

    def _add_document(self, raw: RawDocument, sha256: str, *, held: bool = False) -> None:
        self._came(raw, sha256, size_bytes=len(raw.body), held=held)
        if not held and (raw.validators.etag or raw.validators.last_modified):
            document_store.keep_validators(
                self._connection,
                source=raw.source,
                url=raw.url,
                etag=raw.validators.etag,
                last_modified=raw.validators.last_modified,
                sha256=sha256,
            )

    def _came(
        self, raw: RawDocument, sha256: str, *, size_bytes: int, held: bool = False, slice_of: str | None = None
    ) -> None:
        self._new_documents.append(
            NewDocument(
                source=raw.source,
                url=raw.url,
                kind=raw.kind,
                at=raw.at,
                sha256=sha256,
                size_bytes=size_bytes,
                held=held,
                slice_of=slice_of,
            )
        )

    def _record_documents(self) -> None:
        """Writes down which documents came so far; in one statement, for a list brings hundreds."""
        document_store.add_documents(self._connection, self._new_documents, known=self._stored)
        self._new_documents.clear()

    def _take_records(self, raw: RawDocument, sha256: str, stated: Sequence[Record], *, sliced: bool) -> None:
        self._result.records += len(stated)
        evidence = Evidence(
            source=raw.source,
            evidence_class=self._spec.evidence_class,
            url=raw.url,
            fetched_at=raw.at,
            sha256=sha256,
        )
        versions = [self._version(raw, evidence, record) for record in stated]
        self._patch_versions += versions
        slices = {record.key: record.slice for record in stated if record.slice}
        if sliced:
            self._slices |= {(key, sha256): (raw, content) for key, content in slices.items()}
        counted: list[str] = []
        wanted = [one for one in versions if one.subjects]
        for version in records.add_versions(self._connection, wanted, counted=counted):
            if sliced and version.key in slices:
                self._keep_slice(raw, sha256, slices[version.key])
            self._touch(version)
        self._confirm(counted, at=raw.at)

    def _version(self, raw: RawDocument, evidence: Evidence, record: Record) -> NewVersion:
        subjects = record_subjects(self._intake.topics, record.observations, self._known)
        return NewVersion(
            key=record.key,
            at=raw.at,
            modified=self._clamp(record.modified, raw.at),
            evidence=evidence,
            observations=record.observations,
            subjects=tuple(sorted(subjects)),
        )

    def _touch(self, version: NewVersion) -> None:
        stored = RecordVersion(
            key=version.key,
            at=version.at,
            modified=version.modified,
            evidence=version.evidence,
            observations=version.observations,
        )
        self._refold.touch(stored)
        if any(isinstance(one, PackageVersionObservation) for one in version.observations):
            self._refold.touch_all(version.evidence)

    def _keep_slice(self, raw: RawDocument, sha256: str, content: bytes) -> None:
        self._came(raw, self._blobs.put(content), size_bytes=len(content), slice_of=sha256)

    def _keep_patch_slice(self, version: NewVersion) -> None:
        """Whether a mail or commit is kept is known once the whole batch is read."""
        found = self._slices.get((version.key, version.evidence.sha256))
        if found is not None:
            self._keep_slice(found[0], version.evidence.sha256, found[1])

    def _clamp(self, modified: datetime | None, fetched_at: datetime) -> datetime | None:
        if modified is not None and modified > fetched_at + FUTURE_TOLERANCE:
            return fetched_at
        return modified

    def _count_missing(self, raw: RawDocument, stated: set[str]) -> None:
        gone = sorted(records.keys_of_url(self._connection, raw.source, raw.url) - stated)
        records.count_missing(self._connection, source=raw.source, keys=gone, at=raw.at)
        for version in records.newest_versions(self._connection, raw.source, gone).values():
            self._refold.touch(version)

    def finish(self) -> None:
        """Folds what was touched, stores the changes and fills the outbox."""
        drafts = self._refold.run(at=self._moment())
        drafts += apply_patches(
            self._connection,
            self._intake.topics,
            self._patch_versions,
            at=self._moment(),
            touched=[one.advisory for one in drafts if one.advisory],
            keep_slice=self._keep_patch_slice,
        )
        self._record_documents()
        if self._result.documents:
            source_health.count_records(
                self._connection, self._spec.name, self._result.records, len(self._result.rejected)
            )
            source_health.note_newest(self._connection, self._spec.name, self._moment())
        if not self._mode.emits:
            return
        if self._mode.quiet:
            drafts = [replace(one, quiet=True) for one in drafts]
        else:
            drafts += asked_alarms(self._connection, self._intake.topics, at=self._moment())
        stored = change_store.add_changes(self._connection, drafts)
        self._result.changes = stored
        self._intake.enqueue(self._connection, stored, self._now)
        if self._mode.late:
            catch_up.hold_back(self._connection, [one.seq for one in stored])

    def _moment(self) -> datetime:
        """When the facts became known to us: the newest document's time in this batch."""
        return max((one.at for one in self._patch_versions), default=self._now)
