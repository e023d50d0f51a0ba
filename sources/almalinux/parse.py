"""AlmaLinux errata: OSV records (https://github.com/AlmaLinux/osv-database) and errata.full.json.

In OSV the CVEs are `related`; the same one may be named twice. Some records list no kernel that boots, only packages
beside it (kernel-doc): their cell is derived and marked partial.
"""

from __future__ import annotations

import re

import msgspec

from advisories.observation import ErratumObservation, Observation, ParsedDocument, Record
from sources.almalinux.errata import read_errata
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.osv import OsvRecord, cve_ids, decode_osv
from sources.formats.rpm_kernels import Binary, KernelErratum, checked_version, fixed_cells, kernel_builds
from sources.formats.text import clean_line, web_link
from sources.formats.times import as_utc, day_of

DISTRO = "almalinux"

_ERRATUM = re.compile(r"AL[SBE]A-[0-9]{4}:[A-Z]?[0-9]{1,6}")
_ECOSYSTEM = re.compile(r"AlmaLinux:(?:(kitten)[ :-]?)?([0-9]{1,2})", re.IGNORECASE)

Release = tuple[str, str | None]  # ("10", "kitten")


class _Shape(msgspec.Struct):
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per erratum that publishes a kernel or a live patch of one. Raises ParseError."""
    try:
        whole = msgspec.json.decode(raw.body, type=_Shape | list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"no JSON document of AlmaLinux: {error}") from None
    if isinstance(whole, list):
        return read_errata(whole, raw.url)
    if isinstance(whole.data, msgspec.Raw):
        try:
            return read_errata(msgspec.json.decode(whole.data, type=list[msgspec.Raw]), raw.url)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ParseError(f"no list of errata: {error}", "data") from None
    record = _read_osv(decode_osv(raw.body))
    return ParsedDocument(records=() if record is None else (record,))


def _read_osv(osv: OsvRecord) -> Record | None:
    if _ERRATUM.fullmatch(osv.id) is None:
        raise ParseError("an OSV record of another vendor")
    by_release: dict[Release, list[Binary]] = {}
    for entry in osv.packages:
        release = _release(entry.package.ecosystem)
        versions = [version for text in entry.fixed_versions() if (version := checked_version(text)) is not None]
        if release is not None:
            by_release.setdefault(release, []).extend(
                Binary(name=entry.package.name, version=version) for version in versions
            )
    if osv.packages and not by_release:
        raise ParseError("none of its packages is of a release of AlmaLinux", osv.id)
    cves = cve_ids(osv.related, osv.aliases, osv.upstream)
    issued = as_utc(osv.published)
    cells: list[Observation] = []
    for (release_name, stream), binaries in by_release.items() if osv.withdrawn is None else ():
        published = KernelErratum(
            distro=DISTRO, release=release_name, stream=stream, erratum=osv.id, day=day_of(issued)
        )
        cells += fixed_cells(kernel_builds(DISTRO, binaries), published, cves)
    if not cells and osv.withdrawn is None:
        return None
    return Record(key=osv.id, observations=(_erratum(osv, cves), *cells), modified=as_utc(osv.modified))


def _release(ecosystem: str) -> Release | None:
    found = _ECOSYSTEM.fullmatch(ecosystem)
    if found is None:
        return None
    kitten, release = found.groups()
    return release, "kitten" if kitten else None


def _erratum(osv: OsvRecord, cves: tuple[str, ...]) -> ErratumObservation:
    page = osv.id.replace(":", "-")
    links = (web_link(one.url) for one in osv.references or ())
    return ErratumObservation(
        erratum=osv.id,
        distro=DISTRO,
        title=clean_line(osv.summary or "") or osv.id,
        cves=cves,
        issued=as_utc(osv.published),
        updated=as_utc(osv.modified),
        url=next((link for link in links if link and page in link), None),
        withdrawn=osv.withdrawn is not None,
    )
