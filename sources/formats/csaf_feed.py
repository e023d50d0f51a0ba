"""Following a directory of CSAF documents by its list, asking for no more than what the topics want.

A list names documents of one CVE each, which are asked for when the CVE is followed, and errata, whose names do not
tell what they are about: of these the newest are asked for, a bounded number a cycle. The checkpoint holds, per
directory, the time up to which its list was followed; it never runs ahead of now, whatever the list says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import FetchError, ParseError, RateLimited, TooLarge
from sources.formats.changes_csv import ListedFile, read_changes, read_index
from sources.http import NotModified, Validators

MOST_RECORDS: Final = 300  # documents of one CVE each, a cycle
MOST_ERRATA: Final = 40  # a cycle
# documents of followed CVEs that are asked for although the list does not call for it, where it has times and where not
ASKED_AGAIN: Final = 2
ASKED_AGAIN_UNTIMED: Final = 20
LIST_BYTES: Final = 32 * 1024 * 1024
_ABSENT: Final = frozenset({403, 404, 410})  # of one document: the list is ahead of, or behind, its directory
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A directory of CSAF documents. lists: the files that may list it, the first that is there counts.
    errata: the names (without folder) of its errata; other names that name no CVE are junk."""

    base: str
    errata: re.Pattern[str] | None = None
    lists: tuple[str, ...] = ("changes.csv", "index.txt")
    max_bytes: int = 16 * 1024 * 1024


@dataclass(slots=True)
class _Cycle:
    """One cycle over one directory; `state` is the checkpoint of the whole source, changed in place."""

    context: FetchContext
    directory: Directory
    state: dict[str, str]

    def key(self, word: str) -> str:
        return f"{word} {self.directory.base}"

    def follows(self, cve: str | None) -> bool:
        """Whether a topic names the CVE or an advisory of ours has it: a list of all software says no more."""
        context = self.context
        return cve is not None and (cve in context.watch.cves or cve in context.known_advisories)

    def batches(self) -> Iterator[Batch]:
        listed, validators = self._list()
        if listed is None:
            yield Batch(documents=(), checkpoint=dict(self.state))
            return
        due, waiting = self._due(listed)
        for moment, group in groupby(due, key=self._moment):
            yield from self._take(list(group), moves=waiting is None or moment < waiting)
        self._remember(listed, validators if waiting is None else Validators())
        yield Batch(documents=(), checkpoint=dict(self.state))

    # The list

    def _list(self) -> tuple[tuple[ListedFile, ...] | None, Validators]:
        """The list, or None when it has not changed. Raises FetchError."""
        for number, name in enumerate(self.directory.lists):
            try:
                return self._read_list(name)
            except FetchError as error:
                if error.status not in _ABSENT or number + 1 == len(self.directory.lists):
                    raise
        raise AssertionError("a directory has at least one list")

    def _read_list(self, name: str) -> tuple[tuple[ListedFile, ...] | None, Validators]:
        url = f"{self.directory.base}/{name}"
        held = Validators(etag=self.state.get(self.key("etag")), last_modified=self.state.get(self.key("modified")))
        answer = self.context.http.get(
            url,
            source=self.context.source,
            validators=held if self.state.get(self.key("cves")) == self._watched() else None,
            expect="text",
            max_bytes=LIST_BYTES,
        )
        if isinstance(answer, NotModified):
            return None, held
        try:
            read = read_changes if name.endswith(".csv") else read_index
            return read(answer.body), answer.validators
        except ParseError as error:
            raise FetchError(
                str(error),
                source=self.context.source,
                url=url,
                kind="parse",
                action="what was stored stays; the next poll tries again",
            ) from None

    def _watched(self) -> str:
        return " ".join(sorted(self.context.watch.cves))

    # What is asked for

    def _due(self, listed: Iterable[ListedFile]) -> tuple[list[ListedFile], datetime | None]:
        """What to ask for, oldest first, and the time of the first document that has to wait for the next cycle."""
        followed = [one for one in listed if self.follows(one.cve)]
        errata = [one for one in listed if one.cve is None and self._is_erratum(one)]
        new = set((self._watched()).split()) - set(self.state.get(self.key("cves"), "").split())
        since, at_first = self._since(), self.key("since") not in self.state
        changed = [one for one in followed if one.cve in new or (one.changed_at and one.changed_at > since)]
        changed.sort(key=self._moment)
        again = self._again([one for one in followed if one not in changed])
        fresh = self._fresh(errata, since, at_first=at_first)
        due = sorted([*again, *changed[:MOST_RECORDS], *fresh[:MOST_ERRATA]], key=self._moment)
        waits = [self._moment(one) for one in (*changed[MOST_RECORDS:], *fresh[MOST_ERRATA:])]
        return due, min(waits, default=None)

    def _again(self, unchanged: list[ListedFile]) -> list[ListedFile]:
        """Some of the followed documents in turn: one that became followed later was never asked for."""
        ordered = sorted(unchanged, key=lambda one: one.path)
        after = self.state.get(self.key("turn"), "")
        count = ASKED_AGAIN if any(one.changed_at for one in ordered) else ASKED_AGAIN_UNTIMED
        turn = [one for one in ordered if one.path > after][:count]
        self.state[self.key("turn")] = turn[-1].path if len(turn) == count else ""
        return turn

    def _fresh(self, errata: list[ListedFile], since: datetime, *, at_first: bool) -> list[ListedFile]:
        """Errata that changed, oldest first; at first only the newest ones."""
        timed = [one for one in errata if one.changed_at is not None]
        if len(timed) < len(errata):  # an index.txt: errata are numbered
            last = tuple(int(each) for each in self.state.get(self.key("number"), "").split(".") if each)
            fresh = sorted((one for one in errata if one.number > last), key=lambda one: one.number)
            return fresh if last else fresh[-MOST_ERRATA:]
        start = max(since, self.context.watch.since) if at_first else since
        fresh = sorted((one for one in timed if one.changed_at and one.changed_at > start), key=self._moment)
        return fresh[-MOST_ERRATA:] if at_first else fresh

    def _is_erratum(self, one: ListedFile) -> bool:
        form = self.directory.errata
        return form is not None and form.fullmatch(one.path.rpartition("/")[2]) is not None

    def _since(self) -> datetime:
        text = self.state.get(self.key("since"), "")
        return datetime.fromisoformat(text) if text else _START

    def _moment(self, one: ListedFile) -> datetime:
        """When it changed, as far as a checkpoint is concerned: a time to come is now."""
        return min(one.changed_at, self.context.now) if one.changed_at else _START

    # Taking it

    def _take(self, group: list[ListedFile], *, moves: bool) -> Iterator[Batch]:
        documents: list[RawDocument] = []
        same: list[str] = []
        notes: list[str] = []
        for one in group:
            url = f"{self.directory.base}/{one.path}"
            try:
                document = self.context.get(url, expect="json", max_bytes=self.directory.max_bytes)
            except RateLimited:
                raise
            except FetchError as error:
                if error.status not in _ABSENT and not isinstance(error, TooLarge):
                    raise
                notes.append(f"{self.context.source}: {one.path} is listed but was left out: {error.what}")
                continue
            if document is None:
                same.append(url)
            else:
                documents.append(document)
        moment = self._moment(group[0])
        if moves and moment > self._since():
            self.state[self.key("since")] = moment.isoformat()
        if documents or same or notes:
            yield Batch(
                documents=tuple(documents), checkpoint=dict(self.state), same=tuple(same), notes=tuple(notes[:5])
            )

    def _remember(self, listed: tuple[ListedFile, ...], validators: Validators) -> None:
        """What the next cycle must know: for whom the list was read, and its validators when nothing waits."""
        self.state[self.key("cves")] = self._watched()
        for word, value in (("etag", validators.etag), ("modified", validators.last_modified)):
            self.state.pop(self.key(word), None)
            if value:
                self.state[self.key(word)] = value
        self.state.setdefault(self.key("since"), _START.isoformat())
        numbers = [one.number for one in listed if one.changed_at is None and self._is_erratum(one)]
        if numbers:
            self.state[self.key("number")] = ".".join(map(str, max(numbers)))


def follow_directories(
    context: FetchContext, directories: Iterable[Directory], state: Mapping[str, str]
) -> Iterator[Batch]:
    """Batches of what is new, directory by directory. A directory that fails does not keep the others from being
    followed; the first failure is raised at the end."""
    kept = dict(state)
    failed: FetchError | None = None
    for directory in directories:
        try:
            for batch in _Cycle(context, directory, kept).batches():
                kept = dict(batch.checkpoint)
                yield batch
        except FetchError as error:
            failed = failed or error
    if failed is not None:
        raise failed
