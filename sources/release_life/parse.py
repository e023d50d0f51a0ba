"""Life-cycle documents: a table of distro-info-data, or JSON of endoflife.date."""

from __future__ import annotations

from advisories.observation import ParsedDocument
from sources.base import RawDocument
from sources.errors import ParseError
from sources.release_life.distro_info import read_distro_info
from sources.release_life.endoflife import read_endoflife

_BOM = b"\xef\xbb\xbf"


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per release. Raises ParseError."""
    body = raw.body.removeprefix(_BOM)
    start = body[:200].lstrip()
    if start.startswith((b"[", b"{")):
        return read_endoflife(body, raw.url)
    if start.startswith(b"version,"):
        return read_distro_info(body)
    raise ParseError("no document of distro-info-data or endoflife.date")
