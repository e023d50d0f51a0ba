"""Azure Linux in the CSAF documents of the Microsoft Security Response Center.

Products are numbers; their names tell: "azl3 kernel 6.6.112.1-2" as a component of "Azure Linux 3.0" is fixed, the
range "<azl3 kernel 6.6.112.1-2" is affected. Versions come without the dist tag (".azl3") of the package.
"""

from __future__ import annotations

import re

from advisories.observation import ParsedDocument
from sources.azurelinux.oval import parse_oval
from sources.base import RawDocument
from sources.formats.csaf import read_csaf
from sources.formats.csaf_cells import Place
from sources.formats.csaf_records import kernel_records
from sources.formats.csaf_tree import Product

_PLATFORM = re.compile(r"(?:Microsoft )?Azure Linux ([0-9]{1,2}\.[0-9]{1,2})")
_COMPONENT = re.compile(r"(<)?\s*azl[0-9]{1,2} ([a-z0-9][a-z0-9+._-]{0,99}) ([0-9][A-Za-z0-9._+~^-]{0,99})")
SOURCES = frozenset(
    {"kernel", "kernel-64k", "kernel-mshv", "kernel-hwe", "kernel-ipe", "kernel-uvm", "kernel-lpg-innovate"}
)


def parse(raw: RawDocument) -> ParsedDocument:
    """The records of one document, CSAF or OVAL. Raises ParseError."""
    if raw.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        return parse_oval(raw, SOURCES)
    return kernel_records(read_csaf(raw.body), find_place)


def find_place(product: Product) -> Place | None:
    """The cell of a product; None for Windows, Mariner and everything else that the center writes about."""
    platform = _PLATFORM.fullmatch(product.platform_name)
    component = _COMPONENT.fullmatch(product.name)
    if platform is None or component is None or component[2] not in SOURCES:
        return None
    return Place(
        distro="azurelinux",
        release=platform[1],
        package=component[2],
        version=None if component[1] else component[3],
    )
