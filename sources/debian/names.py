"""Debian's names: which source packages are kernels, which go with one, and how versions are written."""

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
VERSION = re.compile(r"(?:[0-9]{1,4}:)?[0-9][A-Za-z0-9.+~-]{0,119}")


@lru_cache(maxsize=1024)
def is_kernel(package: str) -> bool:
    return KERNEL_PACKAGE.fullmatch(package) is not None
