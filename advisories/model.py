"""The state we keep and the changes we tell: frozen values, one per moment of the way.

A `RecordVersion` is what one document said at one time; `fold.fold_advisory` turns all versions about one matter into
an `Advisory`; `compare.compare_advisories` turns two of those into `ChangeDraft`s; storing gives a draft its `seq`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from advisories.observation import (
    FixedVersion,
    LinkObservation,
    Observation,
    Reference,
    SeverityClaim,
    UpstreamFix,
    UpstreamPoint,
)
from advisories.words import (
    AdvisoryKind,
    Alarm,
    CellKind,
    ChangeType,
    Disposition,
    EvidenceClass,
    Stage,
    Status,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where a claim comes from: the document's address, the time it was fetched and its SHA-256 (hex)."""

    source: str
    evidence_class: EvidenceClass
    url: str
    fetched_at: datetime
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordVersion:
    """One record as one document stated it.

    at: the document's time (of fetch; a recording's in a replay). seen: good fetches that said exactly this, the first
    one included; last_seen_at the latest of them. missing: later complete documents of this source that left the record
    out, from missing_since to missing_last.
    """

    key: str
    at: datetime
    modified: datetime | None
    evidence: Evidence
    observations: tuple[Observation, ...]
    seen: int = 1
    last_seen_at: datetime | None = None
    missing: int = 0
    missing_since: datetime | None = None
    missing_last: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class CellKey:
    """(distro, release, stream, package), "" for null, as CONTRACT.md spells them."""

    distro: str
    release: str
    stream: str
    package: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellConflict:
    """A claim about a cell that lost against the shown one, and why it is kept."""

    source: str
    status: Status
    disposition: Disposition
    vendor_status: str | None
    fixed_version: str | None
    reason: str  # "disagrees" | "weaker_unconfirmed" | "superseded"
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the fix matrix."""

    kind: CellKind
    distro: str
    release: str | None
    codename: str | None
    stream: str | None
    programmes: tuple[str, ...]
    package: str
    status: Status
    disposition: Disposition
    justification: str | None
    fixed: tuple[FixedVersion, ...]
    fixed_version: str | None
    errata: tuple[str, ...]
    vendor_status: str | None
    since: date | None
    first_seen: datetime
    needs_subscription: bool
    inferred: bool
    partial: bool
    note: str | None
    evidence: tuple[Evidence, ...]
    conflicts: tuple[CellConflict, ...] = ()

    @property
    def key(self) -> CellKey:
        return CellKey(self.distro, self.release or "", self.stream or "", self.package)

    @property
    def shipped_only(self) -> bool:
        """True when nothing but the shipped baseline speaks for this cell."""
        return all(one.evidence_class is EvidenceClass.BASELINE for one in self.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedFix:
    """An upstream fix and the document that names it."""

    fix: UpstreamFix
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamConflict:
    """What another document says of one branch: a different version, or a fix where the CNA names none."""

    branch: str
    version: str
    says: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    introduced: tuple[UpstreamPoint, ...] = ()
    fixed: tuple[SourcedFix, ...] = ()
    conflicts: tuple[UpstreamConflict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedSeverity:
    claim: SeverityClaim
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedCwe:
    cwe: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploitation:
    """What the catalogues say. kev False: no catalogue lists it, or the entry was withdrawn."""

    kev: bool = False
    since: date | None = None
    due: date | None = None
    ssvc: str | None = None
    epss: float | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A package version that carries a mitigation for this advisory."""

    mitigation: str
    title: str
    distro: str
    release: str | None
    package: str
    version: str | None
    erratum: str | None
    date: date | None
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Erratum:
    """A vendor's own document that names this advisory."""

    erratum: str
    distro: str
    title: str
    issued: datetime | None
    updated: datetime | None
    url: str | None
    withdrawn: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who an advisory is: the permanent id, its aliases (CVE ids) and the topics that follow it."""

    id: str  # "PW-2026-1"
    kind: AdvisoryKind
    aliases: tuple[str, ...]
    topics: tuple[str, ...]
    title: str | None = None  # of a matter, where no record gives one


def called(aliases: tuple[str, ...], advisory: str | None) -> str:
    """A CVE id among the aliases, else the advisory's own id."""
    return next((one for one in aliases if one.startswith("CVE-")), advisory or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """The one record we keep for one matter: a pure fold over all current claims."""

    id: str
    kind: AdvisoryKind
    title: str
    description: str
    aliases: tuple[str, ...]
    topics: tuple[str, ...]
    severity: SourcedSeverity | None
    severities: tuple[SourcedSeverity, ...]
    cwe: tuple[SourcedCwe, ...]
    exploited: Exploitation
    published: datetime | None
    modified: datetime | None
    withdrawn: datetime | None
    upstream: Upstream
    cells: tuple[Cell, ...]
    carriers: tuple[Carrier, ...]
    errata: tuple[Erratum, ...]
    references: tuple[Reference, ...]
    links: tuple[LinkObservation, ...]
    files: tuple[str, ...]
    evidence: tuple[Evidence, ...]  # of the records that speak of the matter as such

    @property
    def name(self) -> str:
        """As people call it: the CVE, else the PW id."""
        return called(self.aliases, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDraft:
    """A typed difference that is not yet stored.

    `at` is when the fact became known to us. `urgent`: exploitation, a correction or an alarm; a fix in a subscribed
    release is made urgent where the subscription is known. `quiet`: state of a baseline, never sent.
    """

    at: datetime
    advisory: str | None
    aliases: tuple[str, ...]
    topics: tuple[str, ...]
    change: ChangeType
    field: str
    old: str | None
    new: str | None
    source: str
    evidence: Evidence
    text: str
    distro: str | None = None
    release: str | None = None
    stream: str | None = None
    package: str | None = None
    stage: Stage | None = None
    tree: str | None = None
    branch: str | None = None
    version: str | None = None
    patch: str | None = None
    alarm: Alarm | None = None
    severity: str | None = None  # the advisory's level at that time
    urgent: bool = False
    wakes: bool = True  # False: edits a card without a sound (what only mail says, guesses)
    quiet: bool = False
    corrects: str | None = None  # key of the claim that this correction takes back

    @property
    def name(self) -> str:
        """What the change is about, as people call it: the CVE, else the PW id, else ""."""
        return called(self.aliases, self.advisory)

    @property
    def told(self) -> bool:
        """Whether it is ever sent or fed: edits of words are not, and a matter that a commit opens is told by what
        the commit reached."""
        if self.change is ChangeType.ADVISORY_NEW:
            return self.name != self.advisory
        return self.change is not ChangeType.TEXT_CHANGED

    @property
    def key(self) -> str:
        """The change's identity: the same fact found again is the same change, whenever it was found."""
        parts = (
            self.advisory or self.patch or "-",
            self.change,
            self.field,
            self.distro or "",
            self.release or "",
            self.stream or "",
            self.package or "",
            self.stage or "",
            self.tree or "",
            self.branch or "",
            self.old or "",
            self.new or "",
            self.patch or "",
            self.at.isoformat() if self.change in (ChangeType.CORRECTION, ChangeType.STATUS_CHANGED) else "",
        )
        return "|".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A stored change: its permanent number and the id of its feed entry (urn:uuid, version 5 of the key)."""

    seq: int
    uuid: str
    draft: ChangeDraft
