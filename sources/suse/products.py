"""SUSE's products and packages, by the names that its product trees give them.

"SUSE Linux Enterprise Server 15 SP6-LTSS", "SUSE Linux Enterprise Module for Basesystem 15 SP6", "SUSE Real Time Module
15 SP7", "SUSE Linux Enterprise Server 16.0", "openSUSE Leap 15.6", "openSUSE Tumbleweed". Modules and extensions of a
release carry its packages: they are the release. What is bought on top of it has kernels of its own: a stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from advisories.words import CellKind
from sources.formats.csaf_cells import Place, split_package
from sources.formats.csaf_tree import Product

_RELEASE = r"(?P<major>[0-9]{2})(?:\.(?P<minor>[0-9]{1,2})| SP(?P<sp>[0-9]{1,2}))?"
_SUFFIX = r"(?P<suffix>[ -](?:LTSS|ESPOS|BCL|TERADATA|CORE|EXTREME|Extended Security|[ -]){1,7})?"

# name of a product without its release -> prefix of the stream ("" for the main line)
_SERVER: Final = {
    "SUSE Linux Enterprise Server": "",
    "SUSE Linux Enterprise Server LTSS": "ltss",
    "SUSE Linux Enterprise Server LTSS Extended Security": "ltss-extended-security",
    "SUSE Linux Enterprise Server Teradata": "teradata",
    "SUSE Linux Enterprise Server for SAP Applications": "sap",
    "SUSE Linux Enterprise Server for SAP applications": "sap",
    "SUSE Linux Enterprise High Performance Computing": "hpc",
    "SUSE Linux Enterprise Live Patching": "",
    "SUSE Linux Enterprise Live Patch": "",
    "SUSE Real Time Module": "",
    "SUSE Linux Enterprise Real Time": "",
    "SUSE Linux Enterprise Real Time Extension": "",
    "SUSE Linux Enterprise High Availability Extension": "",
    "SUSE Linux Enterprise High Availability": "",
    "SUSE Linux Enterprise Workstation Extension": "",
    "SUSE Linux Enterprise Software Development Kit": "",
    "SUSE Linux Enterprise Software Bootstrap Kit": "",
}
_MODULE = re.compile(r"SUSE Linux Enterprise Module for [A-Za-z ]{1,60}")
_SUSE = re.compile(rf"(?P<name>(?:SUSE) [A-Za-z ]{{1,90}}?) {_RELEASE}{_SUFFIX}")
_MICRO = re.compile(r"SUSE (?:Linux Enterprise|Linux) Micro (?P<release>[0-9]{1,2}\.[0-9]{1,2})(?P<suffix>-LTSS)?")
_LEAP = re.compile(r"openSUSE Leap (?P<release>[0-9]{2}\.[0-9]{1,2})")
_TUMBLEWEED = "openSUSE Tumbleweed"

_OWN_FLAVOURS: Final = ("azure", "rt")  # source packages of their own: kernel-source-azure, kernel-source-rt
_DEFAULT = "kernel-default"
_FLAVOUR = re.compile(
    r"kernel-(?P<flavour>default|azure|rt|64kb|zfcpdump|pae|xen|trace|ec2|vanilla|debug|kvmsmall|preempt|rt_debug|lpae)"
    r"(?P<rest>-devel|-extra|-optional|-man|-vdso|-devel-static|-livepatch|-livepatch-devel)?"
)
_COMMON = re.compile(
    r"kernel-(?:source|devel|macros|syms|docs|docs-html|obs-build|obs-qa|source-vanilla)(?:-(?P<flavour>azure|rt))?"
)
_MODULES = re.compile(r"(?:cluster-md|dlm|gfs2|ocfs2|reiserfs|kselftests)-kmp-(?P<flavour>[a-z0-9_]{2,12})")
_LIVEPATCH = re.compile(
    r"(?:kernel-livepatch|kgraft-patch)-[0-9][0-9_-]{0,60}-(?:default|rt)(?:-(?P<version>[0-9]{1,4})-[A-Za-z0-9.]{1,60})?"
)
_EMPTY_PATCH = "1"  # the first one comes with its kernel and patches nothing
_ARCHITECTURE = re.compile(
    r"\.(?:src|nosrc|noarch|x86_64|aarch64|ppc64le|ppc64|s390x|s390|i586|i686|ia64|ppc|armv7hl)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    distro: str
    release: str | None
    stream: str | None = None


def line_of(name: str) -> Line | None:
    """The line that a product is or extends; None for images, managers and other software."""
    if name == _TUMBLEWEED:
        return Line(distro="opensuse-tumbleweed", release=None)
    if found := _LEAP.fullmatch(name):
        return Line(distro="opensuse-leap", release=found["release"])
    if found := _MICRO.fullmatch(name):
        distro = "sl-micro" if int(found["release"].partition(".")[0]) >= 6 else "sle-micro"
        return Line(distro=distro, release=found["release"], stream="ltss" if found["suffix"] else None)
    found = _SUSE.fullmatch(name)
    if found is None:
        return None
    stream = "" if _MODULE.fullmatch(found["name"]) else _SERVER.get(found["name"])
    if stream is None:
        return None
    minor = found["minor"] or found["sp"]
    suffix = "-".join(re.findall(r"[a-z]+", (found["suffix"] or "").lower()))
    words = [word for word in (stream, suffix) if word]
    return Line(
        distro="sles",
        release=f"{found['major']}.{minor}" if minor else found["major"],
        stream="-".join(words) or None,
    )


def find_place(product: Product) -> Place | None:
    """The cell of a product of a CSAF document."""
    line = line_of(product.platform_name)
    if line is None:
        return None
    package = _ARCHITECTURE.sub("", product.component_id)
    if patch := _LIVEPATCH.fullmatch(package):
        if patch["version"] == _EMPTY_PATCH:
            return None
        return Place(
            distro=line.distro,
            release=line.release,
            stream=line.stream,
            package="kernel-livepatch",
            kind=CellKind.LIVEPATCH,
        )
    name, version = split_package(package)
    source = source_of(name)
    if source is None:
        return None
    return Place(
        distro=line.distro,
        release=line.release,
        stream=line.stream,
        package=source,
        version=version,
        exact=name == source,
    )


def source_of(name: str) -> str | None:
    """The kernel's source package that a binary is built from, by the name of its main flavour; None for others
    (kernel-firmware, kernel-default-base: packages of their own with versions of their own)."""
    found = _FLAVOUR.fullmatch(name) or _COMMON.fullmatch(name) or _MODULES.fullmatch(name)
    if found is None:
        return None
    flavour = (found["flavour"] or "").removesuffix("_debug")
    return f"kernel-{flavour}" if flavour in _OWN_FLAVOURS else _DEFAULT
