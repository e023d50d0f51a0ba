"""Kernel packages of the RPM family: from the binary packages that an erratum lists to the source package's cell.

One source package makes dozens of binaries (kernel-core, kernel-64k-debug-devel, ...): flavours of one source are one
cell. Only the listed source packages set a kernel's cell; everything else that is called kernel-something
(kernel-srpm-macros) is not the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from advisories.observation import CellObservation, FixedVersion
from advisories.versions import MAX_VERSION_CHARS, branch_of, compare
from advisories.words import CellKind, Status

MOST_BINARIES: Final = 200_000
MOST_BUILDS: Final = 50  # an erratum publishes a few kernels; a forged one could name them all

_SOURCE = re.compile(r"kernel(?:-rt|-uek|-alt|[0-9]{1,2}\.[0-9]{1,3})?")
_BINARY = re.compile(r"(kernel(?:-rt|-uek|-alt|[0-9]{1,2}\.[0-9]{1,3})?)((?:-[A-Za-z0-9_]{1,20}){0,8})")
_VERSION = re.compile(r"(?:[0-9]{1,9}:)?[A-Za-z0-9][A-Za-z0-9._+~^]*(?:-[A-Za-z0-9._+~^]+)?")
_REALTIME = re.compile(r"[.-]rt[0-9]")
_PACKAGE_FILE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._+-]*)-(?:([0-9]{1,9}):)?([^-:/\s]+)-([^-:/\s]+)\.([a-z0-9_]+)")

# Words of binary names: those of kernels that are booted, and those of what is built beside them.
_IMAGE_WORDS = frozenset(
    {"core", "modules", "debug", "64k", "64kb", "16k", "zfcpdump", "PAE", "xen", "lpae", "kvm", "uki", "virt", "smp"}
    | {"automotive", "kdump", "hugemem", "largesmp"}
)
_BESIDE_WORDS = frozenset(
    {"abi", "addons", "aarch64", "bootwrapper", "common", "container", "cross", "debuginfo", "debugsource", "devel"}
    | {"doc", "docs", "extra", "headers", "i386", "i686", "internal", "libs", "matched", "partner", "ppc64le", "s390x"}
    | {"selftests", "source", "stablelists", "tools", "ueknano", "whitelists", "x86_64", "deprecated", "desktop", "usb"}
    | {"netfilter", "wireless", "firmware"}
)
_LIVE_PATCH = re.compile(r"(kpatch-patch|kernel(?:[0-9]{1,2}\.[0-9]{1,3})?-livepatch)(?:-[A-Za-z0-9._-]{1,80})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A package of an erratum: version as `evr` spells it; source is its source package's name where that is told."""

    name: str
    version: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelBuild:
    """What an erratum publishes of one source package: the smallest version of each branch.

    partial: only packages beside the kernel are listed (kernel-doc), no kernel that boots.
    """

    package: str
    versions: tuple[str, ...]
    partial: bool = False
    kind: CellKind = CellKind.PACKAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelErratum:
    """Where and by what a build was published: the part of a cell that no package says."""

    distro: str
    release: str
    erratum: str
    day: date | None
    stream: str | None = None


def evr(epoch: str | None, version: str, release: str) -> str | None:
    """`[epoch:]version-release`, the epoch only when it is not 0; None when that is no version."""
    number = (epoch or "").strip()
    return checked_version(f"{number}:{version}-{release}" if number else f"{version}-{release}")


def checked_version(text: str) -> str | None:
    """A version as CONTRACT spells it, an epoch of 0 left out; None for anything else."""
    if len(text) > MAX_VERSION_CHARS or _VERSION.fullmatch(text) is None:
        return None
    epoch, colon, rest = text.partition(":")
    return rest if colon and not epoch.strip("0") else text


def read_package_file(text: str) -> tuple[Binary, str] | None:
    """ "kernel-core-0:5.14.0-611.54.1.el9_7.x86_64.rpm" to its package and its architecture ("src" for a source)."""
    found = _PACKAGE_FILE.fullmatch(text.removesuffix(".rpm")) if len(text) <= 400 else None
    if found is None:
        return None
    name, epoch, version, release, arch = found.groups()
    whole = evr(epoch, version, release)
    return None if whole is None else (Binary(name=name, version=whole), arch)


def source_name(source_file: str | None) -> str:
    """The name of a source package's file ("kernel-5.14.0-611.54.1.el9_7.src.rpm"), or ""."""
    found = read_package_file(source_file) if source_file else None
    return found[0].name if found is not None and found[1] in ("src", "nosrc") else ""


def kernel_source(binary: Binary) -> tuple[str, bool] | None:
    """(source package, whether it is a kernel that boots) of a binary; None when it is not of a kernel.

    Since Enterprise Linux 9.3 kernel-rt is a flavour of kernel; where it is a source of its own, its release says rt.
    """
    found = _BINARY.fullmatch(binary.name)
    if found is None:
        return None
    words = found.group(2).split("-")[1:]
    if any(word not in _IMAGE_WORDS and word not in _BESIDE_WORDS for word in words):
        return None
    if binary.source:
        source = binary.source if _SOURCE.fullmatch(binary.source) else ""
    else:
        source = found.group(1)
        if source == "kernel-rt" and _REALTIME.search(binary.version) is None:
            source = "kernel"
    return (source, all(word in _IMAGE_WORDS for word in words)) if source else None


def live_patch(name: str) -> str | None:
    """The package that stands for a live patch ("kpatch-patch"), whatever kernel its name says it is for."""
    found = _LIVE_PATCH.fullmatch(name)
    return found.group(1) if found else None


def kernel_builds(distro: str, binaries: Iterable[Binary]) -> tuple[KernelBuild, ...]:
    """The kernel builds among the packages of one erratum, by name; live patches have no version to compare.

    Amazon lists the first, empty live patch of a new kernel beside that kernel: it is none that fixes anything.
    """
    booted: dict[str, set[str]] = {}
    beside: dict[str, set[str]] = {}
    patches: set[str] = set()
    for binary in binaries:
        patch = live_patch(binary.name)
        if patch is not None:
            patches.add(patch)
            continue
        source = kernel_source(binary)
        if source is not None:
            (booted if source[1] else beside).setdefault(source[0], set()).add(binary.version)
    builds = [
        KernelBuild(
            package=package,
            versions=smallest_by_branch(distro, booted.get(package) or beside[package]),
            partial=package not in booted,
        )
        for package in booted.keys() | beside.keys()
    ]
    if not builds:
        builds = [KernelBuild(package=package, versions=(), kind=CellKind.LIVEPATCH) for package in patches]
    return tuple(sorted(builds, key=lambda one: one.package))[:MOST_BUILDS]


def smallest_by_branch(distro: str, versions: Iterable[str]) -> tuple[str, ...]:
    """One version per branch (EL: dist tag), the smallest where they can be compared."""
    smallest: dict[str, str] = {}
    for version in sorted(versions):
        branch = branch_of(distro, version) or ""
        known = smallest.get(branch)
        if known is None or compare(distro, version, known) == -1:
            smallest[branch] = version
    return tuple(smallest[branch] for branch in sorted(smallest))


def fixed_cells(
    builds: Sequence[KernelBuild], published: KernelErratum, cves: Iterable[str]
) -> tuple[CellObservation, ...]:
    """One fixed cell for each CVE and build: an erratum says "fixed here" and nothing of what it leaves out."""
    return tuple(_fixed_cell(build, published, cve) for cve in cves for build in builds)


def _fixed_cell(build: KernelBuild, published: KernelErratum, cve: str) -> CellObservation:
    return CellObservation(
        cve=cve,
        distro=published.distro,
        release=published.release,
        stream=published.stream,
        package=build.package,
        kind=build.kind,
        status=Status.FIXED,
        fixed=tuple(
            FixedVersion(
                version=version,
                branch=branch_of(published.distro, version),
                erratum=published.erratum,
                date=published.day,
            )
            for version in build.versions
        ),
        errata=(published.erratum,),
        since=published.day,
        partial=build.partial,
        note="only packages beside the kernel are listed" if build.partial else None,
    )
