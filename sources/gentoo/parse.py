"""Gentoo's documents: an advisory, or the feed of advisories."""

from __future__ import annotations

import re
from typing import Final

from advisories.observation import LinkObservation, ParsedDocument, Record
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.feed import FeedEntry, read_feed
from sources.gentoo.glsa import read_glsa

_GLSA: Final = re.compile(rb"<glsa[\s>]")


def parse(raw: RawDocument) -> ParsedDocument:
    """A GLSA as XML, or the RSS feed, whose entries are links and no claims. Raises ParseError."""
    if _GLSA.search(raw.body[:4096]) is not None:
        return read_glsa(raw.body)
    entries = read_feed(raw.body)
    if not entries:
        raise ParseError("the feed has no entry")
    return ParsedDocument(records=tuple(_link(one) for one in entries if one.link is not None))


def _link(entry: FeedEntry) -> Record:
    link = LinkObservation(title=entry.title, url=entry.link or "", published=entry.published, summary=entry.summary)
    return Record(key=f"link/{entry.identity}", observations=(link,))
