"""What every source is made of.

A source is a sub-package that exports `SOURCE`, a `SourceSpec`. `fetch` talks to the network through the two doors and
yields batches of raw documents; `parse` is pure. The application decides what is stored and when the checkpoint moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from advisories.observation import ParsedDocument
from advisories.words import EvidenceClass
from sources.transport.values import NotModified, Validators

if TYPE_CHECKING:  # the doors bring HTTP and git with them: who only parses or looks does not pay for that
    from sources.git import GitDoor
    from sources.http import FetchedDocument, HttpDoor


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDocument:
    """One document as it came: `url` is its identity together with the source, `at` the time of fetch (a recording's
    time in a replay). `kind` is empty, or a word that spares the parser a guess ("mail", "commit", "osv")."""

    source: str
    url: str
    at: datetime
    body: bytes
    kind: str = ""
    validators: Validators = field(default_factory=Validators)

    @classmethod
    def from_fetched(cls, source: str, fetched: FetchedDocument, *, kind: str = "") -> RawDocument:
        return cls(
            source=source,
            url=fetched.url,
            at=fetched.fetched_at,
            body=fetched.body,
            kind=kind,
            validators=fetched.validators,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Documents that are stored in one transaction together with `checkpoint` (what the next fetch starts from).

    same: addresses that answered "not modified" or were known to be unchanged: a good fetch that says the same again.
    """

    documents: tuple[RawDocument, ...]
    checkpoint: Mapping[str, str]
    same: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # for the operator: one line each ("history of cryptodev was rewritten")
    # a list, branch or file kind whose first good fetch is a baseline of its own ("" when the source is one stream)
    stream: str = ""
    more: bool = False  # further batches of this stream's first reading follow, in this cycle or a later one


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the loaded topics look for, so that a source asks for no more than that."""

    cves: frozenset[str]
    every_kernel_cve: bool
    commits: frozenset[str]  # 12 to 40 hex digits
    paths: tuple[str, ...]
    subjects: tuple[str, ...]
    words: tuple[str, ...]
    kconfig: tuple[str, ...]
    lists: tuple[str, ...]
    since: datetime  # the earliest date of any topic

    def wants_cve(self, cve: str) -> bool:
        return self.every_kernel_cve or cve in self.cves


class ValidatorStore(Protocol):
    """What we held of an address when we last fetched it."""

    def validators(self, url: str) -> Validators: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchContext:
    """What fetch may use. `settings` are the strings and lists of `[sources.NAME]`, defaults filled in."""

    source: str
    settings: Mapping[str, str | tuple[str, ...]]
    http: HttpDoor
    git: GitDoor
    checkpoint: Mapping[str, str]
    held: ValidatorStore
    watch: Watch
    now: datetime
    known_advisories: frozenset[str] = frozenset()  # CVE ids we follow although no topic names them (matched by path)

    def url(self, key: str = "url") -> str:
        """The configured address of `key` without a trailing slash; the first of a list."""
        value = self.settings[key]
        return (value if isinstance(value, str) else value[0]).rstrip("/")

    def urls(self, key: str = "url") -> tuple[str, ...]:
        value = self.settings[key]
        return (value.rstrip("/"),) if isinstance(value, str) else tuple(one.rstrip("/") for one in value)

    def wants_cve(self, cve: str) -> bool:
        return self.watch.wants_cve(cve) or cve in self.known_advisories

    def get(self, url: str, *, expect: str, kind: str = "", max_bytes: int | None = None) -> RawDocument | None:
        """GET with the validators we hold; None when not modified. Raises FetchError."""
        answer = self.http.get(
            url, source=self.source, validators=self.held.validators(url), expect=expect, max_bytes=max_bytes
        )
        if isinstance(answer, NotModified):
            return None
        return RawDocument.from_fetched(self.source, answer, kind=kind)

    def batch(self, url: str, document: RawDocument | None, *, stream: str = "") -> Batch:
        """What `get` answered as a batch of its own: the document, or that the address is unchanged. The checkpoint
        stays as it is."""
        if document is None:
            return Batch(documents=(), checkpoint=dict(self.checkpoint), same=(url,), stream=stream)
        return Batch(documents=(document,), checkpoint=dict(self.checkpoint), stream=stream)


Fetch = Callable[[FetchContext], Iterator[Batch]]
Parse = Callable[[RawDocument], ParsedDocument]


class Canary(Enum):
    """Which of a source's records must read again as they did when they were last accepted (TRUST S28). The value is
    for people."""

    SETTLED = "records with nothing open"  # each cell fixed or not affected: no field is lost, no word turns
    FIELDS = "records that keep their fields"  # nothing settles: values move on, but no field is lost
    READ_ONCE = "nothing: what it gives is read once and never changes"  # a mail, a commit


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """One source of the registry.

    settings: keys that `[sources.NAME]` takes besides enabled and interval, with their live defaults.
    The freshness contract: interval_seconds, how often it is asked; stale_after_seconds, the cadence that is expected
    of it (silence past this is an alarm); canary, what must read again as it did.
    whole_list: its document lists everything there is, so that one that no longer changes is an old copy.
    """

    name: str
    title: str
    gives: str  # one line for the docs and the board
    evidence_class: EvidenceClass
    fetch: Fetch
    parse: Parse
    settings: Mapping[str, str | tuple[str, ...]]
    interval_seconds: int
    stale_after_seconds: int
    max_bytes: int
    licence: str  # of its documents, with an address
    home: str  # the page a person would open
    whole_list: bool = False
    canary: Canary = Canary.SETTLED
