"""Photon OS's CVE metadata: one JSON list a release.

    [{"cve_id": "CVE-…", "pkg": "linux", "cve_score": 7.8,
      "aff_ver": "all versions before 6.1.177-1.ph5 are vulnerable", "res_ver": "6.1.177-1.ph5", "status": "Fixed"}]

"NA" means that nothing is decided yet, never that the package is not affected: the same row was NA once and named a fix
later. Ids of other databases (BDSA-…) and broken ones ("Re") are no CVEs.
"""

from __future__ import annotations

import re

import msgspec

from advisories.cells import merge_fixed
from advisories.observation import CellObservation, FixedVersion, ParsedDocument, Record, Rejected
from advisories.words import Disposition, Status
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line, is_cve_id

MOST_ROWS = 500_000
MOST_REJECTED = 1_000
SOURCES = frozenset({"linux", "linux-esx", "linux-rt", "linux-secure", "linux-aws"})
NOTHING = frozenset({"", "na", "n/a", "none"})
STATES = {
    "fixed": (Status.FIXED, Disposition.NONE),
    "not affected": (Status.NOT_AFFECTED, Disposition.NONE),
    "affected": (Status.AFFECTED, Disposition.NONE),
    "will not fix": (Status.AFFECTED, Disposition.WONT_FIX),
    "wont fix": (Status.AFFECTED, Disposition.WONT_FIX),
    "won't fix": (Status.AFFECTED, Disposition.WONT_FIX),
}

_RELEASE = re.compile(r"cve_data_photon([0-9]{1,2}\.[0-9]{1,2})\.json")
_VERSION = re.compile(r"(?:[0-9]{1,9}:)?[0-9][A-Za-z0-9._+~^]{0,60}-[A-Za-z0-9._+~^]{1,60}")
_ALL_BEFORE = re.compile(r"all versions before \S+ are vulnerable", re.IGNORECASE)


class _Head(msgspec.Struct):
    """What decides whether a row is about a kernel."""

    pkg: str
    cve_id: str = ""


class _Row(msgspec.Struct):
    cve_id: str
    pkg: str
    aff_ver: str | None = None
    res_ver: str | None = None
    status: str | None = None
    os_version: str | None = None


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per CVE of a kernel package, "5.0/CVE-…". Raises ParseError."""
    found = _RELEASE.search(raw.url)
    of_url = found.group(1) if found else None
    rows: dict[tuple[str, str], list[tuple[_Row, msgspec.Raw]]] = {}
    rejected: list[Rejected] = []
    for number, text in enumerate(_rows(raw.body)):
        try:
            head = msgspec.json.decode(text, type=_Head)
            if head.pkg not in SOURCES:
                continue
            row = msgspec.json.decode(text, type=_Row)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            rejected.append(Rejected(key=f"row {number}", what=clean_line(str(error), 200)))
            continue
        release = row.os_version or of_url
        if release is None or _RELEASE.fullmatch(f"cve_data_photon{release}.json") is None:
            raise ParseError("neither the address nor the row names a release of Photon OS")
        if is_cve_id(row.cve_id):
            rows.setdefault((release, row.cve_id), []).append((row, text))
        else:
            rejected.append(Rejected(key=f"row {number}", what=f"no CVE id: {clean_line(row.cve_id, 50)}"))
    records = tuple(_record(release, cve, found) for (release, cve), found in rows.items())
    return ParsedDocument(records=records, rejected=tuple(rejected[:MOST_REJECTED]), complete=of_url is not None)


def _rows(body: bytes) -> list[msgspec.Raw]:
    """The rows; a single one may stand without its list."""
    if body.lstrip()[:1] == b"{":
        decode_json(body, _Head, "Photon's CVE metadata")
        return [msgspec.Raw(body)]
    rows = decode_json(body, list[msgspec.Raw], "Photon's CVE metadata")
    if len(rows) > MOST_ROWS:
        raise ParseError(f"more than {MOST_ROWS} rows")
    return rows


def _record(release: str, cve: str, found: list[tuple[_Row, msgspec.Raw]]) -> Record:
    by_package: dict[str, list[_Row]] = {}
    for row, _ in found:
        by_package.setdefault(row.pkg, []).append(row)
    cells = tuple(_cell(release, cve, package, by_package[package]) for package in sorted(by_package))
    cut = b"[" + b",".join(bytes(text) for _, text in found) + b"]"
    return Record(key=f"{release}/{cve}", observations=cells, slice=cut)


def _cell(release: str, cve: str, package: str, rows: list[_Row]) -> CellObservation:
    judged = [(*_judge(row), row) for row in rows]
    order = (Status.FIXED, Status.AFFECTED, Status.UNDER_INVESTIGATION, Status.NOT_AFFECTED)
    status, disposition, row = min(judged, key=lambda one: order.index(one[0]))
    versions = [one.res_ver.strip() for each, _, one in judged if each is Status.FIXED and one.res_ver]
    return CellObservation(
        cve=cve,
        distro="photon",
        release=release,
        package=package,
        status=status,
        disposition=disposition,
        fixed=merge_fixed("photon", [FixedVersion(version=version) for version in versions]),
        vendor_status=clean_line(row.status or row.aff_ver or row.res_ver or "", 100) or None,
    )


def _judge(row: _Row) -> tuple[Status, Disposition]:
    """The status of one row: a version that has the fix, else Photon's word, else undecided."""
    stated = STATES.get((row.status or "").strip().lower())
    resolved = (row.res_ver or "").strip()
    if _VERSION.fullmatch(resolved) and (stated is None or stated[0] is Status.FIXED):
        return Status.FIXED, Disposition.NONE
    if stated is not None and stated[0] is not Status.FIXED:
        return stated
    affected = (row.aff_ver or "").strip().lower()
    if stated is None and not row.status and resolved.lower() in NOTHING and affected not in NOTHING:
        known = _ALL_BEFORE.fullmatch(affected) is not None or affected.startswith("all versions")
        return (Status.AFFECTED if known else Status.UNDER_INVESTIGATION), Disposition.NONE
    return Status.UNDER_INVESTIGATION, Disposition.NONE
