"""Red Hat's products and packages: which cell a CPE, a product name and a package belong to.

CPEs seen: cpe:/o:redhat:enterprise_linux:9 (the main line, also with its minor "10.1" or a variant "9::nfv"),
cpe:/a:redhat:rhel_eus:9.6, enterprise_linux_eus:10.0, rhel_aus, rhel_e4s, rhel_tus, rhel_els, rhel_eus_long_life,
rhel_extras_rt:7, enterprise_linux_nvidia:10::el10, openshift:4.18::el9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from advisories.words import CellKind
from sources.formats.csaf_cells import Place, split_package
from sources.formats.csaf_tree import Product

DISTRO: Final = "rhel"
RHCOS: Final = "rhcos"

# The kernel's source packages; the binaries beside them stand for them where a list leaves the source out.
_SOURCES: Final = {
    "kernel": "kernel",
    "kernel-core": "kernel",
    "kernel-64k": "kernel",
    "kernel-alt": "kernel-alt",
    "kernel-rt": "kernel-rt",
    "kernel-rt-core": "kernel-rt",
}
_LIVEPATCH: Final = "kpatch-patch"
# of the families rhel_NAME (up to 9) and enterprise_linux_NAME (from 10)
_PROGRAMMES: Final = {
    "eus": "eus",
    "aus": "aus",
    "e4s": "e4s",
    "tus": "tus",
    "els": "els",
    "els_plus": "els-plus",
    "eus_long_life": "eus-long-life",
    "mission_critical": "aus",
}
_MAIN: Final = frozenset({"enterprise_linux", "rhel_extras_rt"})

_CPE = re.compile(
    r"cpe:(?:/|2\.3:)[aoh]?:redhat:([a-z0-9_]{1,60}):([0-9]{1,2})(?:\.([0-9]{1,2}))?(?![0-9])[A-Za-z0-9_.:*-]{0,100}"
)
# the name alone, for a row without a CPE: release and what follows it
_NAME = re.compile(r"Red Hat Enterprise Linux ([0-9]{1,2})(?:\.([0-9]{1,2}))?(?: ([A-Za-z -]{1,80}))?")
_NAMED: Final = {
    "Extended Update Support": "eus",
    "Extended Update Support Long-Life Add-On": "eus-long-life",
    "Advanced Update Support": "aus",
    "Advanced Mission Critical Update Support": "aus",
    "Update Services for SAP Solutions": "e4s",
    "Telecommunications Update Service": "tus",
    "Extended Lifecycle Support": "els",
}
_MINOR_NAME = re.compile(r"Red Hat Enterprise Linux (?:[A-Za-z ]{0,60})?([0-9]{1,2})\.([0-9]{1,2})(?![0-9])")
_MINOR_ID = re.compile(r"(?:rhel|[A-Za-z]{1,40})-([0-9]{1,2})\.([0-9]{1,2})(?:\.[A-Za-z0-9.]{1,40})?")
_REALTIME = re.compile(r"\.rt[0-9]")
_ARCHITECTURE = re.compile(r"\.(?:src|noarch|x86_64|aarch64|ppc64le|ppc64|s390x|i686|i386|ppc|s390|ia64)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of releases that gets its own kernels; coarse when only its major release is named."""

    distro: str
    release: str
    stream: str | None
    programmes: tuple[str, ...]
    coarse: bool


def line_of(cpe: str, name: str, product_id: str = "") -> Line | None:
    """The line a product is, from its CPE, or where it has none from its name; None for what is no Enterprise Linux."""
    if not cpe:
        return _line_of_name(name)
    found = _CPE.fullmatch(cpe)
    if found is None:
        return None
    family, major, minor = found.groups()
    if family == "openshift":
        return Line(
            distro=RHCOS,
            release=f"{major}.{minor}" if minor else major,
            stream=None,
            programmes=(),
            coarse=minor is None,
        )
    if family in _MAIN:
        coarse = minor is None and not _names_minor(name, product_id)
        return Line(distro=DISTRO, release=major, stream=None, programmes=(), coarse=coarse)
    if family == "enterprise_linux_nvidia":
        return Line(distro=DISTRO, release=major, stream="nvidia", programmes=(), coarse=False)
    programme = _PROGRAMMES.get(family.removeprefix("rhel_").removeprefix("enterprise_linux_"))
    if programme is None:
        return None
    stream = f"{major}.{minor}" if minor else programme
    return Line(distro=DISTRO, release=major, stream=stream, programmes=(programme,), coarse=False)


def _line_of_name(name: str) -> Line | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    major, minor, words = found.groups()
    if words is None:
        return Line(distro=DISTRO, release=major, stream=None, programmes=(), coarse=minor is None)
    programme = _NAMED.get(words)
    if programme is None:
        return None
    stream = f"{major}.{minor}" if minor else programme
    return Line(distro=DISTRO, release=major, stream=stream, programmes=(programme,), coarse=False)


def _names_minor(name: str, product_id: str) -> bool:
    """Whether the name ("Red Hat Enterprise Linux 8.10.z") or the id ("BaseOS-9.7.0.Z.MAIN") tells the minor."""
    return _MINOR_NAME.match(name) is not None or _MINOR_ID.match(product_id) is not None


def place_of(line: Line, package: str) -> Place | None:
    """The cell of a package in a line; None for what is neither kernel, live patch nor CoreOS image."""
    name, version = split_package(_ARCHITECTURE.sub("", package))
    if name == _LIVEPATCH or package.startswith(f"{_LIVEPATCH}-"):
        return _place(line, _LIVEPATCH, CellKind.LIVEPATCH, None)
    if line.distro == RHCOS:
        return _place(line, RHCOS, CellKind.RELATED, version) if name == RHCOS else None
    source = _SOURCES.get(name)
    if source is None:
        return None
    if source == "kernel-rt" and version is not None and _REALTIME.search(version) is None:
        source = "kernel"  # since 9.3 the real-time kernel is a flavour of the one source package
    return _place(line, source, CellKind.PACKAGE, version, exact=name == source)


def _place(line: Line, package: str, kind: CellKind, version: str | None, *, exact: bool = True) -> Place:
    return Place(
        distro=line.distro,
        release=line.release,
        stream=line.stream,
        programmes=line.programmes,
        package=package,
        kind=kind,
        version=version,
        exact=exact,
        coarse=line.coarse and version is None,
    )


def find_place(product: Product) -> Place | None:
    """The cell of a product of a CSAF document."""
    line = line_of(product.platform_cpe, product.platform_name, product.product_id)
    return place_of(line, product.component_id) if line is not None else None
