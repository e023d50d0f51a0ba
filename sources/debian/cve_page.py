"""The tracker's page of one CVE, for when its JSON cannot be had.

It holds a table "Source Package, Release, Version, Status" (what each suite has now) and a table "Package, Type,
Release, Fixed Version, Urgency, Origin, Debian Bugs" (what the first is worked out from, with versions and errata).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from lxml import etree

from advisories.observation import CellObservation, ParsedDocument, Record
from advisories.words import Status
from sources.debian.cells import make_cell
from sources.debian.names import is_kernel
from sources.debian.verdict import Verdict, of_version
from sources.errors import ParseError
from sources.formats.debian_releases import CODENAME, UNSTABLE, codename_of
from sources.formats.text import clean_line, is_cve_id

MOST_ROWS: Final = 5_000
LARGEST_PAGE: Final = 4 * 1024 * 1024
_STATUS_TABLE: Final = ("source package", "release", "version", "status")
_FIX_TABLE: Final = ("package", "type", "release", "fixed version")
_ERRATUM = re.compile(r"D[SL]A-[0-9]{1,5}-[0-9]{1,3}")
_SUITE = re.compile(r"\([a-z, ]{1,60}\)")

Fixes = dict[tuple[str, str], tuple[str, str | None]]  # (package, codename) -> version, erratum
Suites = dict[tuple[str, str], list[str]]  # (package, codename) -> the status of each suite


def read_cve_page(body: bytes) -> ParsedDocument:
    """The one record of the page. Raises ParseError."""
    if len(body) > LARGEST_PAGE or b"</html>" not in body[-500:].lower():
        raise ParseError("the page is cut or too large")
    page = _parse(body)
    heading = next(page.iter("h1"), None)
    cve = _text(heading).strip() if heading is not None else ""
    suites = _suites(page)
    if not is_cve_id(cve) or suites is None:
        raise ParseError("no page of the tracker about a CVE")
    fixes = _fixes(page)
    cells = tuple(_cell(cve, package, codename, words, fixes) for (package, codename), words in suites.items())
    return ParsedDocument(records=(Record(key=f"tracker/{cve}", observations=cells),) if cells else ())


def _parse(body: bytes) -> etree._Element:
    """The tree of lxml itself: a page may have thousands of cells, and BeautifulSoup's costs ten times as much."""
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        page = etree.fromstring(body, parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        page = None
    if page is None:
        raise ParseError("no page can be read")
    return page


def _text(element: etree._Element) -> str:
    return "".join(element.itertext()) if len(element) else element.text or ""


def _rows(page: etree._Element, head: tuple[str, ...]) -> Iterator[list[str]] | None:
    """The cells of the rows of the table with that head; None when there is no such table."""
    for table in page.iter("table"):
        rows = ([clean_line(_text(cell)) for cell in row.iter("th", "td")] for row in table.iter("tr"))
        if tuple(word.lower() for word in next(rows, [])[: len(head)]) == head:
            return islice(rows, MOST_ROWS)
    return None


def _suites(page: etree._Element) -> Suites | None:
    """The package stands in the first of its rows only, and "bookworm (security)" belongs to bookworm."""
    rows = _rows(page, _STATUS_TABLE)
    if rows is None:
        return None
    found: Suites = {}
    package = ""
    for row in rows:
        if len(row) < len(_STATUS_TABLE):
            continue
        package = row[0].split(" ")[0] or package
        for suite in _SUITE.sub("", row[1]).split(","):
            codename = codename_of(suite.strip())
            if is_kernel(package) and CODENAME.fullmatch(codename):
                found.setdefault((package, codename), []).append(row[3].lower()[:80])
    return found


def _fixes(page: etree._Element) -> Fixes:
    fixes: Fixes = {}
    for row in _rows(page, _FIX_TABLE) or ():
        if len(row) > len(_FIX_TABLE) - 1 and row[1] == "source":
            erratum = next((word for word in row[4:] if _ERRATUM.fullmatch(word)), None)
            fixes[row[0], codename_of(row[2])] = (row[3], erratum)
    return fixes


def _cell(cve: str, package: str, codename: str, words: list[str], fixes: Fixes) -> CellObservation:
    version, erratum = fixes.get((package, codename)) or fixes.get((package, UNSTABLE)) or ("", None)
    if "fixed" in words:
        if version == "(not affected)":
            version = "0"
        return make_cell(cve, package, codename, of_version(version, "fixed"), erratum=erratum)
    status = Status.AFFECTED if "vulnerable" in words else Status.UNDER_INVESTIGATION
    return make_cell(cve, package, codename, Verdict(status=status, word=words[0]))
