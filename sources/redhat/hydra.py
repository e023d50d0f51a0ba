"""Red Hat's security data API: one CVE's record, and the list of CVEs.

    {"name": "CVE-…", "threat_severity", "public_date", "bugzilla": {"description"}, "cvss3": {"cvss3_scoring_vector"},
     "cwe", "details": [], "references": ["a\\nb"], "affected_release": [{"product_name", "release_date", "advisory",
     "package", "cpe"}], "package_state": [{"product_name", "fix_state", "package_name", "cpe"}]}

`affected_release` is fixed, one row a stream; `package_state` is what is not, per major release. A package may lack its
version (kpatch-patch). Lists may be missing, null or, where they hold one row, that row itself. `upstream_fix` is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec

from advisories.cells import merge_fixed
from advisories.observation import (
    CellObservation,
    CveObservation,
    FixedVersion,
    Observation,
    ParsedDocument,
    Record,
    Reference,
    Rejected,
    SeverityClaim,
)
from advisories.severity import claim_from_vector, level_of_word
from advisories.versions import branch_of
from advisories.words import Disposition, Status
from sources.errors import ParseError
from sources.formats.csaf_cells import Place
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line, clean_text, is_cve_id, web_link
from sources.formats.times import day_of, read_time
from sources.redhat.products import line_of, place_of

MOST_ROWS: Final = 5_000
MOST_REFERENCES: Final = 100
FIXED_WORD: Final = "Fixed"  # how Red Hat's page of a CVE shows a row of affected_release

# fix_state to VEX (docs/sources); an unknown word is under_investigation, and kept
STATES: Final = {
    "affected": (Status.AFFECTED, Disposition.NONE),
    "fix deferred": (Status.AFFECTED, Disposition.DEFERRED),
    "will not fix": (Status.AFFECTED, Disposition.WONT_FIX),
    "out of support scope": (Status.AFFECTED, Disposition.EOL),
    "not affected": (Status.NOT_AFFECTED, Disposition.NONE),
    "under investigation": (Status.UNDER_INVESTIGATION, Disposition.NONE),
    "new": (Status.UNDER_INVESTIGATION, Disposition.NONE),
}
_ERRATUM = re.compile(r"RH[SBE]A-[0-9]{4}:[0-9]{1,7}(?:-[0-9]{1,3})?")
_CWE = re.compile(r"CWE-[1-9][0-9]{0,5}")
_STRENGTH: Final = (Status.AFFECTED, Status.UNDER_INVESTIGATION, Status.NOT_AFFECTED)


class _Release(msgspec.Struct):
    product_name: str
    cpe: str
    package: str | None = None
    advisory: str | None = None
    release_date: str | None = None


class _State(msgspec.Struct):
    product_name: str
    package_name: str
    fix_state: str
    cpe: str


class _Bugzilla(msgspec.Struct):
    description: str | None = None


class _Cvss3(msgspec.Struct):
    cvss3_scoring_vector: str | None = None


class _Record(msgspec.Struct):
    name: str
    threat_severity: str | None = None
    public_date: str | None = None
    bugzilla: _Bugzilla | None = None
    cvss3: _Cvss3 | None = None
    cwe: str | None = None
    details: list[str] | None = None
    references: list[str] | None = None
    affected_release: msgspec.Raw = msgspec.Raw(b"[]")
    package_state: msgspec.Raw = msgspec.Raw(b"[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """One row, placed. `fixed` is None for a row of package_state."""

    place: Place
    status: Status
    disposition: Disposition
    word: str
    fixed: FixedVersion | None = None
    erratum: str | None = None
    day: date | None = None


def parse_cve_record(body: bytes) -> ParsedDocument:
    """The record of one CVE under the key "hydra/CVE-…". Raises ParseError."""
    record = decode_json(body, _Record, "the record of the security data API")
    if not is_cve_id(record.name):
        raise ParseError("the record names no CVE", "name")
    rejected: list[Rejected] = []
    said = [*_released(record, rejected), *_states(record, rejected)]
    observations: tuple[Observation, ...] = (_cve(record), *_cells(record.name, said))
    key = f"hydra/{record.name}"
    return ParsedDocument(records=(Record(key=key, observations=observations),), rejected=tuple(rejected))


def _released(record: _Record, rejected: list[Rejected]) -> Iterable[_Said]:
    for number, raw in enumerate(_rows(record.affected_release)):
        try:
            row = msgspec.json.decode(raw, type=_Release)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            rejected.append(_bad_row(record, f"affected_release[{number}]", error))
            continue
        line = line_of(clean_line(row.cpe), clean_line(row.product_name))
        place = place_of(line, clean_line(row.package or "")) if line is not None else None
        if place is None:
            continue
        erratum = row.advisory if row.advisory is not None and _ERRATUM.fullmatch(row.advisory) else None
        day = day_of(read_time(row.release_date))
        fixed = None
        if place.version is not None:
            branch = branch_of(place.distro, place.version)
            fixed = FixedVersion(version=place.version, branch=branch, erratum=erratum, date=day)
        yield _Said(
            place=place,
            status=Status.FIXED,
            disposition=Disposition.NONE,
            word=FIXED_WORD,
            fixed=fixed,
            erratum=erratum,
            day=day,
        )


def _states(record: _Record, rejected: list[Rejected]) -> Iterable[_Said]:
    for number, raw in enumerate(_rows(record.package_state)):
        try:
            row = msgspec.json.decode(raw, type=_State)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            rejected.append(_bad_row(record, f"package_state[{number}]", error))
            continue
        line = line_of(clean_line(row.cpe), clean_line(row.product_name))
        place = place_of(line, clean_line(row.package_name)) if line is not None else None
        if place is None:
            continue
        word = clean_line(row.fix_state, 60)
        status, disposition = STATES.get(word.lower(), (Status.UNDER_INVESTIGATION, Disposition.NONE))
        yield _Said(place=place, status=status, disposition=disposition, word=word)


def _rows(rows: msgspec.Raw) -> list[msgspec.Raw]:
    """The rows of a list that may also be null or one row. Raises ParseError."""
    start = bytes(rows).lstrip()[:1]
    if start == b"{":
        return [rows]
    try:
        return (msgspec.json.decode(rows, type=list[msgspec.Raw] | None) or [])[:MOST_ROWS]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"no list of rows: {error}") from None


def _bad_row(record: _Record, where: str, error: Exception) -> Rejected:
    return Rejected(key=f"hydra/{record.name}/{where}", what=clean_line(str(error), 200))


def _cve(record: _Record) -> CveObservation:
    links = [link for text in record.references or () for one in text.split() if (link := web_link(one)) is not None]
    return CveObservation(
        cve=record.name,
        opens=True,
        title=clean_line(record.bugzilla.description or "") or None if record.bugzilla else None,
        description=clean_text("\n\n".join(record.details or ())) or None,
        published=read_time(record.public_date),
        severity=_severity(record),
        cwe=tuple(dict.fromkeys(_CWE.findall(record.cwe or "")))[:10],
        references=tuple(Reference(url=link) for link in dict.fromkeys(links))[:MOST_REFERENCES],
    )


def _severity(record: _Record) -> tuple[SeverityClaim, ...]:
    word = clean_line(record.threat_severity or "", 40) or None
    vector = record.cvss3.cvss3_scoring_vector if record.cvss3 is not None else None
    claim = claim_from_vector(vector, word) if vector else None
    if claim is None and word is not None and level_of_word(word) is not None:
        claim = SeverityClaim(vector=None, score=None, level=level_of_word(word), word=word)
    return (claim,) if claim is not None else ()


def _cells(cve: str, said: Iterable[_Said]) -> list[CellObservation]:
    """One cell per line and package: rows of variants (AUS, TUS and E4S of one minor) are one cell."""
    groups: dict[tuple[str, str, str, str], list[_Said]] = {}
    for one in said:
        place = one.place
        groups.setdefault((place.distro, place.release or "", place.stream or "", place.package), []).append(one)
    return [_cell(cve, groups[key]) for key in sorted(groups)]


def _cell(cve: str, rows: list[_Said]) -> CellObservation:
    fixed_rows = [one for one in rows if one.status is Status.FIXED]
    if fixed_rows:
        chosen = fixed_rows
    else:
        strongest = next(each for each in _STRENGTH if any(one.status is each for one in rows))
        chosen = [one for one in rows if one.status is strongest]
    place = chosen[0].place
    return CellObservation(
        cve=cve,
        distro=place.distro,
        release=place.release,
        stream=place.stream,
        programmes=tuple(sorted({word for one in rows for word in one.place.programmes})),
        package=place.package,
        kind=place.kind,
        status=chosen[0].status,
        disposition=chosen[0].disposition,
        fixed=merge_fixed(place.distro, list(dict.fromkeys(one.fixed for one in chosen if one.fixed is not None))),
        errata=tuple(sorted({one.erratum for one in chosen if one.erratum is not None})),
        vendor_status=chosen[0].word,
        since=min((one.day for one in chosen if one.day is not None), default=None),
        coarse=not fixed_rows and all(one.place.coarse for one in chosen),
    )


class ListedCve(msgspec.Struct):
    """A row of the list `cve.json`."""

    cve: str = msgspec.field(name="CVE")
    public_date: str = ""


def read_list(body: bytes) -> list[ListedCve]:
    """The rows of one page of the list. Raises ParseError."""
    return decode_json(body, list[ListedCve], "the list of the security data API")


def parse_list(body: bytes) -> ParsedDocument:
    """The list says nothing that the records do not say better: it is read to see that it is whole."""
    read_list(body)
    return ParsedDocument(records=())
