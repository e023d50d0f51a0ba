"""Arch's names: kernel packages with their repositories, packages that go with a kernel, versions."""

from __future__ import annotations

import re
from typing import Final

DISTRO: Final = "arch"
# package -> repository
KERNELS: Final = {"linux": "core", "linux-lts": "core", "linux-zen": "extra", "linux-hardened": "extra"}
# Packages that may name a kernel's CVE because they keep a module or a socket family shut, or use AF_ALG.
COMPANIONS: Final = frozenset(
    {"docker", "containerd", "runc", "podman", "kmod", "systemd", "libkcapi", "cryptsetup", "bluez", "iwd", "ell"}
)
VERSION = re.compile(r"(?:[0-9]{1,4}:)?[A-Za-z0-9._+]{1,80}-[0-9.]{1,8}")
