"""Azure Linux' own OVAL file, `azurelinux-3.0-oval.xml`: one definition a CVE and package.

    <definition class="vulnerability"><metadata><reference source="CVE" ref_id="CVE-…"/><patchable>true</patchable>
      <advisory_date>2026-05-08T22:02:46Z</advisory_date></metadata>
      <criteria><criterion comment="Package kernel is earlier than 6.6.137.1-1, affected by CVE-…"/></criteria>
    </definition>

`patchable` is "true" (the version has the fix), "false" (none has) or "Not Applicable". The comments say in words what
the tests and states say in parts; versions there lack the dist tag, as in the CSAF documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Final

from lxml import etree

from advisories.cells import merge_fixed
from advisories.observation import CellObservation, FixedVersion, ParsedDocument, Record
from advisories.words import Status
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.text import clean_line, is_cve_id
from sources.formats.times import day_of, read_time
from sources.formats.xml_stream import Element, iterate_elements

MOST_DEFINITIONS: Final = 100_000

_NS: Final = "{http://oval.mitre.org/XMLSchema/oval-definitions-5}"
_RELEASE = re.compile(r"azurelinux-([0-9]{1,2}\.[0-9]{1,2})-oval")
_EARLIER = re.compile(r"Package ([a-z0-9][a-z0-9+._-]{0,99}) is earlier than ([!-~]{1,100}), affected by .{1,60}")
_UP_TO = re.compile(r"Package ([a-z0-9][a-z0-9+._-]{0,99}) is installed with version [!-~]{1,100} or earlier")
_STATUS: Final = {"true": Status.FIXED, "false": Status.AFFECTED, "not applicable": Status.NOT_AFFECTED}
_STRENGTH: Final = (Status.FIXED, Status.AFFECTED, Status.UNDER_INVESTIGATION, Status.NOT_AFFECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Definition:
    cve: str
    package: str
    version: str | None
    word: str
    day: date | None
    slice: bytes

    @property
    def status(self) -> Status:
        status = _STATUS.get(self.word.lower(), Status.UNDER_INVESTIGATION)
        return Status.UNDER_INVESTIGATION if status is Status.FIXED and self.version is None else status


def parse_oval(raw: RawDocument, sources: frozenset[str]) -> ParsedDocument:
    """One record a CVE, "oval/3.0/CVE-…". Raises ParseError."""
    found = _RELEASE.search(raw.url)
    if found is None:
        raise ParseError("the address names no release of Azure Linux")
    release = found.group(1)
    by_cve: dict[str, list[_Definition]] = {}
    for one in _definitions(raw.body, sources):
        by_cve.setdefault(one.cve, []).append(one)
    records = tuple(
        Record(
            key=f"oval/{release}/{cve}",
            observations=_cells(release, cve, by_cve[cve]),
            slice=_document(b"".join(one.slice for one in by_cve[cve])),
        )
        for cve in sorted(by_cve)
    )
    return ParsedDocument(records=records, complete=True)


def _definitions(body: bytes, sources: frozenset[str]) -> Iterator[_Definition]:
    elements = iterate_elements(BytesIO(body), root=f"{_NS}oval_definitions", tag=f"{_NS}definition")
    for number, element in enumerate(elements):
        if number >= MOST_DEFINITIONS:
            raise ParseError(f"more than {MOST_DEFINITIONS} definitions")
        one = _definition(element)
        if one is not None and one.package in sources:
            yield one


def _definition(element: Element) -> _Definition | None:
    named = [
        reference.get("ref_id") or ""
        for reference in element.iterfind(f"{_NS}metadata/{_NS}reference")
        if reference.get("source") == "CVE"
    ]
    package, version = _package(element)
    if package is None or len(named) != 1 or not is_cve_id(named[0]):
        return None
    return _Definition(
        cve=named[0],
        package=package,
        version=version,
        word=clean_line(element.findtext(f"{_NS}metadata/{_NS}patchable") or "", 40),
        day=day_of(read_time(element.findtext(f"{_NS}metadata/{_NS}advisory_date"))),
        slice=etree.tostring(element, encoding="us-ascii", with_tail=False),
    )


def _package(element: Element) -> tuple[str | None, str | None]:
    """The package that a definition is about and the version below which it is affected."""
    package: str | None = None
    for criterion in element.iter(f"{_NS}criterion"):
        comment = criterion.get("comment") or ""
        if earlier := _EARLIER.fullmatch(comment):
            return earlier[1], earlier[2]
        if up_to := _UP_TO.fullmatch(comment):
            package = up_to[1]
    return package, None


def _cells(release: str, cve: str, definitions: list[_Definition]) -> tuple[CellObservation, ...]:
    by_package: dict[str, list[_Definition]] = {}
    for one in definitions:
        by_package.setdefault(one.package, []).append(one)
    return tuple(_cell(release, cve, package, by_package[package]) for package in sorted(by_package))


def _cell(release: str, cve: str, package: str, definitions: list[_Definition]) -> CellObservation:
    status = next(each for each in _STRENGTH if any(one.status is each for one in definitions))
    chosen = [one for one in definitions if one.status is status]
    fixed = [
        FixedVersion(version=one.version, date=one.day)
        for one in chosen
        if status is Status.FIXED and one.version is not None
    ]
    return CellObservation(
        cve=cve,
        distro="azurelinux",
        release=release,
        package=package,
        status=status,
        fixed=merge_fixed("azurelinux", fixed),
        vendor_status=f"patchable: {chosen[0].word}" if chosen[0].word else None,
        since=min((one.day for one in chosen if one.day is not None), default=None),
    )


def _document(definitions: bytes) -> bytes:
    namespace = _NS[1:-1].encode()
    return b'<oval_definitions xmlns="%s"><definitions>%s</definitions></oval_definitions>' % (namespace, definitions)
