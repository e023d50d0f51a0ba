"""News feeds to links. A link stands on a topic's page; what it says is never a claim."""

from __future__ import annotations

from advisories.observation import LinkObservation, ParsedDocument, Record, Rejected
from sources.base import RawDocument
from sources.formats.feed import read_feed


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per entry. Raises ParseError; an entry without a link that can be shown is rejected."""
    records: list[Record] = []
    rejected: list[Rejected] = []
    for entry in read_feed(raw.body):
        if entry.link is None:
            rejected.append(Rejected(key=entry.identity, what="no link that can be shown"))
            continue
        link = LinkObservation(
            title=entry.title or entry.identity, url=entry.link, published=entry.published, summary=entry.summary
        )
        records.append(Record(key=f"link/{entry.identity}", observations=(link,), modified=entry.published))
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected))
