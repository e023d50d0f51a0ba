"""OVAL patch definitions of a distribution (OVAL 5, https://oval.mitre.org/language/version5.11/).

    <definition class="patch"><metadata><title/><reference source="CVE" ref_id=""/>
      <advisory><issued date=""/><cve>CVE-…</cve></advisory></metadata>
      <criteria operator="AND"><criterion comment="Oracle Linux 9 is installed"/>
        <criteria><criterion comment="kernel is earlier than 0:5.14.0-611.54.1.el9_7"/></criteria>
      </criteria></definition>

The comments say in words what tests, objects and states say in parts, and are made from the same data: they are read,
and the three other sections are dropped unread. bzip2 is undone piece by piece, to a limit.
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from sources.errors import ParseError
from sources.formats.osv import cve_ids
from sources.formats.text import clean_line
from sources.formats.times import read_time
from sources.formats.xml_stream import Element, Stream, iterate_elements

LARGEST_XML: Final = 2 * 1024 * 1024 * 1024
MOST_DEFINITIONS: Final = 200_000
MOST_CRITERIA: Final = 200_000

_NS: Final = "{http://oval.mitre.org/XMLSchema/oval-definitions-5}"
_LINUX: Final = "{http://oval.mitre.org/XMLSchema/oval-definitions-5#linux}"
_INDEPENDENT: Final = "{http://oval.mitre.org/XMLSchema/oval-definitions-5#independent}"
_DROPPED: Final = tuple(
    f"{namespace}{name}_{part}"
    for namespace, name in ((_LINUX, "rpminfo"), (_INDEPENDENT, "textfilecontent54"), (_INDEPENDENT, "family"))
    for part in ("test", "object", "state")
)
_BZIP2_MAGIC: Final = b"BZh"

_EARLIER = re.compile(r"([A-Za-z0-9][A-Za-z0-9._+-]{0,199}) is earlier than ([!-~]{1,128})")
_INSTALLED = re.compile(r"([A-Za-z][A-Za-z ]{0,60}) ([0-9]{1,3}(?:\.[0-9]{1,3})?) is installed")


@dataclass(frozen=True, slots=True, kw_only=True)
class OvalPackage:
    """A package version that a definition asks for in one release of a product ("Oracle Linux", "9")."""

    product: str
    release: str
    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OvalDefinition:
    """references: (source, id) as given; packages: those that were wanted, each once."""

    id: str
    title: str
    references: tuple[tuple[str, str], ...]
    cves: tuple[str, ...]
    issued: datetime | None
    packages: tuple[OvalPackage, ...]

    def slice(self) -> bytes:
        """A document with this definition alone, of what was read of it."""
        parts = [f"<reference source={quoteattr(kind)} ref_id={quoteattr(name)}/>" for kind, name in self.references]
        issued = f"<issued date={quoteattr(self.issued.isoformat())}/>" if self.issued else ""
        criteria = "".join(
            f"<criteria><criterion comment={quoteattr(f'{one.product} {one.release} is installed')}/>"
            f"<criterion comment={quoteattr(f'{one.name} is earlier than {one.version}')}/></criteria>"
            for one in self.packages
        )
        text = (
            f'<oval_definitions xmlns="{_NS[1:-1]}"><definitions><definition id={quoteattr(self.id)} class="patch">'
            f"<metadata><title>{escape(self.title)}</title>{''.join(parts)}<advisory>{issued}</advisory></metadata>"
            f"<criteria>{criteria}</criteria></definition></definitions></oval_definitions>"
        )
        return text.encode("ascii", "xmlcharrefreplace")


def read_oval(body: bytes, wanted: Callable[[str], bool]) -> Iterator[OvalDefinition]:
    """The patch definitions about a package that is `wanted`, of a plain or bzip2 document. Raises ParseError."""
    stream: Stream = _Bounded(body) if body.startswith(_BZIP2_MAGIC) else BytesIO(body)
    count = 0
    for element in iterate_elements(stream, root=f"{_NS}oval_definitions", tag=f"{_NS}definition", dropped=_DROPPED):
        count += 1
        if count > MOST_DEFINITIONS:
            raise ParseError(f"more than {MOST_DEFINITIONS} definitions")
        packages = tuple(dict.fromkeys(_packages(element, wanted)))
        if packages and element.get("class") == "patch":
            yield _definition(element, packages)
    if not count:
        raise ParseError("no definition at all")


class _Bounded:
    """A bzip2 file that ends with an error past the limit, when it is damaged and when it is cut."""

    def __init__(self, body: bytes) -> None:
        self._file = bz2.BZ2File(BytesIO(body))
        self._left = LARGEST_XML

    def read(self, size: int = -1, /) -> bytes:
        try:
            piece = self._file.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        except (EOFError, OSError) as error:
            raise ParseError(f"damaged bzip2: {error}") from None
        self._left -= len(piece)
        if self._left < 0:
            raise ParseError(f"more than {LARGEST_XML} bytes when unpacked")
        return piece


def _definition(element: Element, packages: tuple[OvalPackage, ...]) -> OvalDefinition:
    references = tuple(
        (clean_line(one.get("source") or "", 40), clean_line(one.get("ref_id") or "", 100))
        for one in element.iterfind(f"{_NS}metadata/{_NS}reference")
    )
    issued = element.find(f"{_NS}metadata/{_NS}advisory/{_NS}issued")
    named = [one.text or "" for one in element.iterfind(f"{_NS}metadata/{_NS}advisory/{_NS}cve")]
    return OvalDefinition(
        id=clean_line(element.get("id") or "", 200),
        title=clean_line(element.findtext(f"{_NS}metadata/{_NS}title") or ""),
        references=references,
        cves=cve_ids(tuple(name for source, name in references if source.upper() == "CVE"), tuple(named)),
        issued=None if issued is None else read_time(issued.get("date")),
        packages=packages,
    )


def _packages(element: Element, wanted: Callable[[str], bool]) -> Iterator[OvalPackage]:
    """The packages below each "… is installed": what holds in an outer criteria holds in those inside it."""
    open_criteria: list[tuple[Element, tuple[str, str] | None]] = [
        (one, None) for one in element.iterfind(f"{_NS}criteria")
    ]
    seen = 0
    while open_criteria and seen < MOST_CRITERIA:
        criteria, product = open_criteria.pop()
        seen += 1
        comments = [one.get("comment") or "" for one in criteria.iterfind(f"{_NS}criterion")]
        for comment in comments:
            installed = _INSTALLED.fullmatch(comment)
            if installed is not None:
                product = (installed.group(1), installed.group(2))
        for comment in comments:
            earlier = _EARLIER.fullmatch(comment)
            if earlier is not None and product is not None and wanted(earlier.group(1)):
                yield OvalPackage(
                    product=product[0], release=product[1], name=earlier.group(1), version=earlier.group(2)
                )
        open_criteria += [(one, product) for one in reversed(list(criteria.iterfind(f"{_NS}criteria")))]
