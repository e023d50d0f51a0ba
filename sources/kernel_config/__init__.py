"""What distributions build into their kernels: the configuration files that they publish."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.base import Canary, SourceSpec
from sources.kernel_config.fetch import fetch
from sources.kernel_config.parse import parse

SOURCE = SourceSpec(
    name="kernel-config",
    title="Kernel configurations of distributions",
    gives="whether a distribution builds AF_ALG and its parts as module, built in, or not at all",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={
        "url": (
            "https://gitlab.archlinux.org/archlinux/packaging/packages/linux/-/raw/main/config.x86_64",
            "https://src.fedoraproject.org/rpms/kernel/raw/rawhide/f/kernel-x86_64-fedora.config",
            "https://gitlab.alpinelinux.org/alpine/aports/-/raw/master/main/linux-lts/lts.x86_64.config",
            "https://gitlab.alpinelinux.org/alpine/aports/-/raw/master/main/linux-lts/virt.x86_64.config",
            "https://salsa.debian.org/kernel-team/linux/-/raw/debian/latest/debian/config/config",
            "https://salsa.debian.org/kernel-team/linux/-/raw/debian/6.12/trixie/debian/config/config",
            "https://salsa.debian.org/kernel-team/linux/-/raw/debian/6.1/bookworm/debian/config/config",
            "https://raw.githubusercontent.com/NixOS/nixpkgs/master/pkgs/os-specific/linux/kernel/common-config.nix",
            "https://raw.githubusercontent.com/openwrt/openwrt/main/target/linux/generic/config-6.12",
        )
    },
    interval_seconds=86_400,
    stale_after_seconds=30 * 86_400,
    canary=Canary.FIELDS,
    max_bytes=4 * 1024 * 1024,
    licence="GPL-2.0 (parts of kernel packages); nixpkgs: MIT",
    home="https://docs.kernel.org/kbuild/kconfig.html",
)
