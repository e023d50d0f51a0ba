"""The kernel that a person writes: a package version with its release, or the line of /proc/version."""

import re
from typing import Optional

from bot.hostcheck.origin import Origin, debian_origin, origin_of_release, read_origin, ubuntu_origin
from bot.hostcheck.osrelease import Release

LINE = "Linux version "
TEXT_LIMIT = 1024
_VERSION = re.compile(r"^[0-9][0-9A-Za-z._+~:-]{2,100}\Z")
_ABI = re.compile(r"^[0-9]+\.[0-9]+\.[0-9]+-[0-9]+(?:-[a-z0-9-]+)?\Z")
_DEBIAN_ABI = re.compile(r"^[0-9]+\.[0-9]+(?:\.[0-9]+)?\+(?:deb[0-9]+|bpo)?(?:\+[0-9]+)?-[a-z0-9-]+\Z")


def send_instead(text: str) -> str:
    """What to send when an ABI name or something unreadable was sent."""
    if _ABI.match(text) or _DEBIAN_ABI.match(text):
        return "{} is the name of an ABI, not a version; send the line of: cat /proc/version".format(text[:60])
    return "this is no kernel version; send the line of: cat /proc/version"


def has_flavour(text: str) -> bool:
    """Whether it ends like a uname: 6.1.0-44-amd64, and not 6.1.164-1, which may be a version."""
    return re.match(r"^[0-9][0-9.]*(?:-[0-9.]+)?(?:\+[a-z0-9.]+)?-[a-z][a-z0-9-]*\Z", text) is not None


def written_kernel(text: str, release: Release) -> Optional[Origin]:
    """The kernel; None for what is none, or says too little."""
    if text.startswith(LINE):
        return read_origin(text[:TEXT_LIMIT])
    if not _VERSION.match(text):
        return None
    if release.distro == "debian":
        if re.search(r"~bpo[0-9]", text):
            return read_origin("Linux version {} (debian-kernel@lists.debian.org) ".format(text))
        shaped = re.match(r"^[0-9.]+(?:~rc[0-9]+)?-[0-9][0-9.+~a-z]*\Z", text)
        return debian_origin(text, text) if shaped else None
    if release.distro == "ubuntu":
        shaped = re.match(r"^[0-9.]+-[0-9]+\.[0-9]+(?:\.[0-9]+)*(?:~[0-9.]+)?\Z", text)
        return ubuntu_origin(text, text, "generic") if shaped else None
    origin = origin_of_release(text)
    return origin if origin.known else _package_version(text, release)


def _package_version(text: str, release: Release) -> Optional[Origin]:
    """A version as the package manager prints it, without the machine: the same name with one added."""
    bare = text.partition(":")[2] or text
    for tried in (bare + ".x86_64", re.sub(r"\.[0-9]+\Z", "", bare) + "-default"):
        origin = origin_of_release(tried)
        if origin.known and release.distro in origin.distros:
            return origin._replace(release=text, version=text, partial=False)
    if release.distro == "alpine" and re.match(r"^[0-9.]+-r[0-9]+\Z", text):
        return Origin(text, ("alpine",), ("linux-lts",), text, False, "")
    if release.distro == "arch" and re.match(r"^[0-9.]+\.arch[0-9]+-[0-9]+\Z", text):
        return Origin(text, ("arch",), ("linux",), text, False, "")
    return None
