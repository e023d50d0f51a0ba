"""The lists, cycle by cycle: the manifest says whether anything came, git brings it, a cheap look takes what matters.

A list that fails stops no other. Origins are tried in order. Where git fails at every origin, the newest mails are read
one by one; the cursor of git stays, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import FetchError, GitError, ParseError
from sources.http import FetchedDocument
from sources.lore.address import is_list_name, kind_received, mail_address
from sources.lore.epochs import ArchivedMail, EpochReader
from sources.lore.manifest import LARGEST_PACKED, Epoch, read_manifest
from sources.lore.newest import newest_mails
from sources.lore.progress import Progress
from sources.lore.wanted import Wanted, read_header

DEFAULT_LISTS: Final = ("linux-crypto", "stable", "linux-cve-announce")
MOST_LISTS: Final = 30
NOT_FOUND: Final = 404
# Behind an index over all lists the manifest can lag, so git is asked now and then whatever it says.
ASK_GIT_EVERY: Final = timedelta(minutes=10)
BATCH_BYTES: Final = 8 * 1024 * 1024


def fetch_lists(context: FetchContext) -> Iterator[Batch]:
    """One cycle over the configured lists, else those of the topics. A list that the archive does not have is noted.

    Raises the first FetchError at the end.
    """
    progress = Progress.read(context.checkpoint)
    failures: dict[str, FetchError] = {}
    failing: set[str] = set()
    names = lists_of(context)
    for name in names:
        try:
            yield from _ListCycle(context, progress, name, failing).batches()
        except FetchError as error:
            failures[name] = error
    missing = tuple(name for name, error in failures.items() if error.status == NOT_FOUND)
    others = [error for name, error in failures.items() if name not in missing]
    if others or (missing and missing == names):
        raise (others or [failures[names[0]]])[0]
    if missing != progress.missing:
        progress.missing = missing
        notes = tuple(f"{context.url()} has no list {name}; the others are read" for name in missing)
        yield Batch(documents=(), checkpoint=progress.saved(), notes=notes, stream="missing")


def lists_of(context: FetchContext) -> tuple[str, ...]:
    configured = context.settings.get("lists", ())
    named = tuple(configured.split()) if isinstance(configured, str) else configured
    names = named or context.watch.lists or DEFAULT_LISTS
    return tuple(name for name in dict.fromkeys(names) if is_list_name(name))[:MOST_LISTS]


class _ListCycle:
    """failing: origins that did not answer for a list before this one; they are asked last."""

    def __init__(self, context: FetchContext, progress: Progress, name: str, failing: set[str]) -> None:
        self._context = context
        self._progress = progress
        self._name = name
        self._failing = failing
        self._own = progress.of(name)
        self._wanted = Wanted(context, progress)
        self._notes: list[str] = []

    def batches(self) -> Iterator[Batch]:
        epochs = self._manifest()
        fingerprints = " ".join(f"{epoch.number}:{epoch.fingerprint}" for epoch in epochs)
        asked = self._own.fetched_at
        due = asked is None or self._context.now - asked >= ASK_GIT_EVERY
        if fingerprints == self._own.fingerprints and not due:
            return
        known = dict(one.split(":") for one in self._own.fingerprints.split())
        try:
            for epoch in self._to_read(epochs, known, due=due):
                yield from self._epoch(epoch)
        except GitError as error:
            if error.kind == "not_allowed":
                raise
            yield from self._one_by_one(error)
            return
        self._own.fingerprints, self._own.fetched_at, self._own.pages = fingerprints, self._context.now, None
        yield self._batch(())

    # Where from

    def _origins(self) -> tuple[str, ...]:
        return tuple(sorted(self._context.urls(), key=lambda origin: origin in self._failing))

    def _manifest(self) -> list[Epoch]:
        """From the first origin that gives it. Raises FetchError of the first origin when none does."""
        failed: list[FetchError] = []
        for origin in self._origins():
            try:
                epochs = self._ask_manifest(origin)
            except FetchError as error:
                failed.append(error)
                if error.kind != "status":
                    self._failing.add(origin)
                continue
            self._use(origin, failed)
            return epochs
        raise failed[0]

    def _ask_manifest(self, origin: str) -> list[Epoch]:
        """The list's own manifest; of an archive that has none, the one of all its lists."""
        try:
            return self._read_manifest(f"{origin}/{self._name}/manifest.js.gz")
        except FetchError as error:
            if error.status != NOT_FOUND:
                raise
            missing = error
        try:
            epochs = self._read_manifest(f"{origin}/manifest.js.gz")
        except FetchError:
            raise missing from None
        if not epochs:
            raise missing
        return epochs

    def _read_manifest(self, url: str) -> list[Epoch]:
        answer = self._context.http.get(
            url, source=self._context.source, expect="binary", max_bytes=LARGEST_PACKED, deadline_seconds=30
        )
        try:
            return read_manifest(answer.body if isinstance(answer, FetchedDocument) else b"", self._name)
        except ParseError as error:
            raise FetchError(str(error), source=self._context.source, url=url, kind="content") from None

    def _use(self, origin: str, failed: Sequence[FetchError]) -> None:
        if failed and origin != self._progress.origin:
            self._notes.append(f"{failed[0]}; {origin} is used instead")
        self._progress.origin = origin

    # What came

    def _to_read(self, epochs: Sequence[Epoch], known: dict[str, str], *, due: bool) -> list[Epoch]:
        """The epochs that moved or were never read and are young enough; the newest also when git is due."""
        since = self._context.watch.since
        found = []
        for epoch in epochs:
            moved = known.get(str(epoch.number)) != epoch.fingerprint
            young = epoch.number in self._own.epochs or datetime.fromtimestamp(max(epoch.modified, 0), tz=UTC) >= since
            if (moved and young) or (due and epoch is epochs[-1]):
                found.append(epoch)
        return found

    def _epoch(self, epoch: Epoch) -> Iterator[Batch]:
        reader = self._open(epoch)
        if reader.rewritten:
            self._notes.append(f"history of {self._name}/{epoch.number} was rewritten")
        documents: list[RawDocument] = []
        size = 0
        for read in reader.read():
            taken = list(self._documents(read.mails))
            documents += taken
            size += sum(len(one.body) for one in taken)
            self._own.epochs[epoch.number] = read.cursor
            if len(documents) >= 200 or size >= BATCH_BYTES:
                yield self._batch(documents, more=True)
                documents, size = [], 0
        if documents or self._notes:
            yield self._batch(documents, more=True)

    def _open(self, epoch: Epoch) -> EpochReader:
        """Fetched from the first origin whose git works, the one whose manifest was read first. Raises GitError."""
        origins = sorted(self._origins(), key=lambda origin: origin != self._progress.origin)
        failed: list[FetchError] = []
        for origin in origins:
            try:
                reader = EpochReader.fetch(self._context, origin, self._name, epoch, self._own.epochs.get(epoch.number))
            except GitError as error:
                failed.append(error)
                continue
            self._use(origin, failed)
            return reader
        raise failed[0]

    def _documents(self, mails: Sequence[ArchivedMail]) -> Iterator[RawDocument]:
        for mail in mails:
            header = read_header(mail.raw)
            if header is None:
                self._notes.append(f"a mail of {self._name} received {mail.received_at:%Y-%m-%d %H:%M} is no mail")
            elif self._wanted.takes(self._name, header, mail.raw):
                yield RawDocument(
                    source=self._context.source,
                    url=mail_address(self._context.url(), self._name, header.msgid),
                    at=self._context.now,
                    body=mail.raw,
                    kind=kind_received(mail.received_at),
                )

    def _one_by_one(self, error: GitError) -> Iterator[Batch]:
        """The newest mails by the feed. Raises `error`, why git failed, when that cannot be had either."""
        first = self._own.pages is None
        seen = self._own.pages or []
        for origin in self._origins():
            try:
                mails = list(newest_mails(self._context, origin, self._name, seen))
            except (FetchError, ParseError):
                continue
            if first:
                self._notes.append(f"git of {self._name} failed ({error.what}); its newest mails are read one by one")
            self._own.pages = seen
            documents = list(self._documents(mails))
            if documents or mails or self._notes:
                yield self._batch(documents, stream=f"{self._name}/newest")
            return
        raise error

    def _batch(self, documents: Sequence[RawDocument], *, more: bool = False, stream: str = "") -> Batch:
        notes = tuple(dict.fromkeys(self._notes))[:20]
        self._notes.clear()
        return Batch(
            documents=tuple(documents),
            checkpoint=self._progress.saved(),
            notes=notes,
            stream=stream or self._name,
            more=more,
        )
