"""What a parser saw: the claims of one document, before any policy.

A document holds records (a CVE record, one DSA entry, one mail); a record holds observations. Each observation is a
claim about one CVE, one cell, one erratum, ... and says nothing (`None`, `()`) about what its document leaves out.
All datetimes are aware UTC. Text is the source's own, with NULs and lone surrogates already removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from advisories.mail import PatchMail
from advisories.words import CellKind, Disposition, SeverityLevel, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamPoint:
    """Where a flaw came in: `version` is the first release that has it (None when only the commit is known)."""

    version: str | None
    commit: str | None  # 40 hex digits


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamFix:
    """The first fixed release of one branch: branch "6.12", version "6.12.85" (mainline: branch = version = "7.0")."""

    branch: str
    version: str
    commit: str | None  # 40 hex digits


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityClaim:
    """A CVSS vector or a vendor's own word. `level` is derived from the vector by the parser or is the vendor's."""

    vector: str | None  # "CVSS:3.1/…"
    score: float | None
    level: SeverityLevel | None
    word: str | None = None  # the vendor's own: "Important"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A link the source names. Shown as text or link after an allow-list; never fetched."""

    url: str
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CveObservation:
    """What a source says of a CVE as such. `opens` is True for CNA and vendor records: they may open an advisory."""

    cve: str
    opens: bool
    title: str | None = None
    description: str | None = None
    published: datetime | None = None
    modified: datetime | None = None
    withdrawn: bool = False  # REJECTED
    severity: tuple[SeverityClaim, ...] = ()
    cwe: tuple[str, ...] = ()  # "CWE-669"
    introduced: tuple[UpstreamPoint, ...] = ()
    fixed: tuple[UpstreamFix, ...] = ()
    files: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedVersion:
    """A published package version with the fix; `branch` as versions.branch_of() gives it (EL dist tag) or None."""

    version: str
    branch: str | None = None
    erratum: str | None = None
    date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellObservation:
    """One source's word on one cell: (distro, release, stream, package) as CONTRACT.md spells them.

    `since` is the vendor's own date for this status. `partial` marks a cell derived from an incomplete document.
    """

    cve: str
    distro: str
    release: str | None
    package: str
    status: Status
    kind: CellKind = CellKind.PACKAGE
    stream: str | None = None
    programmes: tuple[str, ...] = ()
    codename: str | None = None
    disposition: Disposition = Disposition.NONE
    justification: str | None = None  # VEX word, with not_affected
    fixed: tuple[FixedVersion, ...] = ()
    errata: tuple[str, ...] = ()
    vendor_status: str | None = None  # verbatim
    since: date | None = None
    needs_subscription: bool = False
    inferred: bool = False
    partial: bool = False
    note: str | None = None
    # the vendor lists the package per major release only: such a claim never overrides a fixed stream or branch
    coarse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ErratumObservation:
    """A vendor's own document. `cves` are those it names that may matter; never posted as a list."""

    erratum: str  # "DSA-6243-1"
    distro: str
    title: str
    cves: tuple[str, ...]
    issued: datetime | None = None
    updated: datetime | None = None
    url: str | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploitationObservation:
    """KEV, SSVC or EPSS. `kev` None: the source does not speak of KEV. Dates are the catalogue's own."""

    cve: str
    kev: bool | None = None
    since: date | None = None
    due: date | None = None
    ssvc: str | None = None  # "none" | "poc" | "active"
    epss: float | None = None
    epss_percentile: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationObservation:
    """A package version that carries a mitigation (kmod, moby): never a fix. `mitigation` is a stable slug."""

    cve: str
    mitigation: str  # "kmod-blocks-algif_aead": parsers use "<package>" when they know no better
    title: str
    distro: str
    release: str | None
    package: str
    version: str | None
    erratum: str | None = None
    date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitObservation:
    """One commit of a watched tree, or of one branch of it.

    `tree` is the registry name ("cryptodev", "stable"); `branch` the short branch ("linux-6.12.y", "master").
    `first_tag` is the first release tag that contains it ("v7.0-rc7", "v6.12.85", "next-20260501"), None when unknown.
    """

    tree: str
    branch: str
    commit: str
    subject: str
    author_name: str
    author_email: str
    author_at: datetime
    committed_at: datetime
    message: str  # body without the subject, bounded
    first_tag: str | None = None
    first_tag_at: datetime | None = None
    upstream_commit: str | None = None
    link_msgids: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    reverts: str | None = None
    files: tuple[str, ...] = ()
    patch_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefsObservation:
    """Branches of a tree after a fetch: which commits were dropped by a forced push, and which ids replaced them."""

    tree: str
    rewritten: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseObservation:
    """A kernel branch or a distribution release: newest version and life-cycle dates. Kernel: distro "kernel"."""

    distro: str
    release: str  # "6.12", "12"
    latest: str | None = None
    released: date | None = None
    support_ends: date | None = None
    lts_ends: date | None = None
    paid_ends: date | None = None
    eol: bool | None = None
    codename: str | None = None
    moniker: str | None = None  # "longterm", "stable", "mainline"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageVersionObservation:
    """The kernel package that a distribution ships now, where its state follows from the upstream version.

    Only for distributions that ship unpatched series (Arch, NixOS, Flatcar, Alpine, mostly Fedora).
    """

    distro: str
    release: str | None
    package: str
    version: str  # the package's own
    upstream: str  # "6.12.85"
    kind: CellKind = CellKind.PACKAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChangelogObservation:
    """A package version whose changelog names upstream commits, titles or CVEs: `packaged` without a CVE status."""

    distro: str
    release: str | None
    package: str
    version: str
    at: datetime | None
    titles: tuple[str, ...]
    commits: tuple[str, ...]
    cves: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigObservation:
    """Kernel configuration symbols (CONFIG_…: "y" | "m" | "n") of the file a distribution publishes."""

    distro: str
    release: str | None
    package: str
    arch: str | None
    symbols: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkObservation:
    """A news entry or release note: a link on a topic page, never a claim."""

    title: str
    url: str
    published: datetime | None
    summary: str = ""


Observation = (
    CveObservation
    | CellObservation
    | ErratumObservation
    | ExploitationObservation
    | MitigationObservation
    | CommitObservation
    | RefsObservation
    | ReleaseObservation
    | PackageVersionObservation
    | PackageChangelogObservation
    | ConfigObservation
    | LinkObservation
    | PatchMail
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The unit that a source restates as a whole: one CVE record, one erratum, one mail.

    key: stable within the source over all its documents ("tracker/CVE-2026-31431", "DSA-6243-1", "mail/<content key>").
    modified: the record's own time when it has one. slice: a minimal document that parses into this record alone;
    b"" when the document holds only this record.
    """

    key: str
    observations: tuple[Observation, ...]
    modified: datetime | None = None
    slice: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record that could not be read inside a readable container."""

    key: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """What parse returns. complete: the document lists every record of its kind (a tracker dump): a record missing
    from the next one is news about the source, never about the vulnerability."""

    records: tuple[Record, ...]
    rejected: tuple[Rejected, ...] = ()
    complete: bool = False
