"""One package of archlinux.org as JSON: the version in the repository now.

{"pkgname": "linux", "pkgbase": "linux", "repo": "core", "arch": "x86_64", "pkgver": "6.19.12.arch1",
 "pkgrel": "1", "epoch": 0, "last_update": "2026-04-12T08:00:00.000Z", ...}
"""

from __future__ import annotations

import re

import msgspec

from advisories.observation import PackageVersionObservation, ParsedDocument, Record
from sources.arch.names import DISTRO, KERNELS, VERSION
from sources.errors import ParseError
from sources.formats.json_document import decode_json

# 6.19.12.arch1, 6.12.85, 7.0.zen1, 7.0rc7.arch1: the upstream release comes first, the suffix is the packager's
_UPSTREAM = re.compile(r"([0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,4})?)(?:rc([0-9]{1,2}))?(?:\.[a-z]{2,12}[0-9]{1,3})?")


class _Package(msgspec.Struct):
    pkgname: str
    pkgver: str
    pkgrel: str
    epoch: int = 0


def read_package(body: bytes) -> ParsedDocument:
    """The one record of the package. Raises ParseError."""
    package = decode_json(body, _Package, "Arch's package")
    version = f"{package.pkgver}-{package.pkgrel}"
    if package.epoch:
        version = f"{package.epoch}:{version}"
    upstream = _UPSTREAM.fullmatch(package.pkgver)
    if package.pkgname not in KERNELS or upstream is None or VERSION.fullmatch(version) is None:
        raise ParseError("no kernel package with a version that names its upstream release")
    observation = PackageVersionObservation(
        distro=DISTRO,
        release=None,
        package=package.pkgname,
        version=version,
        upstream=upstream[1] + (f"-rc{upstream[2]}" if upstream[2] else ""),
    )
    return ParsedDocument(records=(Record(key=f"package/{package.pkgname}", observations=(observation,)),))
