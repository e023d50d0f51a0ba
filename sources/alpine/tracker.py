"""One CVE of Alpine's security tracker, as JSON-LD (`Accept: application/ld+json`).

    {"id": "CVE-2026-31431", "state": [{"fixed": true, "published": true, "repo": "edge-community",
      "packageName": "docker", "packageVersion": "29.4.2-r0"}], "cpeMatch": [...]}

`id` may be the whole address. `cpeMatch` is NVD's and says nothing about Alpine. A row with `published` false is about
a version that the repository does not have (any more): it tells where a fix came, but not that something is open.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key
from typing import Final

import msgspec

from advisories.observation import CellObservation, FixedVersion, ParsedDocument, Record, Rejected
from advisories.versions import compare
from advisories.words import Status
from sources.alpine.names import CVE, DISTRO, PACKAGE, VERSION, kind_of, release_of
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line, is_cve_id

WHAT: Final = "the tracker's answer"
MOST_STATES: Final = 2_000
MOST_REJECTED: Final = 50


class _State(msgspec.Struct, rename="camel"):
    fixed: bool
    repo: str
    package_name: str
    package_version: str
    published: bool = True


class _Vulnerability(msgspec.Struct):
    id: str
    state: list[msgspec.Raw]


def read_vulnerability(body: bytes) -> ParsedDocument:
    """The one record of the CVE; none when Alpine has no state of it. Raises ParseError."""
    answer = decode_json(body, _Vulnerability, WHAT)
    found = CVE.search(answer.id.rsplit("/", 1)[-1])
    if found is None or not is_cve_id(found[0]):
        raise ParseError(f"{WHAT} names no CVE")
    cve = found[0]
    states: dict[tuple[str, str], list[_State]] = {}
    rejected: list[Rejected] = []
    for number, raw in enumerate(answer.state[:MOST_STATES]):
        try:
            state = msgspec.json.decode(raw, type=_State)
            states.setdefault(_place(state), []).append(state)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
            rejected.append(Rejected(key=f"tracker/{cve}#{number}", what=clean_line(str(error), 200)))
    cells = (_cell(cve, release, package, rows) for (release, package), rows in states.items())
    observations = tuple(cell for cell in cells if cell is not None)
    records = (Record(key=f"tracker/{cve}", observations=observations),) if observations else ()
    return ParsedDocument(records=records, rejected=tuple(rejected[:MOST_REJECTED]))


def _place(state: _State) -> tuple[str, str]:
    """Release and package. Raises ValueError."""
    release = release_of(state.repo.rpartition("-")[0])
    if release is None or PACKAGE.fullmatch(state.package_name) is None:
        raise ValueError("no repository of a release, or no package")
    if VERSION.fullmatch(state.package_version) is None:
        raise ValueError("no package version")
    return release, state.package_name


def _cell(cve: str, release: str, package: str, rows: Iterable[_State]) -> CellObservation | None:
    versions = [row.package_version for row in rows if row.fixed]
    if not versions and not any(row.published for row in rows):
        return None
    earliest = min(versions, key=cmp_to_key(_order), default=None)
    return CellObservation(
        cve=cve,
        distro=DISTRO,
        release=release,
        package=package,
        kind=kind_of(package),
        status=Status.AFFECTED if earliest is None else Status.FIXED,
        fixed=() if earliest is None else (FixedVersion(version=earliest),),
        vendor_status="open" if earliest is None else "fixed",
    )


def _order(a: str, b: str) -> int:
    return compare(DISTRO, a, b) or 0
