"""Debian's names: which source packages are kernels, which go with one, and which release a codename is."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

DISTRO: Final = "debian"
KERNEL_PACKAGE = re.compile(r"linux(?:-[0-9]{1,2}\.[0-9]{1,3})?")  # linux, linux-6.1 (bullseye LTS), linux-5.10
# Packages that may name a kernel's CVE because they keep a module or a socket family shut, or use AF_ALG.
COMPANIONS: Final = frozenset(
    {"kmod", "docker.io", "containerd", "runc", "systemd", "libkcapi", "cryptsetup", "bluez", "iwd", "ell"}
)
UNSTABLE: Final = "sid"
# Testing is known by its codename until it is released (forky since August 2025); unstable by its own for ever.
TESTING: Final = "forky"
NUMBERS: Final = {
    "woody": "3.0",
    "sarge": "3.1",
    "etch": "4",
    "lenny": "5",
    "squeeze": "6",
    "wheezy": "7",
    "jessie": "8",
    "stretch": "9",
    "buster": "10",
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
    "forky": "14",
    "duke": "15",
}
CODENAME = re.compile(r"[a-z]{2,20}")
_POCKET = re.compile(r"-(?:security|lts|updates|proposed-updates)$")
VERSION = re.compile(r"(?:[0-9]{1,4}:)?[0-9][A-Za-z0-9.+~-]{0,119}")


@lru_cache(maxsize=1024)
def is_kernel(package: str) -> bool:
    return KERNEL_PACKAGE.fullmatch(package) is not None


def codename_of(suite: str) -> str:
    """The release that a suite belongs to: "bookworm-security" is bookworm, "unstable" is sid."""
    name = _POCKET.sub("", suite)
    return {"unstable": UNSTABLE, "(unstable)": UNSTABLE, "testing": TESTING}.get(name, name)


@lru_cache(maxsize=1024)
def release_of(codename: str) -> str:
    """The release number; sid, testing and a name we do not know stand for themselves."""
    if codename == TESTING:
        return codename
    return NUMBERS.get(codename, codename)
