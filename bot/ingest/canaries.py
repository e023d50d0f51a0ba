"""The canaries of a source: records that must read again as they did, or its documents are held (TRUST S28).

Nothing here is a list of known records: a canary is what this source gave before, learned from the documents that were
taken in. Beside the few that are chosen and kept, every watched record that is read again is compared with what it
said. One that differs while the others are equal is a correction and is taken; a field that most of them lost is
another format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from advisories.canaries import ENOUGH_FIXES, ENOUGH_FOR_A_TURN, Comparison, Tally, compare, is_settled, paths_of
from advisories.model import RecordVersion
from advisories.observation import Observation, Record
from bot.ingest.parsing import Parsed, ParseWorker
from sources.base import Canary as Rule
from sources.base import RawDocument, SourceSpec
from storage import canaries as store
from storage import documents as document_store
from storage import records
from storage.blobs import BlobStore
from storage.canaries import Canary

PER_PLACE = 5
PER_SOURCE = 60
LOOKED_THROUGH = 300  # records of a large document from which its canaries are chosen
COVERED_TWICE = 2
EQUAL_KEPT = 50  # pairs of earlier batches of a cycle that speak for the format
READ_AGAIN_AT_MOST = 20  # stored documents that are parsed once more before a source is held

Kept = Mapping[str, RecordVersion]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A record as it was accepted and as it is stated now; new None: gone, or no longer readable. settled: one of the
    chosen canaries, in which no word turns."""

    key: str
    url: str
    old: tuple[Observation, ...]
    new: tuple[Observation, ...] | None
    settled: bool

    @property
    def differs(self) -> bool:
        return self.old != self.new


class CanaryWatch:
    """The canaries over one cycle: its batches count together, and once it is held it stays held."""

    def __init__(self) -> None:
        self._before: list[_Pair] = []  # of earlier batches: what differed, and some of what was equal
        self._held: str | None = None
        self._chosen: dict[str, Canary] | None = None

    def judge(
        self, connection: Connection, blobs: BlobStore, spec: SourceSpec, fresh: Sequence[Parsed], kept: Kept
    ) -> str | None:
        """Why these documents may not be taken in, in one line; None when they read as before.

        kept: the stored versions of the records that they state. Before a source is held, what was stored is read
        once more by today's parser: a program that reads better than the last is no other format.
        """
        if self._held is None and spec.canary is not Rule.READ_ONCE and fresh:
            pairs = [*self._before, *_pairs(connection, spec, fresh, kept, self._load(connection, spec))]
            self._held = _reason(pairs, fresh)
            if self._held is not None:
                pairs = _read_again(connection, blobs, spec, pairs)
                self._held = _reason(pairs, fresh)
            equal = [one for one in pairs if not one.differs]
            self._before = [*(one for one in pairs if one.differs), *equal[-EQUAL_KEPT:]]
        return self._held

    def learn(self, connection: Connection, spec: SourceSpec, taken: Sequence[Parsed]) -> None:
        """Keeps the canaries of documents that were just taken in: in their newest form, five in each document."""
        if spec.canary is Rule.READ_ONCE or not taken:
            return
        known = self._load(connection, spec)
        for one in sorted(taken, key=lambda each: each.raw.at):
            if one.document is not None and one.document.records:
                _learn_document(connection, spec, one.raw, one.document.records, known)

    def _load(self, connection: Connection, spec: SourceSpec) -> dict[str, Canary]:
        """The chosen ones, read once in a cycle; `learn` keeps them up to date."""
        if self._chosen is None:
            self._chosen = store.load_canaries(connection, spec.name)
        return self._chosen


def _reason(pairs: Sequence[_Pair], fresh: Sequence[Parsed]) -> str | None:
    compared = [(one, _compared(one)) for one in pairs if one.differs]
    alone = Tally()
    for one, found in compared:
        alone.add(one.key, found, chosen=one.settled)
    if not alone.lost and alone.unfixed < ENOUGH_FIXES and alone.turned * 2 <= ENOUGH_FOR_A_TURN:
        return None  # too little to hold for: the whole need not be counted
    lossy = {one.key for one, found in compared if found.lost}
    documents = [one.document for one in fresh if one.document is not None]
    stated = [record for document in documents for record in document.records]
    shown = frozenset(path for one in stated if one.key not in lossy for path in paths_of(one.observations))
    return _tally(pairs).drift(shown, unreadable=not stated and any(one.rejected for one in documents))


def differences(
    connection: Connection, blobs: BlobStore, spec: SourceSpec, held: Sequence[Parsed], kept: Kept
) -> list[str]:
    """One line for each record of held documents that lost something or turned (`patchwatch sources release`)."""
    chosen = store.load_canaries(connection, spec.name)
    pairs = [one for one in _pairs(connection, spec, held, kept, chosen) if one.differs]
    lines = []
    for one in _read_again(connection, blobs, spec, pairs):
        found = _compared(one)
        lines += [f"canary {one.key}: {words}" for words in (*found.lost.values(), *found.turned)]
    return lines


def _tally(pairs: Iterable[_Pair]) -> Tally:
    tally = Tally()
    for one in pairs:
        if one.new is None:
            tally.add_lost(one.key, one.old)
        else:
            tally.add(one.key, compare(one.old, one.new), chosen=one.settled)
    return tally


def _compared(pair: _Pair) -> Comparison:
    if pair.new is None:
        return Comparison(lost={"record": "it is now absent or cannot be read"})
    return compare(pair.old, pair.new)


def _pairs(
    connection: Connection, spec: SourceSpec, fresh: Sequence[Parsed], kept: Kept, chosen: Mapping[str, Canary]
) -> list[_Pair]:
    settles = spec.canary is Rule.SETTLED
    newest: dict[str, tuple[str, tuple[Observation, ...]]] = {}  # what the batch itself said before, by record
    pairs = []
    for one in sorted(fresh, key=lambda each: each.raw.at):
        if one.document is None:
            continue
        stated = {record.key: record.observations for record in one.document.records}
        for key in sorted(stated.keys() & (chosen.keys() | kept.keys() | newest.keys())):
            old = newest.get(key) or _accepted(key, chosen, kept, one.raw)
            if old is not None:
                pairs.append(_Pair(key=key, url=old[0], old=old[1], new=stated[key], settled=settles and key in chosen))
        missing = sorted(_missing(connection, spec, one, stated, chosen))
        gone = records.newest_versions(connection, spec.name, missing)
        for key in missing:
            old = _accepted(key, chosen, gone, one.raw) or (one.raw.url, ())
            pairs.append(_Pair(key=key, url=old[0], old=old[1], new=None, settled=settles and key in chosen))
        newest |= {key: (one.raw.url, said) for key, said in stated.items() if key in chosen or key in kept}
    return pairs


def _accepted(
    key: str, chosen: Mapping[str, Canary], kept: Kept, raw: RawDocument
) -> tuple[str, tuple[Observation, ...]] | None:
    """Where and how the record was last accepted, unless that was later than this document."""
    canary, version = chosen.get(key), kept.get(key)
    if version is not None and (canary is None or version.at >= canary.at):
        return (version.evidence.url, version.observations) if version.at <= raw.at else None
    if canary is not None and canary.at <= raw.at:
        return canary.url, canary.observations
    return None


def _missing(
    connection: Connection,
    spec: SourceSpec,
    one: Parsed,
    stated: Mapping[str, object],
    chosen: Mapping[str, Canary],
) -> set[str]:
    """Records that this document held and holds no more: of a whole list, or where entries cannot be read."""
    if one.document is None or not (one.document.complete or one.document.rejected):
        return set()
    place = _place(one.raw, 2)
    known = {key for key, canary in chosen.items() if canary.place == place or canary.url == one.raw.url}
    known = {key for key in known if chosen[key].at <= one.raw.at}
    if not one.document.records:
        known |= records.keys_of_url(connection, spec.name, one.raw.url)
    return known - stated.keys()


def _place(raw: RawDocument, count: int) -> str:
    """Documents that hold one record each share a place; of a list it is the address, without what it was asked."""
    return raw.url.partition("?")[0] if count > 1 else ""


def _read_again(connection: Connection, blobs: BlobStore, spec: SourceSpec, pairs: Sequence[_Pair]) -> list[_Pair]:
    """The pairs with their old side as today's parser reads the stored documents: of those that differ only the ones
    that were read again, when there are any."""
    urls = sorted({one.url for one in pairs if one.differs})
    stored: list[RawDocument] = []
    for url in urls[:READ_AGAIN_AT_MOST]:
        found = document_store.newest_accepted(connection, source=spec.name, url=url)
        if found is not None and blobs.path(found.sha256).exists():
            body = blobs.get(found.sha256)
            stored.append(RawDocument(source=spec.name, url=url, at=found.at, body=body, kind=found.kind))
    if not stored:
        return list(pairs)
    said: dict[tuple[str, str], tuple[Observation, ...]] = {}
    with ParseWorker(spec.name) as worker:
        for parsed in worker.parse(stored):
            for record in parsed.document.records if parsed.document else ():
                said[parsed.raw.url, record.key] = record.observations
    read = {one.url for one in stored}
    return [
        replace(one, old=said.get((one.url, one.key), one.old)) for one in pairs if one.url in read or not one.differs
    ]


def _learn_document(
    connection: Connection,
    spec: SourceSpec,
    raw: RawDocument,
    stated: Sequence[Record],
    known: dict[str, Canary],
) -> None:
    """Renews the canaries that this document states, and chooses what is missing of five."""
    by_key = {record.key: record for record in stated}
    again = [one for key, one in known.items() if key in by_key and one.at <= raw.at]
    place = _place(raw, len(stated))
    changed = [
        _canary(raw, by_key[one.key], one.place) for one in again if by_key[one.key].observations != one.observations
    ]
    equal = {one.key for one in again} - {one.key for one in changed}
    store.read_equal(connection, spec.name, equal, at=raw.at)
    own = {key for key, one in known.items() if one.place == place and (not place or key in by_key)}
    new: list[Canary] = []
    if len(own) < PER_PLACE:
        gone = [key for key, one in known.items() if place and one.place == place and key not in by_key]
        store.drop_canaries(connection, spec.name, gone)
        for key in gone:
            del known[key]
        room = min(PER_PLACE - len(own), PER_SOURCE - len(known))
        new = [_canary(raw, one, place) for one in _choose(spec, stated, known, room)]
    store.save_canaries(connection, spec.name, [*changed, *new])
    known.update({one.key: one for one in (*changed, *new)})


def _canary(raw: RawDocument, record: Record, place: str) -> Canary:
    return Canary(
        key=record.key, place=place, url=raw.url, at=raw.at, observations=record.observations, equal_at=raw.at
    )


def _choose(spec: SourceSpec, stated: Sequence[Record], known: Mapping[str, Canary], room: int) -> list[Record]:
    """Records spread over the document that together fill as many fields as can be, each twice."""
    step = max(1, len(stated) // LOOKED_THROUGH)
    settled = [
        (one, paths_of(one.observations))
        for one in stated[::step]
        if one.key not in known and (spec.canary is not Rule.SETTLED or is_settled(one.observations))
    ]
    chosen: list[Record] = []
    covered: dict[str, int] = {}
    while settled and len(chosen) < room:
        best = max(settled, key=lambda one: sum(covered.get(path, 0) < COVERED_TWICE for path in one[1]))
        settled.remove(best)
        chosen.append(best[0])
        for path in best[1]:
            covered[path] = covered.get(path, 0) + 1
    return chosen
