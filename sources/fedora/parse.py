"""Fedora's updates of the kernel, from Bodhi (https://bodhi.fedoraproject.org/docs/server_api/rest/updates.html).

    {"updates": [{"alias", "title", "notes", "status", "release": {"version", "id_prefix"}, "builds": [{"nvr"}],
      "bugs": [{"title"}], "date_submitted", "date_stable"}], "page": 1, "pages", "rows_per_page", "total"}

CVEs are named in the titles of bugs and in the notes, or not at all: Fedora ships upstream's series, so what its kernel
is built on says more. The newest stable kernel of each release is read from the first page, which is the newest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from advisories.observation import (
    CellObservation,
    ErratumObservation,
    FixedVersion,
    Observation,
    PackageVersionObservation,
    ParsedDocument,
    Record,
    Rejected,
)
from advisories.versions import compare
from advisories.words import Disposition, Status
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.osv import cve_ids
from sources.formats.paging import PageTimes, page_times
from sources.formats.rpm_kernels import evr
from sources.formats.text import clean_line, clean_text, named_cve_ids
from sources.formats.times import day_of, read_time

DISTRO: Final = "fedora"
PACKAGE: Final = "kernel"
MOST_UPDATES: Final = 2_000
_PACKAGE_SLICE: Final = 0  # a page number that Bodhi has not: a slice about the shipped kernel alone

_ALIAS = re.compile(r"FEDORA-[0-9]{4}-[0-9a-f]{6,16}")
_NVR = re.compile(r"kernel-([0-9][A-Za-z0-9._~^]{0,60})-([A-Za-z0-9._~^]{1,60})")
_UPSTREAM = re.compile(r"([0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,4})?)(?:~?(rc[0-9]{1,2}))?")
_RELEASE = re.compile(r"[0-9]{1,3}")

Verdict = tuple[Status, Disposition]
# What a status means for the CVEs that the update names; of the others nothing follows (another update replaced it)
_VERDICTS: Final[dict[str, Verdict]] = {
    "stable": (Status.FIXED, Disposition.NONE),
    "testing": (Status.AFFECTED, Disposition.PENDING),
    "pending": (Status.AFFECTED, Disposition.PENDING),
}
_SILENT: Final = frozenset({"obsolete", "unpushed", "side_tag_active", "side_tag_expired"})
_UNKNOWN: Final[Verdict] = (Status.UNDER_INVESTIGATION, Disposition.NONE)


class _Release(msgspec.Struct):
    version: str
    id_prefix: str


class _Build(msgspec.Struct):
    nvr: str
    epoch: int | None = None


class _Bug(msgspec.Struct):
    title: str | None = None


class _Update(msgspec.Struct):
    alias: str
    status: str
    release: _Release
    builds: tuple[_Build, ...]
    title: str | None = None
    notes: str | None = None
    bugs: tuple[_Bug, ...] | None = None
    date_submitted: str | None = None
    date_stable: str | None = None
    date_modified: str | None = None


class _Page(msgspec.Struct):
    updates: tuple[msgspec.Raw, ...]
    page: int


class _Dated(msgspec.Struct):
    date_submitted: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _KernelUpdate:
    """An update of the kernel, with the bytes it was read from."""

    update: _Update
    version: str
    raw: bytes

    @property
    def release(self) -> str:
        return self.update.release.version


_decoder = msgspec.json.Decoder(_Update)


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per kernel update that names a CVE; on the first page one per release for the kernel that it ships.

    Raises ParseError.
    """
    page = _read_page(raw.body)
    kernels: list[_KernelUpdate] = []
    rejected: list[Rejected] = []
    for number, one in enumerate(page.updates):
        try:
            update = _decoder.decode(one)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rejected.append(Rejected(key=f"update {number}", what="an update that cannot be read"))
            continue
        version = _kernel_version(update)
        if version is not None:
            kernels.append(_KernelUpdate(update=update, version=version, raw=bytes(one)))
    if page.updates and len(rejected) == len(page.updates):
        raise ParseError("none of its updates can be read")
    records = [] if page.page == _PACKAGE_SLICE else [one for one in map(_update_record, kernels) if one.observations]
    if page.page <= 1:
        records += _shipped_records(kernels)
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected))


def read_page_times(body: bytes) -> PageTimes:
    """When its updates were submitted. Raises ParseError."""
    try:
        dated = [msgspec.json.decode(one, type=_Dated) for one in _read_page(body).updates]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"an update without its date: {error}") from None
    return page_times([read_time(one.date_submitted) for one in dated])


def _read_page(body: bytes) -> _Page:
    try:
        page = msgspec.json.decode(body, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"no page of Bodhi: {error}") from None
    if len(page.updates) > MOST_UPDATES:
        raise ParseError(f"more than {MOST_UPDATES} updates")
    return page


def _kernel_version(update: _Update) -> str | None:
    """The version of the kernel that an update of Fedora itself brings; containers, flatpaks and EPEL have none."""
    fedora = update.release.id_prefix == "FEDORA" and _RELEASE.fullmatch(update.release.version)
    if not fedora or _ALIAS.fullmatch(update.alias) is None:
        return None
    for build in update.builds:
        found = _NVR.fullmatch(build.nvr)
        if found is not None:
            return evr(str(build.epoch or 0), found.group(1), found.group(2))
    return None


# Updates


def _update_record(kernel: _KernelUpdate) -> Record:
    update = kernel.update
    named = [update.title or "", *(one.title or "" for one in update.bugs or ()), clean_text(update.notes or "")]
    cves = cve_ids(named_cve_ids("\n".join(named)))
    erratum = ErratumObservation(
        erratum=update.alias,
        distro=DISTRO,
        title=clean_line(update.title or "") or update.alias,
        cves=cves,
        issued=read_time(update.date_stable) or read_time(update.date_submitted),
        updated=read_time(update.date_modified),
        url=f"https://bodhi.fedoraproject.org/updates/{update.alias}",
        withdrawn=update.status in _SILENT,
    )
    observations: tuple[Observation, ...] = (erratum, *_cells(kernel, cves)) if cves else ()
    return Record(
        key=update.alias,
        observations=observations,
        modified=read_time(update.date_modified) or read_time(update.date_stable),
        slice=_page_of(kernel, 2),
    )


def _cells(kernel: _KernelUpdate, cves: Sequence[str]) -> Iterator[CellObservation]:
    word = clean_line(kernel.update.status, 40)
    if word in _SILENT:
        return
    status, disposition = _VERDICTS.get(word, _UNKNOWN)
    fixed = status is Status.FIXED
    day = day_of(read_time(kernel.update.date_stable)) if fixed else None
    for cve in cves:
        yield CellObservation(
            cve=cve,
            distro=DISTRO,
            release=kernel.release,
            package=PACKAGE,
            status=status,
            disposition=disposition,
            fixed=(FixedVersion(version=kernel.version, erratum=kernel.update.alias, date=day),) if fixed else (),
            errata=(kernel.update.alias,) if fixed else (),
            vendor_status=word,
            since=day,
            note=f"{kernel.version} is {word} ({kernel.update.alias})" if not fixed else None,
        )


# The kernel that a release ships


def _shipped_records(kernels: Sequence[_KernelUpdate]) -> list[Record]:
    newest: dict[str, _KernelUpdate] = {}
    for kernel in kernels:
        known = newest.get(kernel.release)
        if kernel.update.status == "stable" and (known is None or compare(DISTRO, kernel.version, known.version) == 1):
            newest[kernel.release] = kernel
    records = (_shipped_record(newest[release]) for release in sorted(newest))
    return [record for record in records if record is not None]


def _shipped_record(kernel: _KernelUpdate) -> Record | None:
    upstream = _UPSTREAM.match(kernel.version.partition("-")[0])
    if upstream is None:
        return None
    number, candidate = upstream.groups()
    shipped = PackageVersionObservation(
        distro=DISTRO,
        release=kernel.release,
        package=PACKAGE,
        version=kernel.version,
        upstream=f"{_without_zero(number)}-{candidate}" if candidate else _without_zero(number),
    )
    return Record(
        key=f"package/{DISTRO}/{kernel.release}/{PACKAGE}",
        observations=(shipped,),
        slice=_page_of(kernel, _PACKAGE_SLICE),
    )


def _without_zero(number: str) -> str:
    """Fedora packs upstream's 7.1 as 7.1.0."""
    return number.removesuffix(".0") if number.count(".") == 2 else number


def _page_of(kernel: _KernelUpdate, page: int) -> bytes:
    return b'{"updates": [' + kernel.raw + b'], "page": ' + str(page).encode() + b"}"
