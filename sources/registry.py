"""Every source by its registry name: an explicit list, loaded when a source is asked for."""

from __future__ import annotations

from importlib import import_module

from sources.base import SourceSpec

# name -> module that exports SOURCE (or SOURCES, a dict by name)
MODULES: dict[str, str] = {
    "baseline": "sources.baseline",
    "kernel-cna": "sources.kernel_cna",
    "debian": "sources.debian",
    "ubuntu": "sources.ubuntu",
    "redhat": "sources.redhat",
    "almalinux": "sources.almalinux",
    "kev": "sources.kev",
    "lore": "sources.lore",
    "cryptodev": "sources.trees",
    "crypto": "sources.trees",
    "linux-next": "sources.trees",
    "mainline": "sources.trees",
    "stable": "sources.trees",
    "stable-queue": "sources.trees",
    "kernel-releases": "sources.kernel_releases",
    "suse": "sources.suse",
    "amazon": "sources.amazon",
    "oracle": "sources.oracle",
    "rocky": "sources.rocky",
    "fedora": "sources.fedora",
    "release-life": "sources.release_life",
    "arch": "sources.arch",
    "alpine": "sources.alpine",
    "gentoo": "sources.gentoo",
    "photon": "sources.photon",
    "azurelinux": "sources.azurelinux",
    "openeuler": "sources.openeuler",
    "nixos": "sources.nixos",
    "flatcar": "sources.flatcar",
    "bottlerocket": "sources.bottlerocket",
    "epss": "sources.epss",
    "nvd": "sources.nvd",
    "news": "sources.news",
    "carriers": "sources.carriers",
    "kernel-config": "sources.kernel_config",
}
FURTHER_TREE_PREFIX = "tree-"


def source_names() -> tuple[str, ...]:
    """The names of the sources that are polled."""
    return tuple(name for name in MODULES if name != "baseline")


def find_source(name: str) -> SourceSpec:
    """The source of that name; `tree-NAME` is a further git tree of the configuration. Raises KeyError."""
    if name.startswith(FURTHER_TREE_PREFIX):
        module = import_module("sources.trees")
        further: SourceSpec = module.further_tree(name)
        return further
    module = import_module(MODULES[name])
    spec: SourceSpec = module.SOURCES[name] if hasattr(module, "SOURCES") else module.SOURCE
    return spec
