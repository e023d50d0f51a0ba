"""Arch's security tracker: vulnerability groups (AVG), as a list (`all.json`) or one alone (`AVG-….json`).

    [{"name": "AVG-2292", "packages": ["linux"], "status": "Fixed", "severity": "High", "type": "…",
      "affected": "5.14.8.arch1-1", "fixed": "5.14.9.arch1-1" | null, "ticket": null, "issues": ["CVE-…"],
      "advisories": ["ASA-…"]}]

(security.archlinux.org, tracker of the Arch security team.)
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from advisories.observation import CellObservation, FixedVersion, ParsedDocument, Record, Rejected
from advisories.words import CellKind, Disposition, Status
from sources.arch.names import COMPANIONS, DISTRO, KERNELS, VERSION
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line, is_cve_id

WHAT: Final = "Arch's list of vulnerability groups"
MOST_GROUPS: Final = 50_000
MOST_NAMES: Final = 500
MOST_REJECTED: Final = 100
# The words of the tracker; any other is under_investigation.
WORDS: Final = {
    "vulnerable": (Status.AFFECTED, Disposition.NONE),
    "testing": (Status.AFFECTED, Disposition.PENDING),
    "fixed": (Status.FIXED, Disposition.NONE),
    "not affected": (Status.NOT_AFFECTED, Disposition.NONE),
}
_GROUP = re.compile(r"AVG-[0-9]{1,6}")
_ADVISORY = re.compile(r"ASA-[0-9]{6}-[0-9]{1,3}")


class _Group(msgspec.Struct):
    name: str
    packages: list[str]
    status: str
    issues: list[str]
    fixed: str | None = None
    advisories: list[str] = []


def read_groups(body: bytes) -> ParsedDocument:
    """One record per group of a kernel or of a package that goes with one. Raises ParseError."""
    alone = body.lstrip().startswith(b"{")
    listed = [decode_json(body, msgspec.Raw, WHAT)] if alone else decode_json(body, list[msgspec.Raw], WHAT)
    records: list[Record] = []
    rejected: list[Rejected] = []
    others = 0
    for number, raw in enumerate(listed[:MOST_GROUPS]):
        try:
            group = msgspec.json.decode(raw, type=_Group)
            if _GROUP.fullmatch(group.name) is None:
                raise ValueError("the group has no name")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
            rejected.append(Rejected(key=f"#{number}", what=clean_line(str(error), 200)))
            continue
        cells = _cells(group)
        others += not cells
        if cells:
            records.append(Record(key=group.name, observations=cells, slice=b"" if alone else b"[%s]" % bytes(raw)))
    if len(rejected) == len(listed):
        raise ParseError(f"{WHAT} holds no group")
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected[:MOST_REJECTED]), complete=others > 0)


def _cells(group: _Group) -> tuple[CellObservation, ...]:
    status, disposition = WORDS.get(group.status.lower(), (Status.UNDER_INVESTIGATION, Disposition.NONE))
    errata = tuple(dict.fromkeys(one for one in group.advisories[:MOST_NAMES] if _ADVISORY.fullmatch(one)))
    fixed: tuple[FixedVersion, ...] = ()
    if status is Status.FIXED and group.fixed is not None and VERSION.fullmatch(group.fixed):
        fixed = (FixedVersion(version=group.fixed, erratum=errata[0] if errata else None),)
    elif status is Status.FIXED:
        status = Status.UNDER_INVESTIGATION
    cves = dict.fromkeys(one for one in group.issues[:MOST_NAMES] if is_cve_id(one))
    packages = dict.fromkeys(one for one in group.packages[:MOST_NAMES] if one in KERNELS or one in COMPANIONS)
    return tuple(
        CellObservation(
            cve=cve,
            distro=DISTRO,
            release=None,
            package=package,
            kind=CellKind.PACKAGE if package in KERNELS else CellKind.RELATED,
            status=status,
            disposition=disposition,
            fixed=fixed,
            errata=errata,
            vendor_status=clean_line(group.status, 60),
        )
        for package in packages
        for cve in cves
    )
