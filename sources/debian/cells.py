"""A verdict on one package in one release as a cell."""

from __future__ import annotations

from datetime import date

from advisories.observation import CellObservation, FixedVersion
from advisories.words import CellKind
from sources.debian.names import DISTRO, is_kernel
from sources.debian.verdict import Verdict
from sources.formats.debian_releases import release_of


def make_cell(
    cve: str,
    package: str,
    codename: str,
    verdict: Verdict,
    *,
    erratum: str | None = None,
    day: date | None = None,
    coarse: bool = False,
) -> CellObservation:
    """erratum and day: the document that published the fix, and its date. A package that is no kernel is `related`."""
    version = verdict.version
    return CellObservation(
        cve=cve,
        distro=DISTRO,
        release=release_of(codename),
        codename=codename,
        package=package,
        kind=CellKind.PACKAGE if is_kernel(package) else CellKind.RELATED,
        status=verdict.status,
        disposition=verdict.disposition,
        justification=verdict.justification,
        fixed=() if version is None else (FixedVersion(version=version, erratum=erratum, date=day),),
        errata=(erratum,) if erratum else (),
        vendor_status=verdict.word,
        since=day,
        note=verdict.note,
        coarse=coarse,
    )
