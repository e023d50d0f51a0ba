"""Pages of Apollo, Rocky Linux' errata service (https://apollo.build.resf.org/docs, API v3).

{"advisories": [{"name", "synopsis", "published_at", "updated_at", "cves": [{"cve"}], "packages": [{"nevra",
  "product_name"}]}], "total", "page", "size"}
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from advisories.observation import CellObservation, ErratumObservation, ParsedDocument, Record, Rejected
from sources.errors import ParseError
from sources.formats.osv import cve_ids
from sources.formats.paging import PageTimes, page_times
from sources.formats.rpm_kernels import (
    MOST_BINARIES,
    Binary,
    KernelErratum,
    fixed_cells,
    kernel_builds,
    read_package_file,
)
from sources.formats.text import clean_line
from sources.formats.times import day_of, read_time

DISTRO: Final = "rocky"
MOST_ADVISORIES: Final = 2_000
ERRATUM = re.compile(r"RL[SBEX]A-[0-9]{4}:[A-Z]?[0-9]{1,6}")

_PRODUCT = re.compile(r"Rocky Linux(?: ([A-Za-z][A-Za-z ]{0,38}))? ([0-9]{1,2})(?:\.[0-9]{1,2})?(?: [a-z0-9_]{1,12})?")

Release = tuple[str, str | None]


class _Cve(msgspec.Struct):
    cve: str


class _Package(msgspec.Struct):
    nevra: str
    product_name: str | None = None


class _Advisory(msgspec.Struct):
    name: str
    published_at: str
    cves: tuple[_Cve, ...]
    packages: tuple[_Package, ...]
    synopsis: str | None = None
    updated_at: str | None = None


class _Page(msgspec.Struct):
    advisories: tuple[msgspec.Raw, ...]


class _Dated(msgspec.Struct):
    published_at: str | None = None


_decoder = msgspec.json.Decoder(_Advisory)


def _advisories(body: bytes) -> tuple[msgspec.Raw, ...]:
    try:
        listed = msgspec.json.decode(body, type=_Page).advisories
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"no page of Apollo: {error}") from None
    if len(listed) > MOST_ADVISORIES:
        raise ParseError(f"more than {MOST_ADVISORIES} advisories")
    return listed


def read_page(body: bytes) -> ParsedDocument:
    """One record per advisory about a kernel. Raises ParseError."""
    records: list[Record] = []
    rejected: list[Rejected] = []
    listed = _advisories(body)
    for number, raw in enumerate(listed):
        try:
            advisory = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rejected.append(Rejected(key=f"advisory {number}", what="an advisory that cannot be read"))
            continue
        if ERRATUM.fullmatch(advisory.name) is None:
            rejected.append(Rejected(key=f"advisory {number}", what="its name is no erratum of Rocky Linux"))
        elif (record := _read(advisory, raw)) is not None:
            records.append(record)
    if listed and len(rejected) == len(listed):
        raise ParseError("none of its advisories can be read")
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected))


def read_page_times(body: bytes) -> PageTimes:
    """When its advisories were published. Raises ParseError."""
    try:
        dated = [msgspec.json.decode(raw, type=_Dated) for raw in _advisories(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"an advisory without its date: {error}") from None
    return page_times([read_time(one.published_at) for one in dated])


def _read(advisory: _Advisory, raw: msgspec.Raw) -> Record | None:
    cves = cve_ids(tuple(one.cve for one in advisory.cves))
    issued, updated = read_time(advisory.published_at), read_time(advisory.updated_at)
    cells: list[CellObservation] = []
    found = False
    for release, binaries in _by_release(advisory.packages):
        builds = kernel_builds(DISTRO, binaries)
        found = found or bool(builds)
        published = KernelErratum(
            distro=DISTRO, release=release[0], stream=release[1], erratum=advisory.name, day=day_of(issued)
        )
        cells += fixed_cells(builds, published, cves)
    if not found:
        return None
    erratum = ErratumObservation(
        erratum=advisory.name,
        distro=DISTRO,
        title=clean_line(advisory.synopsis or "") or advisory.name,
        cves=cves,
        issued=issued,
        updated=updated,
        url=f"https://errata.rockylinux.org/{advisory.name}",
    )
    return Record(
        key=advisory.name,
        observations=(erratum, *cells),
        modified=updated or issued,
        slice=b'{"advisories": [' + bytes(raw) + b"]}",
    )


def _by_release(packages: tuple[_Package, ...]) -> Iterator[tuple[Release, list[Binary]]]:
    """The packages by the release that their product names; source packages are listed among them and count as such."""
    by_release: dict[Release, list[Binary]] = {}
    for package in packages[:MOST_BINARIES]:
        release = read_product(package.product_name or "")
        found = read_package_file(package.nevra)
        if release is not None and found is not None:
            by_release.setdefault(release, []).append(found[0])
    yield from sorted(by_release.items(), key=lambda one: (one[0][0], one[0][1] or ""))


def read_product(name: str) -> Release | None:
    """ "Rocky Linux 10 x86_64" is ("10", None); "Rocky Linux SIG Cloud 9" is a stream of its own, "sig-cloud"."""
    found = _PRODUCT.fullmatch(clean_line(name, 100))
    if found is None:
        return None
    variant, release = found.groups()
    return release, variant.strip().lower().replace(" ", "-") if variant else None
