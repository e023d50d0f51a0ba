"""Debian's documents, told apart by how they begin."""

from __future__ import annotations

from advisories.observation import ParsedDocument
from sources.base import RawDocument
from sources.debian import cve_list, errata_list
from sources.debian.changelog import is_changelog, read_changelog
from sources.debian.cve_list import read_cve_list
from sources.debian.cve_page import read_cve_page
from sources.debian.errata_list import read_errata
from sources.debian.tracker_json import read_tracker
from sources.errors import ParseError

_BOM = b"\xef\xbb\xbf"


def parse(raw: RawDocument) -> ParsedDocument:
    """The tracker's JSON, a CVE, DSA or DLA list, a kernel changelog, or the page of a CVE. Raises ParseError."""
    body = raw.body.removeprefix(_BOM)
    start = body[:4096].lstrip()
    if start.startswith(b"{"):
        return read_tracker(body)
    if start.startswith(b"<"):
        return read_cve_page(body)
    if start.startswith(b"["):
        return read_errata(body)
    if cve_list.HEADER.match(start) is not None:
        return read_cve_list(body.lstrip())
    if is_changelog(body):
        return read_changelog(body)
    if any(errata_list.HEADER.fullmatch(line) for line in start.decode("utf-8", "replace").split("\n")):
        return read_errata(body)
    raise ParseError("no document of Debian's tracker or kernel package")
