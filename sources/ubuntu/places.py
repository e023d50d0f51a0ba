"""Where a package of Ubuntu lives: release and stream, from the names that each of Ubuntu's documents has for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sources.formats.osv import OsvPackage
from sources.ubuntu.kernels import CODENAMES, RELEASES

DISTRO: Final = "ubuntu"

_RELEASE = re.compile(r"[0-9]{2}\.[0-9]{2}")
_PURL_DISTRO = re.compile(r"[?&]distro=([a-z0-9-]{1,40}(?:(?:/|%2[Ff])[a-z0-9-]{1,40})?)(?=&|$)")
_STREAM = re.compile(r"[a-z0-9][a-z0-9-]{0,38}")
# pockets of the archive that everybody has, whatever they are called
_OPEN_POCKETS: Final = frozenset({"", "security", "updates", "release", "proposed"})
# an old name, and what it is called since 2022
_RENAMED: Final = {"esm": "esm-infra"}
_FREE_STREAMS: Final = frozenset({"bluefield"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """stream None: the archive that is open to all; else the pocket, most of which need a subscription."""

    release: str
    codename: str | None
    stream: str | None

    @property
    def needs_subscription(self) -> bool:
        return self.stream is not None and self.stream not in _FREE_STREAMS


def osv_place(package: OsvPackage) -> Place | None:
    """ "Ubuntu:24.04:LTS", "Ubuntu:Pro:18.04:LTS", "Ubuntu:Pro:FIPS-updates:22.04:LTS"; the purl's distro ("esm-infra/
    bionic") names the pocket. None for what is no release of Ubuntu."""
    words = package.ecosystem.split(":")
    releases = [word for word in words if _RELEASE.fullmatch(word)]
    if words[0] != "Ubuntu" or len(releases) != 1:
        return None
    pocket, codename = _purl_distro(package.purl or "")
    variants = [word.lower() for word in words[1:] if word not in ("Pro", "LTS") and word != releases[0]]
    if pocket:
        stream: str | None = pocket
    elif any("bluefield" in variant for variant in variants):  # also as "Ubuntu:22.04:LTS:for:NVIDIA:BlueField"
        stream = "bluefield"
    elif variants:
        stream = variants[0]
    else:
        stream = "esm-infra" if "Pro" in words else None
    if stream is not None and _STREAM.fullmatch(stream) is None:
        return None
    return Place(release=releases[0], codename=codename or RELEASES.get(releases[0]), stream=stream)


def _purl_distro(purl: str) -> tuple[str | None, str | None]:
    """(pocket, codename) of "distro=esm-infra/bionic", "distro=noble" or the old "distro=trusty/esm"."""
    found = _PURL_DISTRO.search(purl)
    if found is None:
        return None, None
    first, _, second = found.group(1).replace("%2F", "/").replace("%2f", "/").partition("/")
    if not second:
        return None, first
    if second in _RENAMED:
        return _RENAMED[second], first
    return first, second


def tracker_place(codename: str, pocket: str) -> Place | None:
    """The tracker's "jammy" with its pocket, also as "esm-infra/bionic"; None for upstream, devel and unknown names."""
    if "/" in codename:
        first, _, second = codename.partition("/")
        codename, pocket = (first, second) if first in CODENAMES else (second, first)
    release = CODENAMES.get(codename)
    stream = None if pocket in _OPEN_POCKETS else _RENAMED.get(pocket, pocket)
    if release is None or (stream is not None and _STREAM.fullmatch(stream) is None):
        return None
    return Place(release=release, codename=codename, stream=stream)
