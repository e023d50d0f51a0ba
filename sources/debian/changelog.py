"""`debian/changelog` of the kernel: what each package version took from upstream, newest first.

    linux (6.12.85-1) trixie-security; urgency=high

      * New upstream stable update:
        https://www.kernel.org/pub/linux/kernel/v6.x/ChangeLog-6.12.85
        - crypto: algif_aead - Revert to operating out-of-place (CVE-2026-31431)
        - [arm64] bpf, arm64: Reject out-of-range B.cond targets

     -- Name <address>  Thu, 30 Apr 2026 13:38:11 +0200

(deb-changelog(5).) A title is a bullet with its folded lines, without the architectures before it and the bugs and CVE
ids behind it. A changelog tells that a patch is in a package; it is no statement about a CVE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from advisories.observation import PackageChangelogObservation, ParsedDocument, Record, Rejected
from sources.debian.names import DISTRO, VERSION, is_kernel
from sources.errors import ParseError
from sources.formats.debian_releases import CODENAME, codename_of, release_of
from sources.formats.text import clean_line, is_cve_id

MOST_ENTRIES: Final = 40  # of a branch, the newest: over a year of updates
MOST_TITLES: Final = 6_000  # of one entry; 6.12.85-1 has 1,900
MOST_IDS: Final = 3_000
LONGEST_TITLE: Final = 300
LONGEST_FRAME: Final = 500  # the first and the last line of an entry
HEADER = re.compile(
    rb"([a-z0-9][a-z0-9+.-]{1,60}) \(([^()\s]{1,128})\)((?: [A-Za-z0-9-]{1,40}){1,5});(?: [A-Za-z-]+=[^\r\n]*)?\s*"
)
_TRAILER = re.compile(r" -- .{1,200}?>  (.{10,60}?)\s*")
_BULLET = re.compile(r"(?:  \*|    -|      \+) (.*)")
_ARCHES = re.compile(r"^(?:\[[^\]]{1,80}\] )+")
_TAIL = re.compile(r"\s*\((?:CVE-|Closes:|closes:|regression in|See:|ZDI-)[^()]*\)$")
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")
_COMMIT = re.compile(r"(?<![0-9a-z])[0-9a-f]{12,40}(?![0-9a-z])")
_NO_RELEASE = re.compile(r"UNRELEASED|experimental|.*-backports(?:-.*)?")  # kernels of these are of no release
_OPENING: Final = ("New upstream", "http://", "https://")


@dataclass(slots=True)
class _Entry:
    package: str
    version: str
    suite: str
    lines: list[bytes] = field(default_factory=list)
    ended: str | None = None  # the date of the trailer line


def is_changelog(body: bytes) -> bool:
    return HEADER.fullmatch(body.lstrip()[:600].split(b"\n", 1)[0]) is not None


def read_changelog(body: bytes) -> ParsedDocument:
    """One record per package version, of the newest MOST_ENTRIES. Raises ParseError."""
    if not is_changelog(body):
        raise ParseError("the first line names no package version")
    records: list[Record] = []
    rejected: list[Rejected] = []
    for entry in _entries(body):
        if not is_kernel(entry.package) or _NO_RELEASE.fullmatch(entry.suite):
            continue
        key = f"changelog/{entry.package}/{entry.version}"
        codename = codename_of(entry.suite)
        if entry.ended is None:
            rejected.append(Rejected(key=key, what="the entry has no trailer line"))
        elif VERSION.fullmatch(entry.version) is None or CODENAME.fullmatch(codename) is None:
            rejected.append(Rejected(key=key, what="no version or no release"))
        else:
            records.append(Record(key=key, observations=(_observation(entry, codename),), slice=b"".join(entry.lines)))
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected))


def _entries(body: bytes) -> Iterator[_Entry]:
    entry: _Entry | None = None
    count = 0
    for line in body.lstrip().splitlines(keepends=True):
        header = HEADER.fullmatch(line) if line[:1] not in b" \t\r\n" and len(line) <= LONGEST_FRAME else None
        if header is not None:
            if entry is not None:
                yield entry
            count += 1
            if count > MOST_ENTRIES:
                return
            package, version, suites = (part.decode("ascii", "replace") for part in header.groups())
            entry = _Entry(package, version, suites.split()[0])
        if entry is None or entry.ended is not None:
            continue
        entry.lines.append(line)
        if line.startswith(b" -- ") and line.endswith(b"\n"):
            trailer = _TRAILER.fullmatch(line[:LONGEST_FRAME].decode("utf-8", "replace"))
            entry.ended = trailer[1] if trailer else ""
    if entry is not None:
        yield entry


def _observation(entry: _Entry, codename: str) -> PackageChangelogObservation:
    text = b"".join(entry.lines[1:-1]).decode("utf-8", "replace")
    return PackageChangelogObservation(
        distro=DISTRO,
        release=release_of(codename),
        package=entry.package,
        version=entry.version,
        at=_moment(entry.ended or ""),
        titles=tuple(_titles(text)),
        commits=tuple(dict.fromkeys(_COMMIT.findall(text)))[:MOST_IDS],
        cves=tuple(cve for cve in dict.fromkeys(_CVE.findall(text)) if is_cve_id(cve))[:MOST_IDS],
    )


def _moment(text: str) -> datetime | None:
    """The trailer's date in UTC; None for one that no calendar has."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _titles(text: str) -> list[str]:
    bullets: list[list[str]] = []
    for line in text.split("\n"):
        bullet = _BULLET.match(line)
        if bullet is not None:
            bullets.append([bullet[1]])
        elif bullets and line.startswith("    ") and not line.strip().startswith(_OPENING):
            bullets[-1].append(line)
        elif line.startswith("  [") or not line.strip():
            bullets.append([])
    titles = (_title(" ".join(parts)) for parts in bullets[:MOST_TITLES])
    return list(dict.fromkeys(title for title in titles if title and not title.startswith(_OPENING)))


def _title(bullet: str) -> str:
    line = _ARCHES.sub("", clean_line(bullet))
    while (shorter := _TAIL.sub("", line)) != line:
        line = shorter
    return line[:LONGEST_TITLE].rstrip()
