"""errata.full.json (https://errata.almalinux.org/9/errata.full.json), in its two forms.

{"schema_version": "1.0", "data": [{"id", "issued_date", "updated_date", "title", "packages": [{"name", "epoch",
  "version", "release", "src"}], "references": [{"id", "type": "cve", "href"}]}]}        times in seconds
[{"updateinfo_id", "issued_date": {"$date": …}, "pkglist": {"packages": […]}, …}]        times in milliseconds
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from advisories.observation import ErratumObservation, ParsedDocument, Record, Rejected
from advisories.versions import branch_of
from sources.errors import ParseError
from sources.formats.osv import cve_ids
from sources.formats.rpm_kernels import (
    MOST_BINARIES,
    Binary,
    KernelErratum,
    evr,
    fixed_cells,
    kernel_builds,
    source_name,
)
from sources.formats.text import clean_line
from sources.formats.times import day_of, from_seconds

DISTRO = "almalinux"
MOST_ERRATA = 50_000

_ERRATUM = re.compile(r"AL[SBE]A-[0-9]{4}:[A-Z]?[0-9]{1,6}")
_PAGE_RELEASE = re.compile(r"/(?:almalinux)?(-?kitten-?)?([0-9]{1,2})/errata\.full\.json$")
_TAG_RELEASE = re.compile(r"el([0-9]{1,2})(?:_.*)?")


class _Milliseconds(msgspec.Struct, rename={"value": "$date"}):
    value: int


class _Package(msgspec.Struct):
    name: str
    version: str
    release: str
    epoch: str | int | None = None
    src: str | None = None


class _Packages(msgspec.Struct):
    packages: tuple[_Package, ...]


class _Reference(msgspec.Struct):
    id: str | None = None
    type: str | None = None


class _Erratum(msgspec.Struct):
    issued_date: float | _Milliseconds
    id: str | None = None
    updateinfo_id: str | None = None
    updated_date: float | _Milliseconds | None = None
    title: str | None = None
    packages: tuple[_Package, ...] | None = None
    pkglist: _Packages | None = None
    references: tuple[_Reference, ...] = ()

    @property
    def name(self) -> str:
        return self.id or self.updateinfo_id or ""


_decoder = msgspec.json.Decoder(_Erratum)


def read_errata(listed: Sequence[msgspec.Raw], url: str) -> ParsedDocument:
    """One record per erratum of a kernel. The release is the address's, else that of the kernel's dist tag."""
    if len(listed) > MOST_ERRATA:
        raise ParseError(f"more than {MOST_ERRATA} errata")
    records: list[Record] = []
    rejected: list[Rejected] = []
    readable = 0
    for number, raw in enumerate(listed):
        erratum = _decode(raw)
        if erratum is None:
            rejected.append(Rejected(key=f"erratum {number}", what="an erratum that cannot be read"))
            continue
        readable += 1
        record = _read(erratum, url)
        if record is not None:
            records.append(replace(record, slice=b'{"data": [' + bytes(raw) + b"]}"))
    if listed and not readable:
        raise ParseError("none of its errata can be read")
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected))


def _decode(raw: msgspec.Raw) -> _Erratum | None:
    try:
        erratum = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    listed = erratum.packages is not None or erratum.pkglist is not None
    return erratum if listed and _ERRATUM.fullmatch(erratum.name) else None


def _read(erratum: _Erratum, url: str) -> Record | None:
    builds = kernel_builds(DISTRO, _binaries(erratum))
    release = _release(url, [version for build in builds for version in build.versions])
    cves = cve_ids(tuple(one.id or "" for one in erratum.references if one.type == "cve"))
    if not builds or release is None:
        return None
    issued, updated = _time(erratum.issued_date), _time(erratum.updated_date)
    observation = ErratumObservation(
        erratum=erratum.name,
        distro=DISTRO,
        title=clean_line(erratum.title or "") or erratum.name,
        cves=cves,
        issued=issued,
        updated=updated,
        url=f"https://errata.almalinux.org/{release[0]}/{erratum.name.replace(':', '-')}.html",
    )
    published = KernelErratum(
        distro=DISTRO, release=release[0], stream=release[1], erratum=erratum.name, day=day_of(issued)
    )
    cells = fixed_cells(builds, published, cves)
    return Record(key=erratum.name, observations=(observation, *cells), modified=updated or issued)


def _binaries(erratum: _Erratum) -> list[Binary]:
    packages = erratum.packages if erratum.packages is not None else erratum.pkglist and erratum.pkglist.packages
    found = []
    for package in (packages or ())[:MOST_BINARIES]:
        version = evr(None if package.epoch is None else str(package.epoch), package.version, package.release)
        if version is not None:
            found.append(Binary(name=package.name, version=version, source=source_name(package.src)))
    return found


def _release(url: str, versions: Sequence[str]) -> tuple[str, str | None] | None:
    named = _PAGE_RELEASE.search(url)
    if named is not None:
        return named.group(2), "kitten" if named.group(1) else None
    tags = (_TAG_RELEASE.fullmatch(branch_of(DISTRO, version) or "") for version in versions)
    return next(((tag.group(1), None) for tag in tags if tag is not None), None)


def _time(value: float | _Milliseconds | None) -> datetime | None:
    if isinstance(value, _Milliseconds):
        return from_seconds(value.value / 1000)
    return from_seconds(value)
