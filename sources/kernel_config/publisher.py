"""Whose kernel a configuration file is for: told by the path of its address, whatever host it comes from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sources.formats.debian_releases import UNSTABLE, codename_of, release_of

LONGEST_PATH: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """`file` keeps the files of one package apart."""

    distro: str
    release: str | None
    package: str
    arch: str | None
    file: str


def find_publisher(url: str) -> Publisher | None:
    """None when the path is of no distribution that publishes its configuration."""
    try:
        path = urlsplit(url).path[:LONGEST_PATH]
    except ValueError:
        return None
    for pattern, read in _PUBLISHERS:
        found = pattern.search(path)
        if found is not None:
            return read(found, path.rsplit("/", 1)[-1])
    return None


def _arch(found: re.Match[str], file: str) -> Publisher:
    return Publisher(distro="arch", release=None, package=found[1], arch=found[2], file=file)


def _fedora(found: re.Match[str], file: str) -> Publisher:
    return Publisher(distro="fedora", release=found[1].removeprefix("f"), package="kernel", arch=found[2], file=file)


def _alpine(found: re.Match[str], file: str) -> Publisher:
    release = "edge" if found[1] == "master" else found[1].removesuffix("-stable")
    return Publisher(distro="alpine", release=release, package=f"linux-{found[2]}", arch=found[3], file=file)


def _debian(found: re.Match[str], file: str) -> Publisher:
    branch = found[1].rsplit("/", 1)[-1]
    codename = UNSTABLE if branch in ("latest", "master") else codename_of(branch)
    return Publisher(distro="debian", release=release_of(codename), package="linux", arch=found[2], file=file)


def _nixos(found: re.Match[str], file: str) -> Publisher:
    release = found[1].removeprefix("nixos-").removeprefix("release-").removesuffix("-small")
    return Publisher(
        distro="nixos", release="unstable" if release == "master" else release, package="linux", arch=None, file=file
    )


def _openwrt(found: re.Match[str], file: str) -> Publisher:
    release = found[1].removeprefix("openwrt-")
    return Publisher(distro="openwrt", release=release, package="linux", arch=None, file=file)


_PUBLISHERS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], Publisher]], ...]] = (
    (re.compile(r"/packages/(linux(?:-[a-z]{1,20})?)/-/raw/[^/]{1,80}/config(?:\.([a-z0-9_]{2,12}))?$"), _arch),
    (
        re.compile(r"/rpms/kernel/raw/(rawhide|f[0-9]{1,3})/f/kernel-([a-z0-9_]{2,12})-(?:debug-)?fedora\.config$"),
        _fedora,
    ),
    (
        re.compile(
            r"/(master|[0-9]{1,2}\.[0-9]{1,2}-stable)/(?:main|community)/linux-[a-z]{1,20}"
            r"/([a-z]{1,20})\.([a-z0-9_]{2,12})\.config$"
        ),
        _alpine,
    ),
    (
        re.compile(r"/raw/((?:debian/)?[a-z0-9.-]{1,30}(?:/[a-z-]{1,30})?)/debian/config(?:/([a-z0-9]{2,12}))?/config"),
        _debian,
    ),
    (re.compile(r"/nixpkgs/([A-Za-z0-9.-]{1,40})/pkgs/os-specific/linux/kernel/common-config\.nix$"), _nixos),
    (re.compile(r"/openwrt/([A-Za-z0-9.-]{1,40})/target/linux/generic/config-[0-9.]{1,9}$"), _openwrt),
)
