"""Version order of dpkg, rpm, apk and pacman, small enough for the single file.

Sources: deb-version(7), rpm's rpmvercmp, apk's version.c as the gentoo order with its suffixes, pacman's vercmp(8).
Each function gives -1, 0 or 1.
"""

import re
from typing import List, Tuple, TypeVar

_Ordered = TypeVar("_Ordered", int, str)
_NUMERALS = "0123456789"
_DIGITS = re.compile(r"[0-9]+")
_VERSION = re.compile(r"^[0-9A-Za-z.+~^:_-]{1,200}\Z")
_RPM_SEGMENT = re.compile(r"[0-9]+|[a-zA-Z]+|~|\^")
_PACMAN_SEGMENT = re.compile(r"[0-9]+|[a-zA-Z]+|[^0-9a-zA-Z]+")
_APK = re.compile(r"^([0-9]+(?:\.[0-9]+)*)([a-z]?)((?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*)(?:-r([0-9]+))?$")
_APK_SUFFIX = re.compile(r"_([a-z]+)([0-9]*)")
_APK_ORDER = {"alpha": -4, "beta": -3, "pre": -2, "rc": -1, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5}
DPKG_DISTROS = ("debian", "ubuntu")
RPM_DISTROS = (
    "rhel", "almalinux", "rocky", "ol", "centos", "centos-stream", "amzn", "sles", "sled", "opensuse-leap",
    "opensuse-tumbleweed", "fedora", "photon", "azurelinux", "mariner", "openEuler",
)  # fmt: skip


def sign(left: _Ordered, right: _Ordered) -> int:
    """-1, 0 or 1 of two numbers or two strings."""
    return (left > right) - (left < right)


def _dpkg_letter(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 256


def _dpkg_part(left: str, right: str) -> int:
    at, other = 0, 0
    while at < len(left) or other < len(right):
        while (at < len(left) and left[at] not in _NUMERALS) or (other < len(right) and right[other] not in _NUMERALS):
            one = _dpkg_letter(left[at]) if at < len(left) and left[at] not in _NUMERALS else 0
            two = _dpkg_letter(right[other]) if other < len(right) and right[other] not in _NUMERALS else 0
            if one != two:
                return sign(one, two)
            at, other = at + 1, other + 1
        first, second = _DIGITS.match(left, at), _DIGITS.match(right, other)
        one, two = _number(first.group() if first else ""), _number(second.group() if second else "")
        if one != two:
            return sign(one, two)
        at, other = first.end() if first else at, second.end() if second else other
    return 0


def _number(digits: str) -> int:
    return int(digits[:200] or "0")


def split_epoch(version: str) -> Tuple[int, str]:
    """The epoch (0 when not written) and the rest."""
    head, colon, rest = version.partition(":")
    return (_number(head), rest) if colon and head.isdigit() else (0, version)


def compare_dpkg(left: str, right: str) -> int:
    """Order of two Debian versions."""
    (epoch, one), (other_epoch, two) = split_epoch(left), split_epoch(right)
    upstream, _, revision = one.rpartition("-") if "-" in one else (one, "", "")
    other_upstream, _, other_revision = two.rpartition("-") if "-" in two else (two, "", "")
    return sign(epoch, other_epoch) or _dpkg_part(upstream, other_upstream) or _dpkg_part(revision, other_revision)


def rpmvercmp(left: str, right: str) -> int:
    """rpm's order of one part (version or release): segments, `~` before all, `^` after the end but before more."""
    if left == right:
        return 0
    ones, twos = _RPM_SEGMENT.findall(left), _RPM_SEGMENT.findall(right)
    for at in range(max(len(ones), len(twos))):
        order = _rpm_segment(ones[at] if at < len(ones) else "", twos[at] if at < len(twos) else "")
        if order:
            return order
    return 0


def _rpm_segment(one: str, two: str) -> int:
    for mark, side in (("~", -1), ("^", 1)):
        if mark in (one, two):
            if one == two:
                return 0
            if mark == "^" and one and two:
                return -1 if one == mark else 1
            return side if one == mark else -side
    if not one or not two:
        return sign(bool(one), bool(two))
    if one.isdigit() != two.isdigit():
        return 1 if one.isdigit() else -1
    return sign(_number(one), _number(two)) if one.isdigit() else sign(one, two)


def compare_rpm(left: str, right: str) -> int:
    """Order of two `[epoch:]version-release`; a missing release is equal to any."""
    (epoch, one), (other_epoch, two) = split_epoch(left), split_epoch(right)
    version, _, release = one.partition("-")
    other_version, _, other_release = two.partition("-")
    order = sign(epoch, other_epoch) or rpmvercmp(version, other_version)
    if order or not release or not other_release:
        return order
    return rpmvercmp(release, other_release)


def compare_pacman(left: str, right: str) -> int:
    """Order of two Arch versions `[epoch:]pkgver-pkgrel`; pkgrel counts when both have one."""
    (epoch, one), (other_epoch, two) = split_epoch(left), split_epoch(right)
    version, _, release = one.rpartition("-") if "-" in one else (one, "", "")
    other_version, _, other_release = two.rpartition("-") if "-" in two else (two, "", "")
    order = sign(epoch, other_epoch) or _pacman_part(version, other_version)
    if order or not release or not other_release:
        return order
    return _pacman_part(release, other_release)


def _pacman_part(left: str, right: str) -> int:
    """Digits, letters and separators in turn; what goes on with letters is older (1.0rc < 1.0 < 1.0.1)."""
    ones, twos = _PACMAN_SEGMENT.findall(left), _PACMAN_SEGMENT.findall(right)
    for one, two in zip(ones, twos):
        order = _pacman_segment(one, two)
        if order:
            return order
    if len(ones) == len(twos):
        return 0
    longer, side = (ones, 1) if len(ones) > len(twos) else (twos, -1)
    return -side if longer[min(len(ones), len(twos))].isalpha() else side


def _pacman_segment(one: str, two: str) -> int:
    kinds = [2 if each.isdigit() else 0 if each.isalpha() else 1 for each in (one, two)]
    if kinds[0] != kinds[1]:
        return sign(kinds[0], kinds[1])
    if kinds[0] == 2:
        return sign(_number(one), _number(two))
    return sign(one, two) if kinds[0] == 0 else sign(len(one), len(two))


def compare_apk(left: str, right: str) -> int:
    """Order of two Alpine versions. Raises ValueError for what is none."""
    one, two = _APK.match(left), _APK.match(right)
    if one is None or two is None:
        raise ValueError("{!r} or {!r} is not an Alpine version".format(left[:60], right[:60]))
    return (
        _apk_numbers(one.group(1).split("."), two.group(1).split("."))
        or sign(one.group(2), two.group(2))
        or _apk_suffixes(one.group(3), two.group(3))
        or sign(_number(one.group(4) or ""), _number(two.group(4) or ""))
    )


def _apk_numbers(ones: List[str], twos: List[str]) -> int:
    order = sign(_number(ones[0]), _number(twos[0]))
    for one, two in zip(ones[1:], twos[1:]):
        if order:
            return order
        zeros = one.startswith("0") or two.startswith("0")
        order = sign(one.rstrip("0"), two.rstrip("0")) if zeros else sign(_number(one), _number(two))
    return order or sign(len(ones), len(twos))


def _apk_suffixes(left: str, right: str) -> int:
    ones, twos = _APK_SUFFIX.findall(left), _APK_SUFFIX.findall(right)
    for at in range(max(len(ones), len(twos))):
        one, two = ones[at] if at < len(ones) else ("", ""), twos[at] if at < len(twos) else ("", "")
        order = sign(_APK_ORDER.get(one[0], 0), _APK_ORDER.get(two[0], 0)) or sign(_number(one[1]), _number(two[1]))
        if order:
            return order
    return 0


def compare(distro: str, left: str, right: str) -> int:
    """Order of two versions of a distribution's packages. Raises ValueError where its order is not known."""
    if not _VERSION.match(left) or not _VERSION.match(right):
        raise ValueError("{!r} or {!r} is not a version".format(left[:60], right[:60]))
    if distro in DPKG_DISTROS:
        return compare_dpkg(left, right)
    if distro in RPM_DISTROS:
        return compare_rpm(left, right)
    if distro in ("alpine",):
        return compare_apk(left, right)
    if distro in ("arch", "archarm", "flatcar", "nixos", "gentoo"):
        return compare_pacman(left, right)
    raise ValueError("the order of versions of {!r} is not known here".format(distro[:40]))


def dist_tag(version: str) -> str:
    """el9_7, el8uek, amzn2023, fc43, ph5 ...: the branch an rpm was built for; "" when it has none."""
    found = re.search(r"\.((?:el|fc|amzn|ph|azl|cm|oe)[0-9][A-Za-z0-9_]*)(?:\.|$)", version.partition("-")[2])
    return found.group(1) if found else ""


def series(version: str) -> str:
    """The kernel series of a package version: 6.12 of 1:6.12.85-1."""
    found = re.match(r"([0-9]+\.[0-9]+)(?![0-9])", split_epoch(version)[1])
    return found.group(1) if found else ""
