"""UBUNTU-CVE records in OSV: per package and release, the version that has the fix, or none yet.

A package that is not listed is not affected or not decided: the record does not say which, so nothing is claimed. That
a kernel will not be fixed is not said either ("OSV does not mark won't fix"): the CVE API says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from advisories.observation import (
    CellObservation,
    CveObservation,
    FixedVersion,
    Observation,
    Record,
    Reference,
    Rejected,
    SeverityClaim,
)
from advisories.severity import claim_from_vector, level_of_word
from advisories.words import CellKind, Status
from sources.formats.osv import LONGEST_NAME, OsvAffected, OsvRecord, cve_ids
from sources.formats.text import clean_line, clean_text, web_link
from sources.formats.times import as_utc
from sources.ubuntu.kernels import is_wrapper, kernel_package
from sources.ubuntu.places import DISTRO, Place, osv_place
from sources.ubuntu.versions import package_version

MOST_REFERENCES = 200

_CVE_RECORD = re.compile(r"UBUNTU-CVE-[0-9]{4}-[0-9]{4,19}")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,99}")

CellId = tuple[str, str | None, str]


def is_cve_record(record: OsvRecord) -> bool:
    return _CVE_RECORD.fullmatch(record.id) is not None


def read_cve_record(record: OsvRecord) -> tuple[Record, tuple[Rejected, ...]]:
    cves = cve_ids((record.id,))
    if not cves:
        return Record(key=record.id, observations=()), (Rejected(key=record.id, what="its id names no CVE"),)
    observations: list[Observation] = [_cve(record, cves[0])]
    rejected: list[Rejected] = []
    if record.withdrawn is None:
        observations += _cells(record, cves[0], rejected)
    return (
        Record(key=record.id, observations=tuple(observations), modified=as_utc(record.modified)),
        tuple(rejected),
    )


def _cve(record: OsvRecord, cve: str) -> CveObservation:
    links = [(web_link(one.url), clean_line(one.type or "", 40)) for one in record.references or ()]
    return CveObservation(
        cve=cve,
        opens=True,
        description=clean_text(record.details or "") or None,
        published=as_utc(record.published),
        modified=as_utc(record.modified),
        withdrawn=record.withdrawn is not None,
        severity=_severity(record),
        references=tuple(Reference(url=url, tag=tag or None) for url, tag in links if url)[:MOST_REFERENCES],
    )


def _severity(record: OsvRecord) -> tuple[SeverityClaim, ...]:
    """Each vector once, then Ubuntu's priority as its own word; "untriaged" is no level."""
    claims: list[SeverityClaim] = []
    for one in record.severity or ():
        if one.type == "Ubuntu":
            word = clean_line(one.score, 40)
            level = level_of_word(word)
            claim = SeverityClaim(vector=None, score=None, level=level, word=word) if level else None
        else:
            claim = claim_from_vector(one.score)
        if claim is not None and claim not in claims:
            claims.append(claim)
    return tuple(sorted(claims, key=lambda one: one.vector is None))


def _cells(record: OsvRecord, cve: str, rejected: list[Rejected]) -> Iterator[CellObservation]:
    cells: dict[CellId, CellObservation] = {}
    for entry in sorted(record.packages, key=lambda one: is_wrapper(one.package.name)):
        place = osv_place(entry.package)
        if place is None or _PACKAGE.fullmatch(entry.package.name) is None:
            name = clean_line(f"{entry.package.ecosystem} {entry.package.name}", LONGEST_NAME)
            rejected.append(Rejected(key=f"{record.id}/{name}", what="no package of a release of Ubuntu"))
            continue
        cell = _cell(entry, place, cve)
        cells.setdefault((place.release, place.stream, cell.package), cell)
    yield from cells.values()


def _cell(entry: OsvAffected, place: Place, cve: str) -> CellObservation:
    name = entry.package.name
    kernel = kernel_package(name)
    given = entry.fixed_versions()
    versions = [version for text in given if (version := package_version(text)) is not None]
    return CellObservation(
        cve=cve,
        distro=DISTRO,
        release=place.release,
        codename=place.codename,
        stream=place.stream,
        package=kernel or name,
        kind=CellKind.PACKAGE if kernel else CellKind.RELATED,
        status=Status.FIXED if given else Status.AFFECTED,
        fixed=() if is_wrapper(name) else tuple(FixedVersion(version=version) for version in versions[:1]),
        needs_subscription=place.needs_subscription,
    )
