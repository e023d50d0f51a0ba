"""Alpine's names: kernel packages, packages that go with one, and releases."""

from __future__ import annotations

import re
from typing import Final

from advisories.words import CellKind

DISTRO: Final = "alpine"
# Source packages of kernels; linux-virt is a flavour of linux-lts, linux-pam and linux-firmware are something else.
KERNELS: Final = frozenset(
    {
        "linux-lts",
        "linux-virt",
        "linux-stable",
        "linux-edge",
        "linux-rpi",
        "linux-asahi",
        "linux-hardened",
        "linux-vanilla",
    }
)
# Packages that may name a kernel's CVE because they keep a module or a socket family shut, or use AF_ALG.
COMPANIONS: Final = frozenset(
    {"docker", "docker-engine", "containerd", "runc", "podman", "kmod", "libkcapi", "cryptsetup", "bluez", "iwd", "ell"}
)
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+._-]{0,80}")
VERSION = re.compile(r"[0-9][A-Za-z0-9._]{0,80}-r[0-9]{1,4}")
RELEASE = re.compile(r"v?([0-9]{1,2}\.[0-9]{1,2})|(edge)")
CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")


def release_of(text: str) -> str | None:
    """ "v3.22" and "3.22" are 3.22, "edge" is edge; None for anything else."""
    found = RELEASE.fullmatch(text)
    return None if found is None else found[1] or found[2]


def kind_of(package: str) -> CellKind:
    return CellKind.PACKAGE if package in KERNELS else CellKind.RELATED
