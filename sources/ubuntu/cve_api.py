"""The CVE API (https://ubuntu.com/security/api/docs): the tracker's own word for every package in every release.

    {"id", "packages": [{"name", "statuses": [{"release_codename", "pocket", "status", "description"}]}]}

One CVE (CVE-….json), or a list of them (cves.json: {"cves": [...]}).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from advisories.observation import CellObservation, FixedVersion, Record, Rejected
from advisories.words import CellKind, Disposition, Status
from sources.errors import ParseError
from sources.formats.text import clean_line, is_cve_id
from sources.formats.times import read_time
from sources.ubuntu.kernels import is_wrapper, kernel_package
from sources.ubuntu.places import DISTRO, Place, tracker_place
from sources.ubuntu.versions import package_version

MOST_PACKAGES = 10_000

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,99}")
# The tracker's notes behind "ignored": https://git.launchpad.net/ubuntu-cve-tracker/tree/README
_SUPERSEDED = re.compile(r"\b(?:superseded|replaced) by\b")
_ENDED = re.compile(
    r"\bend[ -]of[ -](?:life\b|(?:[a-z]{1,20} ){0,3}support\b|esm\b)|\bout of (?:standard )?support\b|\beol\b"
)
_CODE_ABSENT = re.compile(r"\bcode not (?:present|compiled|built|in use)\b|\bnot (?:compiled|built)\b")

Verdict = tuple[Status, Disposition]
_VERDICTS: dict[str, Verdict] = {
    "released": (Status.FIXED, Disposition.NONE),
    "pending": (Status.AFFECTED, Disposition.PENDING),
    "needed": (Status.AFFECTED, Disposition.NONE),
    "in-progress": (Status.AFFECTED, Disposition.NONE),
    "needs-triage": (Status.UNDER_INVESTIGATION, Disposition.NONE),
    "deferred": (Status.AFFECTED, Disposition.DEFERRED),
    "ignored": (Status.AFFECTED, Disposition.WONT_FIX),
    "not-affected": (Status.NOT_AFFECTED, Disposition.NONE),
}
_UNKNOWN: Verdict = (Status.UNDER_INVESTIGATION, Disposition.NONE)


class _PackageStatus(msgspec.Struct):
    release_codename: str
    status: str
    pocket: str | None  # null for old releases, but there: without it a paid fix would read as everybody's
    description: str | None = None


class _Package(msgspec.Struct):
    name: str
    statuses: tuple[_PackageStatus, ...]


class ApiCve(msgspec.Struct):
    id: str
    packages: tuple[_Package, ...]
    updated_at: str | None = None


_decoder = msgspec.json.Decoder(ApiCve)


def decode_cve(body: bytes | msgspec.Raw) -> ApiCve:
    """One CVE of the API. Raises ParseError."""
    try:
        cve = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"no CVE of the API: {error}") from None
    if not is_cve_id(cve.id):
        raise ParseError("its id is no CVE id")
    if len(cve.packages) > MOST_PACKAGES:
        raise ParseError(f"more than {MOST_PACKAGES} packages", cve.id)
    return cve


def read_api_cve(cve: ApiCve) -> tuple[Record, tuple[Rejected, ...]]:
    cells: dict[tuple[str, str | None, str], CellObservation] = {}
    rejected: list[Rejected] = []
    for package in sorted(cve.packages, key=lambda one: is_wrapper(one.name)):
        if _PACKAGE.fullmatch(package.name) is None:
            rejected.append(Rejected(key=f"{cve.id}/{clean_line(package.name, 100)}", what="no package name"))
            continue
        for cell in _cells(cve.id, package):
            cells.setdefault((cell.release or "", cell.stream, cell.package), cell)
    record = Record(key=f"cve-api/{cve.id}", observations=tuple(cells.values()), modified=read_time(cve.updated_at))
    return record, tuple(rejected)


def _cells(cve: str, package: _Package) -> Iterator[CellObservation]:
    for one in package.statuses:
        place = tracker_place(one.release_codename, one.pocket or "")
        note = clean_line(one.description or "")
        if place is None or one.status == "DNE" or (one.status == "ignored" and _SUPERSEDED.search(note)):
            continue
        yield _cell(cve, package.name, place, clean_line(one.status, 60), note)


def _cell(cve: str, name: str, place: Place, word: str, note: str) -> CellObservation:
    kernel = kernel_package(name)
    status, disposition = _VERDICTS.get(word, _UNKNOWN)
    if word == "ignored" and _ENDED.search(note.lower()):
        disposition = Disposition.EOL
    version = package_version(note.partition(" ")[0]) if status is Status.FIXED and not is_wrapper(name) else None
    absent = status is Status.NOT_AFFECTED and _CODE_ABSENT.search(note.lower())
    return CellObservation(
        cve=cve,
        distro=DISTRO,
        release=place.release,
        codename=place.codename,
        stream=place.stream,
        package=kernel or name,
        kind=CellKind.PACKAGE if kernel else CellKind.RELATED,
        status=status,
        disposition=disposition,
        justification="vulnerable_code_not_present" if absent else None,
        fixed=() if version is None else (FixedVersion(version=version),),
        vendor_status=f"{word} ({note})" if word in ("ignored", "deferred") and note else word,
        needs_subscription=place.needs_subscription,
        note=_note(status, disposition, note),
    )


def _note(status: Status, disposition: Disposition, note: str) -> str | None:
    """The tracker's note in words that cannot be read as a fix: a version behind "pending" is not published yet."""
    if not note or status is Status.FIXED or disposition in (Disposition.EOL, Disposition.WONT_FIX):
        return None
    version = package_version(note)
    if version is None:
        return note
    if disposition is Disposition.PENDING:
        return f"{version} is to be released"
    return f"not affected from {version}" if status is Status.NOT_AFFECTED else note
