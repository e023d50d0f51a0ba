"""USN and LSN records in OSV: what a notice fixes, and what only carries a mitigation.

USN-8226-1 names a kernel CVE as `upstream`, but its package is kmod and the `cves_map` of each of its packages is
empty: such a package mitigates. A live patch (LSN) names kernels too, and never sets their cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from advisories.observation import (
    CellObservation,
    ErratumObservation,
    FixedVersion,
    MitigationObservation,
    Observation,
    Record,
    Rejected,
)
from advisories.words import CellKind, Disposition, Status
from sources.errors import ParseError
from sources.formats.osv import LONGEST_NAME, OsvAffected, OsvRecord, cve_ids
from sources.formats.text import clean_line
from sources.formats.times import as_utc, day_of
from sources.ubuntu.kernels import is_wrapper, kernel_package
from sources.ubuntu.places import DISTRO, Place, osv_place
from sources.ubuntu.versions import package_version

MOST_CLAIMS = 200_000

_NOTICE_ID = re.compile(r"(?:USN|LSN)-[0-9]{1,5}-[0-9]{1,3}")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,99}")
_MODULE_VERSION = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,2}")

CellId = tuple[str, str | None, str, str]


def is_notice(record: OsvRecord) -> bool:
    return _NOTICE_ID.fullmatch(record.id) is not None


def read_notice(record: OsvRecord) -> tuple[Record, tuple[Rejected, ...]]:
    """The notice with its cells and mitigations, and the packages in it that could not be read."""
    notice = _Notice(record)
    return (
        Record(key=record.id, observations=(notice.erratum(), *notice.claims()), modified=as_utc(record.modified)),
        tuple(notice.rejected),
    )


class _Notice:
    """One notice on its way to observations."""

    def __init__(self, record: OsvRecord) -> None:
        self._record = record
        self._named = cve_ids(record.upstream, record.aliases)
        self._issued = as_utc(record.published)
        self._day = day_of(self._issued)
        self._live = record.id.startswith("LSN-")
        self._claimed = self._all_claimed()
        self.rejected: list[Rejected] = []

    def erratum(self) -> ErratumObservation:
        title = clean_line(self._record.summary or "") or self._record.id
        return ErratumObservation(
            erratum=self._record.id,
            distro=DISTRO,
            title=title,
            cves=tuple(dict.fromkeys((*self._named, *sorted(self._claimed)))),
            issued=self._issued,
            updated=as_utc(self._record.modified),
            url=f"https://ubuntu.com/security/notices/{self._record.id}",
            withdrawn=self._record.withdrawn is not None,
        )

    def claims(self) -> tuple[Observation, ...]:
        """Nothing of a notice that was withdrawn; else its cells, then what it mitigates."""
        if self._record.withdrawn is not None:
            return ()
        cells: dict[CellId, CellObservation] = {}
        mitigations: list[Observation] = []
        # a wrapper speaks for its kernel only where the kernel's own source is not listed
        for entry in sorted(self._record.packages, key=lambda one: is_wrapper(one.package.name)):
            place = self._place(entry)
            if place is None:
                continue
            for cell in self._cells(entry, place):
                cells.setdefault((cell.release or "", cell.stream, cell.package, cell.cve), cell)
            mitigations += self._mitigations(entry, place)
            if len(cells) + len(mitigations) > MOST_CLAIMS:
                raise ParseError(f"more than {MOST_CLAIMS} claims", self._record.id)
        return (*cells.values(), *mitigations)

    def _place(self, entry: OsvAffected) -> Place | None:
        place = osv_place(entry.package)
        if place is not None and _PACKAGE.fullmatch(entry.package.name):
            return place
        name = clean_line(f"{entry.package.ecosystem} {entry.package.name}", LONGEST_NAME)
        self.rejected.append(Rejected(key=f"{self._record.id}/{name}", what="no package of a release of Ubuntu"))
        return None

    def _cves_of(self, entry: OsvAffected) -> tuple[str, ...]:
        """The CVEs that this package fixes: its own map, or all that the notice names where no map is given."""
        own = entry.database_specific.cves_map if entry.database_specific else None
        return self._named if own is None else cve_ids(tuple(one.id for one in own.cves))

    def _all_claimed(self) -> frozenset[str]:
        """What any of its packages fixes."""
        maps = [one.database_specific.cves_map if one.database_specific else None for one in self._record.packages]
        own = {cve for one in maps if one is not None for cve in cve_ids(tuple(each.id for each in one.cves))}
        return frozenset(own.union(self._named if None in maps else ()))

    def _cells(self, entry: OsvAffected, place: Place) -> Iterator[CellObservation]:
        name = entry.package.name
        kernel = kernel_package(name)
        if self._live:
            package, kind, versions = f"{kernel or name}-livepatch", CellKind.LIVEPATCH, self._module_version(entry)
        elif kernel is not None:
            package, kind = kernel, CellKind.PACKAGE
            versions = () if is_wrapper(name) else self._versions(entry)  # linux-meta has versions of its own
        else:
            package, kind, versions = name, CellKind.RELATED, self._versions(entry)
        for cve in self._cves_of(entry):
            yield CellObservation(
                cve=cve,
                distro=DISTRO,
                release=place.release,
                codename=place.codename,
                stream=place.stream,
                package=package,
                kind=kind,
                status=Status.FIXED,
                fixed=tuple(FixedVersion(version=one, erratum=self._record.id, date=self._day) for one in versions),
                errata=(self._record.id,),
                since=self._day,
                needs_subscription=place.needs_subscription or self._live,
            )

    def _versions(self, entry: OsvAffected) -> tuple[str, ...]:
        versions = (package_version(text) for text in entry.fixed_versions())
        return tuple(version for version in versions if version is not None)[:1]

    def _module_version(self, entry: OsvAffected) -> tuple[str, ...]:
        text = entry.ecosystem_specific.module_version if entry.ecosystem_specific else None
        return (text,) if text and _MODULE_VERSION.fullmatch(text) else ()

    def _mitigations(self, entry: OsvAffected, place: Place) -> Iterator[Observation]:
        """A package outside the kernel of a notice that names a CVE and says of no package that it fixes it."""
        if self._live or kernel_package(entry.package.name) is not None:
            return
        version = next(iter(self._versions(entry)), None)
        for cve in self._named:
            if cve not in self._claimed:
                yield self._mitigation(entry.package.name, place, cve, version)
                yield self._mitigated_cell(entry.package.name, place, cve)

    def _mitigation(self, package: str, place: Place, cve: str, version: str | None) -> MitigationObservation:
        return MitigationObservation(
            cve=cve,
            mitigation=package if place.stream is None else f"{package}/{place.stream}",
            title=clean_line(self._record.summary or "") or f"{package} update",
            distro=DISTRO,
            release=place.release,
            package=package,
            version=version,
            erratum=self._record.id,
            date=self._day,
        )

    def _mitigated_cell(self, package: str, place: Place, cve: str) -> CellObservation:
        return CellObservation(
            cve=cve,
            distro=DISTRO,
            release=place.release,
            codename=place.codename,
            stream=place.stream,
            package=package,
            kind=CellKind.RELATED,
            status=Status.AFFECTED,
            disposition=Disposition.MITIGATED,
            errata=(self._record.id,),
            since=self._day,
            needs_subscription=place.needs_subscription,
            note="carries a mitigation; fixes nothing",
        )
