"""The security tracker's JSON: every open and closed issue of every source package.

    {source package: {CVE id or TEMP-…: {"description", "scope", "debianbug", "releases": {codename: {"status",
      "repositories": {suite: version}, "fixed_version", "urgency", "nodsa", "nodsa_reason", "next_point_update"}}}}}

(`page_json` of the tracker's `bin/tracker_service.py`; keys without a value are left out.) The document has some 60 MB,
of which the kernels are a fifth: the other packages are passed over without being decoded.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from advisories.observation import CellObservation, ParsedDocument, Record, Rejected
from advisories.words import Status
from sources.debian.cells import make_cell
from sources.debian.names import is_kernel
from sources.debian.verdict import Verdict, of_open, of_version
from sources.errors import ParseError
from sources.formats.debian_releases import CODENAME
from sources.formats.text import clean_line, is_cve_id

MOST_ISSUES: Final = 200_000
MOST_RELEASES: Final = 40
MOST_REJECTED: Final = 100
LONGEST_WORD: Final = 80

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)


class _Release(msgspec.Struct, gc=False):
    status: str
    fixed_version: str | None = None
    urgency: str | None = None
    nodsa: str | None = None
    nodsa_reason: str | None = None
    next_point_update: bool | None = None


class _Issue(msgspec.Struct):
    releases: dict[str, _Release] = {}


_packages = msgspec.json.Decoder(dict[str, msgspec.Raw])
_issue = msgspec.json.Decoder(_Issue)

Issues = dict[str, dict[str, msgspec.Raw]]  # CVE id -> source package -> issue


def read_tracker(body: bytes) -> ParsedDocument:
    """One record per CVE of a kernel package. Raises ParseError."""
    try:
        packages = _packages.decode(body)
    except _BROKEN as error:
        raise ParseError(f"not the tracker's JSON: {error}") from None
    if not any(bytes(memoryview(raw)[:1]) == b"{" for raw in packages.values()):
        raise ParseError("no source package in the tracker's JSON")
    rejected: list[Rejected] = []
    issues = _kernel_issues(packages, rejected)
    # A real dump is about all of Debian. One that holds kernels alone is an excerpt or a slice of ours.
    whole = any(not is_kernel(name) for name in packages)
    records = []
    for cve, by_package in issues.items():
        try:
            cells = _cells(cve, by_package)
        except _BROKEN as error:
            rejected.append(Rejected(key=f"tracker/{cve}", what=clean_line(str(error), 200)))
            continue
        cut = _slice(cve, by_package) if whole else b""
        records.append(Record(key=f"tracker/{cve}", observations=cells, slice=cut))
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected[:MOST_REJECTED]), complete=whole)


def _kernel_issues(packages: dict[str, msgspec.Raw], rejected: list[Rejected]) -> Issues:
    issues: Issues = {}
    for package, raw in packages.items():
        if not is_kernel(package):
            continue
        try:
            listed = _packages.decode(raw)
        except _BROKEN as error:
            rejected.append(Rejected(key=f"tracker/{package}", what=clean_line(str(error), 200)))
            continue
        for cve, issue in listed.items():
            if is_cve_id(cve) and (cve in issues or len(issues) < MOST_ISSUES):
                issues.setdefault(cve, {})[package] = issue
    return issues


def _cells(cve: str, by_package: dict[str, msgspec.Raw]) -> tuple[CellObservation, ...]:
    cells = []
    for package, raw in by_package.items():
        releases = _issue.decode(raw).releases
        if len(releases) > MOST_RELEASES:
            raise ValueError(f"{len(releases)} releases")
        for codename, said in releases.items():
            verdict = _verdict(
                said.status,
                said.fixed_version,
                said.urgency,
                said.nodsa,
                said.nodsa_reason,
                bool(said.next_point_update),
            )
            cells.append(make_cell(cve, package, _codename(codename), verdict))
    return tuple(cells)


# A dump repeats itself: 60,000 cells are some thousand different verdicts on a dozen releases.
@lru_cache(maxsize=256)
def _codename(word: str) -> str:
    if CODENAME.fullmatch(word) is None:
        raise ValueError(f"no codename: {word[:40]}")
    return word


@lru_cache(maxsize=16_384)
def _verdict(
    status: str, version: str | None, urgency: str | None, nodsa: str | None, reason: str | None, next_point: bool
) -> Verdict:
    if status == "resolved":
        return of_version(version or "", "resolved")
    if status == "open":
        return of_open(
            urgency=urgency or "",
            nodsa=None if nodsa is None else clean_line(nodsa),
            reason=clean_line(reason, LONGEST_WORD) if reason else None,
            next_point_update=next_point,
        )
    return Verdict(status=Status.UNDER_INVESTIGATION, word=clean_line(status, LONGEST_WORD))


def _slice(cve: str, by_package: dict[str, msgspec.Raw]) -> bytes:
    parts = [b'"%s":{"%s":%s}' % (package.encode(), cve.encode(), bytes(raw)) for package, raw in by_package.items()]
    return b"{" + b",".join(parts) + b"}"
