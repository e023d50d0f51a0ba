"""APKBUILD of a kernel package in aports: the version that a release ships.

    pkgname=linux-lts
    pkgver=6.12.85
    pkgrel=0

(APKBUILD(5).) It is a shell script, of which only plain assignments at the start of a line are read.
"""

from __future__ import annotations

import re
from typing import Final

from advisories.observation import PackageVersionObservation, ParsedDocument, Record
from advisories.versions import kernel_series
from sources.alpine.names import DISTRO, KERNELS
from sources.errors import ParseError

_LINE = re.compile(rb"^(pkgname|pkgver|pkgrel)=(['\"]?)([A-Za-z0-9._-]{1,60})\2[ \t]*(?:#[^\n]*)?\r?\n", re.MULTILINE)
_BRANCH = re.compile(r"/(?:(master)|([0-9]{1,2}\.[0-9]{1,2})-stable)/")
_UPSTREAM = re.compile(r"([0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,4})?)(?:_rc([0-9]{1,2}))?")
LARGEST: Final = 512 * 1024


def is_apkbuild(body: bytes) -> bool:
    return re.search(rb"^pkgname=", body[:LARGEST], re.MULTILINE) is not None


def read_apkbuild(body: bytes, url: str) -> ParsedDocument:
    """The one record of the file; the release is the branch in its address. Raises ParseError."""
    branch = _BRANCH.search(url)
    if branch is None:
        raise ParseError("the address names no branch of aports")
    release = branch[2] or "edge"
    values: dict[bytes, str] = {}
    for match in _LINE.finditer(body[:LARGEST]):
        values.setdefault(match[1], match[3].decode())
    package, version, revision = (values.get(name, "") for name in (b"pkgname", b"pkgver", b"pkgrel"))
    upstream = _UPSTREAM.fullmatch(version)
    if package not in KERNELS or upstream is None or not revision.isdecimal():
        raise ParseError("no kernel package with a plain version and revision")
    number = upstream[1] + (f"-rc{upstream[2]}" if upstream[2] else "")
    if kernel_series(number) is None:
        raise ParseError("the version is built on no kernel series")
    observation = PackageVersionObservation(
        distro=DISTRO, release=release, package=package, version=f"{version}-r{revision}", upstream=number
    )
    return ParsedDocument(records=(Record(key=f"aports/{release}/{package}", observations=(observation,)),))
