"""Ubuntu's kernel source packages and its releases by codename.

Packages: the `linux*` sources of the CVE tracker (https://ubuntu.com/security/cves?package=linux). A new series of a
known flavour ("linux-hwe-7.2") needs no line here; a package of another name is related, never the kernel.
Releases: https://git.launchpad.net/ubuntu/+source/distro-info-data (ubuntu.csv).
"""

from __future__ import annotations

import re
from typing import Final

_FLAVOURS: Final = frozenset(
    {"allwinner", "aws", "azure", "bluefield", "dell300x", "euclid", "fips", "flo", "gcp", "gke", "gkeop", "goldfish"}
    | {"grouper", "hwe", "ibm", "intel", "iot", "joule", "kvm", "laptop", "lowlatency", "lts", "maguro", "mako"}
    | {"manta", "mtk", "nvidia", "oem", "oracle", "qcom", "raspi", "raspi2", "realtime", "riscv", "snapdragon"}
    | {"starfive", "xilinx", "armadaxp", "ti", "ec2", "mvl", "fsl", "linaro", "qcm", "unstable", "vanilla"}
)
_NAME = re.compile(r"linux(?:-[a-z0-9.+]{1,30}){0,6}")
_WRAPPERS: Final = ("linux-signed", "linux-meta")

CODENAMES: Final = {
    "precise": "12.04", "trusty": "14.04", "utopic": "14.10", "vivid": "15.04", "wily": "15.10", "xenial": "16.04",
    "yakkety": "16.10", "zesty": "17.04", "artful": "17.10", "bionic": "18.04", "cosmic": "18.10", "disco": "19.04",
    "eoan": "19.10", "focal": "20.04", "groovy": "20.10", "hirsute": "21.04", "impish": "21.10", "jammy": "22.04",
    "kinetic": "22.10", "lunar": "23.04", "mantic": "23.10", "noble": "24.04", "oracular": "24.10",
    "plucky": "25.04", "questing": "25.10", "resolute": "26.04",
}  # fmt: skip
RELEASES: Final = {release: codename for codename, release in CODENAMES.items()}


def kernel_package(name: str) -> str | None:
    """The kernel source package that `name` is or is made of (linux-signed-aws, linux-meta-aws); None for others."""
    source = name
    for wrapper in _WRAPPERS:
        if name == wrapper or name.startswith(wrapper + "-"):
            source = "linux" + name.removeprefix(wrapper)
    if _NAME.fullmatch(source) is None:
        return None
    if source == "linux":
        return source
    return source if source.split("-")[1] in _FLAVOURS else None


def is_wrapper(name: str) -> bool:
    """Whether this package only wraps a kernel: its signatures, or the names by which it is installed."""
    return name.startswith(_WRAPPERS)
