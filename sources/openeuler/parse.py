"""openEuler's CSAF documents. Live files have trailing commas, so they are made JSON first.

Products: "openEuler-24.03-LTS-SP1"; components: "kernel-6.6.0-57.0.0.59.oe2403.src.rpm". Errata, too, say `csaf_vex`.
"""

from __future__ import annotations

import re
from dataclasses import replace

from advisories.observation import ParsedDocument
from sources.base import RawDocument
from sources.formats.csaf import read_csaf
from sources.formats.csaf_cells import Place, split_package
from sources.formats.csaf_records import kernel_records
from sources.formats.csaf_tree import Product
from sources.formats.lenient_json import without_trailing_commas

_PLATFORM = re.compile(r"openEuler-([0-9]{2}\.[0-9]{2})(?:-LTS)?(?:-(SP[0-9]{1,2}|Next))?")
_PACKAGE_FILE = re.compile(r"\.(?:src|noarch|x86_64|aarch64|loongarch64|riscv64|sw_64|ppc64le)(?:\.rpm)?$")
_SOURCES = frozenset({"kernel", "kernel-rt"})


def parse(raw: RawDocument) -> ParsedDocument:
    """The record of one document. Raises ParseError."""
    return kernel_records(read_csaf(without_trailing_commas(raw.body)), find_place)


def find_place(product: Product) -> Place | None:
    """The cell of a product: service packs are streams of their release."""
    platform = _PLATFORM.fullmatch(product.platform_name)
    if platform is None:
        return None
    name, version = split_package(_PACKAGE_FILE.sub("", product.component_id))
    if name not in _SOURCES:
        return None
    release, pack = platform.groups()
    place = Place(distro="openEuler", release=release, package=name, version=version)
    return replace(place, stream=pack.lower()) if pack else place
