"""Version order of packages and of kernel releases: univers behind one door, with what cannot be ordered said so.

Orders are those of dpkg, rpm (EVR), apk and pacman. Versions are compared within one package, stream and branch only;
a branch is the dist tag of the Enterprise Linux family ("el9_7"), everything else has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from univers import arch, debian, gentoo, rpm
from univers.versions import AlpineLinuxVersion

MAX_VERSION_CHARS = 128

# univers annotates little: what we use of it gets its types here
_dpkg_parse: Callable[[str], debian.Version] = debian.Version.from_string
_rpm_order: Callable[[object, object], int] = rpm.compare_rpm_versions  # type: ignore[assignment]  # takes its own type
_rpm_parse: Callable[[str], object] = rpm.RpmVersion.from_string
_gentoo_order: Callable[[str, str], int] = gentoo.vercmp
_gentoo_valid: Callable[[str], bool] = gentoo.is_valid
_apk_valid: Callable[[str], bool] = AlpineLinuxVersion.is_valid

_DPKG = frozenset({"debian", "ubuntu"})
_ENTERPRISE = frozenset({"rhel", "almalinux", "rocky", "ol", "centos-stream"})
_RPM = _ENTERPRISE | frozenset(
    {
        "amzn", "azurelinux", "bottlerocket", "fedora", "openEuler", "opensuse-leap", "opensuse-tumbleweed", "photon",
        "rhcos", "sl-micro", "sle-micro", "sles", "suse",
    }
)  # fmt: skip
_UPSTREAM = frozenset({"flatcar", "nixos", "kernel"})

_DIST_TAG = re.compile(r"\.(el[0-9]{1,3}(?:_[0-9]{1,3})?(?:[a-z]{1,8})?)(?=[.+~]|$)")
_DPKG_PARTS = re.compile(r"([^0-9]*)([0-9]*)")
_DPKG_VERSION = re.compile(r"(?:[0-9]{1,9}:)?[0-9][A-Za-z0-9.+~-]*")
_RPM_VERSION = re.compile(r"(?:[0-9]{1,9}:)?[A-Za-z0-9._+~^]+(?:-[A-Za-z0-9._+~^]+)?")
_PACMAN_VERSION = re.compile(r"(?:[0-9]{1,9}:)?[A-Za-z0-9._+~]+(?:-[0-9.]+)?")
_KERNEL = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,5}))?(?:-rc([0-9]{1,3}))?")
_SERIES = re.compile(r"(?:[0-9]{1,9}:)?v?([0-9]{1,4}\.[0-9]{1,4})(?=[.\-~+]|$)")
_Parts = tuple[tuple[int, ...] | int, ...]
_FINAL = 1_000  # a release sorts after its release candidates


def compare(distro: str, a: str, b: str) -> int | None:
    """-1, 0 or 1 as `a` sorts before, with or after `b` in the distribution's own order; None when that is unknown."""
    order = _order_of(distro)
    if order is None or len(a) > MAX_VERSION_CHARS or len(b) > MAX_VERSION_CHARS:
        return None
    return _compare(order, a, b)


def branch_of(distro: str, version: str) -> str | None:
    """The branch within which the version may be compared: the dist tag "el9_7" of an EL kernel, else None."""
    if distro not in _ENTERPRISE:
        return None
    found = _DIST_TAG.findall(version)
    return found[-1] if found else None


def kernel_series(version: str) -> str | None:
    """The kernel series a version is built on: "6.12" of "6.12.85-1", "5.14" of "5.14.0-611.54.1.el9_7"."""
    found = _SERIES.match(version)
    return found.group(1) if found else None


def upstream_compare(a: str, b: str) -> int | None:
    """Order of two kernel releases ("6.12.85", "7.0-rc7"); None when one of them is no release but something else."""
    first, second = _kernel_key(a), _kernel_key(b)
    if first is None or second is None:
        return None
    return (first > second) - (first < second)


def _kernel_key(version: str) -> tuple[int, int, int, int] | None:
    found = _KERNEL.fullmatch(version)
    if found is None:
        return None
    major, minor, patch, candidate = found.groups()
    return int(major), int(minor), int(patch or 0), int(candidate) if candidate else _FINAL


def _order_of(distro: str) -> str | None:
    if distro in _DPKG:
        return "dpkg"
    if distro in _RPM:
        return "rpm"
    if distro in _UPSTREAM:
        return "kernel"
    return {"alpine": "apk", "arch": "pacman", "gentoo": "gentoo"}.get(distro)


@lru_cache(maxsize=65_536)
def _compare(order: str, a: str, b: str) -> int | None:
    return _ORDERS[order](a, b)


def _dpkg(a: str, b: str) -> int | None:
    if _DPKG_VERSION.fullmatch(a) is None or _DPKG_VERSION.fullmatch(b) is None:
        return None
    first, second = _dpkg_key(a), _dpkg_key(b)
    return (first > second) - (first < second)


@lru_cache(maxsize=65_536)
def _dpkg_key(version: str) -> tuple[int, _Parts, _Parts]:
    """A key that sorts as deb-version(7) says: comparing two of them is one step, however often a version comes."""
    parsed = _dpkg_parse(version)
    return int(parsed.epoch), _dpkg_parts(str(parsed.upstream)), _dpkg_parts(str(parsed.revision))


def _dpkg_parts(text: str) -> _Parts:
    """Non-digits and digits in turn. "~" sorts before the end of a part, the end before letters, these before the rest;
    the end of the whole is an empty part."""
    parts: list[tuple[int, ...] | int] = []
    for word, number in _DPKG_PARTS.findall(text)[:-1] or [("", "")]:
        parts += [_dpkg_word(word), int(number or "0")]
    return (*parts, _dpkg_word(""))


def _dpkg_word(word: str) -> tuple[int, ...]:
    return (*(-1 if char == "~" else ord(char) if char.isalpha() else ord(char) + 256 for char in word), 0)


def _rpm(a: str, b: str) -> int | None:
    if _RPM_VERSION.fullmatch(a) is None or _RPM_VERSION.fullmatch(b) is None:
        return None
    return _sign(_rpm_order(_rpm_key(a), _rpm_key(b)))


@lru_cache(maxsize=65_536)
def _rpm_key(version: str) -> object:
    return _rpm_parse(version)


def _apk(a: str, b: str) -> int | None:
    if not (a.isascii() and b.isascii() and _apk_valid(a) and _apk_valid(b)):
        return None
    return _sign(_gentoo_order(a, b))


def _gentoo(a: str, b: str) -> int | None:
    if not (a.isascii() and b.isascii() and _gentoo_valid(a) and _gentoo_valid(b)):
        return None
    return _sign(_gentoo_order(a, b))


def _pacman(a: str, b: str) -> int | None:
    if _PACMAN_VERSION.fullmatch(a) is None or _PACMAN_VERSION.fullmatch(b) is None:
        return None
    return _sign(arch.vercmp(a, b))


def _sign(order: int) -> int:
    return (order > 0) - (order < 0)


_ORDERS: dict[str, Callable[[str, str], int | None]] = {
    "dpkg": _dpkg,
    "rpm": _rpm,
    "apk": _apk,
    "gentoo": _gentoo,
    "pacman": _pacman,
    "kernel": upstream_compare,
}
