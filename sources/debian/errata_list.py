"""`data/DSA/list` and `data/DLA/list`: Debian's dated advisories, newest first.

[30 Apr 2026] DSA-6238-1 linux - security update
<tab>{CVE-2024-14027 CVE-2026-31431}
<tab>[trixie] - linux 6.12.85-1
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final

from advisories.observation import ErratumObservation, Observation, ParsedDocument, Record, Rejected
from sources.debian.cells import make_cell
from sources.debian.names import COMPANIONS, DISTRO, is_kernel
from sources.debian.package_lines import PackageLine, read_package_line
from sources.errors import ParseError
from sources.formats.text import clean_line, is_cve_id

HEADER = re.compile(
    r"\[([0-9]{1,2}) ([A-Z][a-z]{2}) ([0-9]{4})\] (D(?:S|L|TS)A-[0-9]{1,5}(?:-[0-9]{1,3})?)[ \t]+(\S.*?)[ \t]*"
)
MOST_CVES: Final = 5_000  # of one erratum; DSA-6238-1 names more than 300
MOST_PACKAGES: Final = 20  # of one erratum: a kernel or two in each supported release
MOST_REJECTED: Final = 100
LONGEST_HEADER: Final = 400
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CVES = re.compile(r"[ \t]+\{([^{}]*)\}[ \t]*")
_PAGE: Final = "https://security-tracker.debian.org/tracker/"


@dataclass(slots=True)
class _Entry:
    """A header line and what is indented below it, as bytes with their line ends."""

    lines: list[bytes] = field(default_factory=list)

    @property
    def header(self) -> str:
        return _text(self.lines[0][:LONGEST_HEADER])

    @property
    def is_whole(self) -> bool:
        return self.lines[-1].endswith(b"\n")


def read_errata(body: bytes) -> ParsedDocument:
    """One record per erratum of a kernel, or of a package that goes with one. Raises ParseError."""
    entries = list(_entries(body))
    if not any(HEADER.fullmatch(entry.header) for entry in entries):
        raise ParseError("no line with a date and an advisory id")
    records: list[Record] = []
    rejected: list[Rejected] = []
    others = 0
    for entry in entries:
        found = HEADER.fullmatch(entry.header)
        day = _day(found[1], found[2], found[3]) if found else None
        if found is None or day is None:
            rejected.append(Rejected(key=clean_line(entry.header, 60), what="no line with a date and an advisory id"))
            continue
        if not entry.is_whole:
            rejected.append(Rejected(key=found[4], what="the list ends inside this entry"))
            continue
        record = _record(found[4], clean_line(found[5]), day, entry)
        others += record is None
        if record is not None:
            records.append(record)
    # A list of ours alone is an excerpt or a slice: only the real one speaks of all of Debian.
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected[:MOST_REJECTED]), complete=others > 0)


def _entries(body: bytes) -> Iterator[_Entry]:
    entry = _Entry()
    for line in body.splitlines(keepends=True):
        if not line.strip():
            continue
        if line[:1] not in b" \t":
            if entry.lines:
                yield entry
            entry = _Entry()
        elif not entry.lines:
            continue
        entry.lines.append(line)
    if entry.lines:
        yield entry


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n")


def _day(day: str, month: str, year: str) -> date | None:
    try:
        return date(int(year), _MONTHS.index(month) + 1, int(day))
    except ValueError:
        return None


def _record(erratum: str, title: str, day: date, entry: _Entry) -> Record | None:
    """None when no kernel and no companion is in it."""
    packages, cves = _read_lines(entry)
    if not packages:
        return None
    observations: list[Observation] = [
        ErratumObservation(
            erratum=erratum,
            distro=DISTRO,
            title=title,
            cves=cves,
            issued=datetime.combine(day, time(), UTC),
            url=_PAGE + erratum,
        )
    ]
    for line in packages:
        for cve in cves:
            observations.append(make_cell(cve, line.package, line.codename, line.verdict, erratum=erratum, day=day))
    return Record(key=erratum, observations=tuple(observations), slice=b"".join(entry.lines))


def _read_lines(entry: _Entry) -> tuple[list[PackageLine], tuple[str, ...]]:
    packages: list[PackageLine] = []
    cves: dict[str, None] = {}
    for raw in entry.lines[1:]:
        text = _text(raw)
        listed = _CVES.fullmatch(text)
        if listed is not None:
            cves.update(dict.fromkeys(word for word in listed[1].split() if is_cve_id(word)))
            continue
        line = read_package_line(text)
        if line is not None and (is_kernel(line.package) or line.package in COMPANIONS):
            packages.append(line)
    return packages[:MOST_PACKAGES], tuple(cves)[:MOST_CVES]
