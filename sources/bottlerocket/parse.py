"""Bottlerocket's advisories: one updateinfo.xml, whose updates have GHSA ids.

Each names the kernel packages ("kernel-6.1", earlier "kernel") and the version that has the fix. It only ever says
"fixed": a kernel that is not listed is not thereby safe.
"""

from __future__ import annotations

import re

from advisories.cells import merge_fixed
from advisories.observation import CellObservation, ErratumObservation, FixedVersion, ParsedDocument, Record
from advisories.words import Status
from sources.base import RawDocument
from sources.formats.times import day_of
from sources.formats.updateinfo import Update, read_updateinfo

_SOURCE = re.compile(r"kernel(?:-[0-9]{1,2}\.[0-9]{1,3})?")
_ADVISORY = "https://github.com/bottlerocket-os/bottlerocket/security/advisories/"


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per advisory about a kernel. Raises ParseError."""
    updates, rejected = read_updateinfo(raw.body)
    records = tuple(record for update in updates if (record := _record(update)) is not None)
    return ParsedDocument(records=records, rejected=rejected, complete=True)


def _record(update: Update) -> Record | None:
    versions: dict[str, set[str]] = {}
    for package in update.packages:
        if _SOURCE.fullmatch(package.name):
            versions.setdefault(package.name, set()).add(package.version)
    if not versions or not update.cves:
        return None
    erratum = ErratumObservation(
        erratum=update.id,
        distro="bottlerocket",
        title=update.title,
        cves=update.cves,
        issued=update.issued,
        updated=update.updated,
        url=f"{_ADVISORY}{update.id}" if update.id.startswith("GHSA-") else None,
    )
    cells = [_cell(update, cve, package, versions[package]) for cve in update.cves for package in sorted(versions)]
    return Record(
        key=update.id,
        observations=(erratum, *cells),
        modified=update.updated or update.issued,
        slice=update.slice,
    )


def _cell(update: Update, cve: str, package: str, versions: set[str]) -> CellObservation:
    day = day_of(update.issued)
    entries = [FixedVersion(version=version, erratum=update.id, date=day) for version in sorted(versions)]
    return CellObservation(
        cve=cve,
        distro="bottlerocket",
        release=None,
        package=package,
        status=Status.FIXED,
        fixed=merge_fixed("bottlerocket", entries),
        errata=(update.id,),
        vendor_status=None,
        since=day,
    )
