"""Which documents came, and what we hold of an address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from storage.tables import documents, validators

_CHUNK = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document record; its bytes are in the blob store under `sha256`."""

    document_id: int
    source: str
    url: str
    kind: str
    at: datetime
    sha256: str
    size_bytes: int
    held: bool
    slice_of: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDocuments:
    """What is stored of some addresses. whole: (time, hash) of their whole documents by address, oldest first.
    everything: (address, time, hash) of these and of the slices. held: (address, hash) of what was not taken in."""

    whole: dict[str, list[tuple[datetime, str]]]
    everything: set[tuple[str, datetime, str]]
    held: set[tuple[str, str]]

    def has(self, url: str, at: datetime, sha256: str) -> bool:
        """The same (source, url, at, sha256) is taken in once."""
        return (url, at, sha256) in self.everything

    def note(self, url: str, at: datetime, sha256: str) -> bool:
        """Whether that document is new; from now on it is not."""
        new = not self.has(url, at, sha256)
        self.everything.add((url, at, sha256))
        return new

    def newest(self, url: str, *, until: datetime) -> str | None:
        """The hash of the newest whole document from before the batch, when none of it is of after that time."""
        stored = self.whole.get(url)
        return stored[-1][1] if stored and stored[-1][0] <= until else None

    def repeats(self, url: str, sha256: str, *, until: datetime) -> bool:
        """Whether these are the newest bytes again. A document that is held was not taken in: to see it again
        confirms nothing."""
        return self.newest(url, until=until) == sha256 and (url, sha256) not in self.held


def known_documents(connection: Connection, *, source: str, urls: Sequence[str]) -> KnownDocuments:
    """What is stored of these addresses of a source."""
    known = KnownDocuments(whole={}, everything=set(), held=set())
    for start in range(0, len(urls), _CHUNK):
        query = (
            select(documents.c.url, documents.c.at, documents.c.sha256, documents.c.slice_of, documents.c.held)
            .where(documents.c.source == source, documents.c.url.in_(urls[start : start + _CHUNK]))
            .order_by(documents.c.at, documents.c.document_id)
        )
        for url, at, sha256, slice_of, held in connection.execute(query):
            known.everything.add((url, at, sha256))
            if held:
                known.held.add((url, sha256))
            if slice_of is None:
                known.whole.setdefault(url, []).append((at, sha256))
    return known


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document that came, as it is recorded. slice_of: the hash of the whole that it was cut out of."""

    source: str
    url: str
    kind: str
    at: datetime
    sha256: str
    size_bytes: int
    held: bool = False
    slice_of: str | None = None

    def row(self) -> dict[str, object]:
        """As the table's columns are named; by hand, because `asdict` copies every value."""
        return {name: getattr(self, name) for name in self.__slots__}


def add_documents(connection: Connection, new: Sequence[NewDocument], *, known: KnownDocuments) -> None:
    """Records that documents came, each once; known: what is stored of their addresses, which is told of these."""
    rows = [one.row() for one in new if known.note(one.url, one.at, one.sha256)]
    if rows:
        connection.execute(insert(documents), rows)


def newest_hash(connection: Connection, *, source: str, url: str, until: datetime) -> str | None:
    """SHA-256 of the newest whole document of an address, when none of it is of after that time."""
    newest = connection.execute(
        select(documents.c.sha256, documents.c.at)
        .where(documents.c.source == source, documents.c.url == url, documents.c.slice_of.is_(None))
        .order_by(documents.c.at.desc(), documents.c.document_id.desc())
        .limit(1)
    ).first()
    return newest.sha256 if newest is not None and newest.at <= until else None


def newest_accepted(connection: Connection, *, source: str, url: str) -> StoredDocument | None:
    """The newest whole document of an address that was taken in."""
    row = connection.execute(
        select(documents)
        .where(
            documents.c.source == source,
            documents.c.url == url,
            documents.c.slice_of.is_(None),
            documents.c.held.is_(False),
        )
        .order_by(documents.c.at.desc(), documents.c.document_id.desc())
        .limit(1)
    ).mappings()
    found = row.first()
    return None if found is None else StoredDocument(**found)


_NEWEST_AT = select(func.max(documents.c.at)).where(documents.c.source == bindparam("of"))


def newest_at(connection: Connection, source: str) -> datetime | None:
    """The time of the newest document of a source."""
    return connection.execute(_NEWEST_AT, {"of": source}).scalar()


def size_of(connection: Connection, sha256: str) -> int | None:
    """Size in bytes of a document by its hash; None when none is recorded."""
    query = select(documents.c.size_bytes).where(documents.c.sha256 == sha256).limit(1)
    found: int | None = connection.execute(query).scalar()
    return found


def all_documents(
    connection: Connection, *, held: bool | None = None, source: str | None = None
) -> Iterator[StoredDocument]:
    """In the order of a rebuild: (time, source, URL, hash)."""
    query = select(documents).order_by(documents.c.at, documents.c.source, documents.c.url, documents.c.sha256)
    if held is not None:
        query = query.where(documents.c.held == held)
    if source is not None:
        query = query.where(documents.c.source == source)
    for row in connection.execute(query).mappings().all():
        yield StoredDocument(**row)


def prune_whole(connection: Connection, *, source: str, url: str, keep_sha256: str) -> tuple[str, ...]:
    """Forgets whole documents of an address between its first and the one kept, whose records are kept as slices;
    returns hashes no row names now."""
    whole = (
        documents.c.source == source,
        documents.c.url == url,
        documents.c.slice_of.is_(None),
        documents.c.held.is_(False),
    )
    first = select(func.min(documents.c.at)).where(*whole).scalar_subquery()
    between = select(documents.c.document_id, documents.c.sha256).where(
        *whole, documents.c.sha256 != keep_sha256, documents.c.at > first
    )
    rows = connection.execute(between).all()
    if not rows:
        return ()
    connection.execute(delete(documents).where(documents.c.document_id.in_([row[0] for row in rows])))
    hashes = {row[1] for row in rows}
    still = set(connection.execute(select(documents.c.sha256).where(documents.c.sha256.in_(hashes))).scalars())
    return tuple(sorted(hashes - still))


def drop_held(connection: Connection, source: str, urls: Sequence[str] | None = None) -> int:
    """Forgets the held rows of a source, or those of some addresses of it: its documents are about to be taken in, or
    later ones were. Returns how many held rows are left."""
    held = (documents.c.source == source, documents.c.held.is_(True))
    if urls is None:
        connection.execute(delete(documents).where(*held))
        return 0
    for start in range(0, len(urls), _CHUNK):
        connection.execute(delete(documents).where(*held, documents.c.url.in_(urls[start : start + _CHUNK])))
    return int(connection.execute(select(func.count()).select_from(documents).where(*held)).scalar_one())


_VALIDATORS = select(validators).where(validators.c.source == bindparam("of"))


def held_validators(connection: Connection, source: str) -> dict[str, tuple[str | None, str | None, str]]:
    """url -> (etag, last_modified, sha256) of what we hold from a source."""
    rows = connection.execute(_VALIDATORS, {"of": source}).mappings()
    return {row["url"]: (row["etag"], row["last_modified"], row["sha256"]) for row in rows}


def keep_validators(
    connection: Connection, *, source: str, url: str, etag: str | None, last_modified: str | None, sha256: str
) -> None:
    connection.execute(delete(validators).where(validators.c.source == source, validators.c.url == url))
    connection.execute(
        insert(validators).values(source=source, url=url, etag=etag, last_modified=last_modified, sha256=sha256)
    )
