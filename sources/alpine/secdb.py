"""The security database of one release and repository: the version that fixed each CVE of each package.

    {"distroversion": "v3.22", "reponame": "main", "packages": [{"pkg": {"name": "kmod", "secfixes":
      {"34.2-r1": ["CVE-2026-31431"], "0": ["CVE-2020-1 XSA-1"]}}}]}

(Made by Alpine's secdb from the `secfixes` comments of APKBUILD files; version "0" means never affected.) It only says
what was fixed, and kernels have no rows: their state follows from the version that Alpine ships.
"""

from __future__ import annotations

from typing import Final

import msgspec

from advisories.observation import CellObservation, FixedVersion, ParsedDocument, Record, Rejected
from advisories.versions import compare
from advisories.words import Status
from sources.alpine.names import COMPANIONS, CVE, DISTRO, KERNELS, VERSION, kind_of, release_of
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line, is_cve_id

WHAT: Final = "the security database"
MOST_CVES: Final = 5_000  # of one package
MOST_REJECTED: Final = 100


class _Named(msgspec.Struct):
    name: str
    secfixes: msgspec.Raw = msgspec.Raw(b"{}")


class _Entry(msgspec.Struct):
    pkg: _Named


class _Database(msgspec.Struct):
    distroversion: str
    reponame: str
    packages: list[msgspec.Raw]


_secfixes = msgspec.json.Decoder(dict[str, list[str] | None] | None)


def read_secdb(body: bytes) -> ParsedDocument:
    """One record per kernel or companion package. Raises ParseError."""
    database = decode_json(body, _Database, WHAT)
    release = release_of(database.distroversion)
    if release is None or database.reponame not in ("main", "community", "testing"):
        raise ParseError(f"{WHAT} is of no release: {database.distroversion[:40]!r}, {database.reponame[:40]!r}")
    records: list[Record] = []
    rejected: list[Rejected] = []
    others = 0
    for number, raw in enumerate(database.packages):
        key = f"secdb/{release}/{database.reponame}/#{number}"
        try:
            package = msgspec.json.decode(raw, type=_Entry).pkg
            if package.name not in KERNELS and package.name not in COMPANIONS:
                others += 1
                continue
            key = f"secdb/{release}/{database.reponame}/{package.name}"
            cells = _cells(release, package.name, _secfixes.decode(package.secfixes) or {})
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            rejected.append(Rejected(key=key, what=clean_line(str(error), 200)))
            continue
        if cells:
            records.append(Record(key=key, observations=cells, slice=_slice(database, raw)))
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected[:MOST_REJECTED]), complete=others > 0)


def _cells(release: str, package: str, secfixes: dict[str, list[str] | None]) -> tuple[CellObservation, ...]:
    fixes: dict[str, str] = {}
    for version, texts in secfixes.items():
        if version != "0" and VERSION.fullmatch(version) is None:
            continue
        for cve in (cve for text in texts or () for cve in CVE.findall(text) if is_cve_id(cve)):
            # Named twice, the first fix was not enough.
            if cve not in fixes or (compare(DISTRO, version, fixes[cve]) or 0) > 0:
                fixes[cve] = version
    return tuple(_cell(release, package, cve, version) for cve, version in list(fixes.items())[:MOST_CVES])


def _cell(release: str, package: str, cve: str, version: str) -> CellObservation:
    never = version == "0"
    return CellObservation(
        cve=cve,
        distro=DISTRO,
        release=release,
        package=package,
        kind=kind_of(package),
        status=Status.NOT_AFFECTED if never else Status.FIXED,
        fixed=() if never else (FixedVersion(version=version),),
        vendor_status="secfixes",
    )


def _slice(database: _Database, raw: msgspec.Raw) -> bytes:
    return msgspec.json.encode(
        {"distroversion": database.distroversion, "reponame": database.reponame, "packages": [raw]}
    )
