"""News: what LWN, Phoronix and oss-security write, as links on a topic's page."""

from __future__ import annotations

from collections.abc import Iterator

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.formats.attempts import fetch_addresses
from sources.formats.feed import LARGEST_FEED
from sources.news.parse import parse

__all__ = ["SOURCE"]


def fetch(context: FetchContext) -> Iterator[Batch]:
    """One batch per feed; a feed that fails stops no other. Raises FetchError at the end."""
    yield from fetch_addresses(context, dict.fromkeys(context.urls(), "xml"))


SOURCE = SourceSpec(
    name="news",
    title="News",
    gives="links to what LWN, Phoronix and oss-security write about a topic; never a claim",
    evidence_class=EvidenceClass.NEWS,
    fetch=fetch,
    parse=parse,
    settings={
        "url": (
            "https://lwn.net/headlines/newrss",
            "https://www.phoronix.com/rss.php",
            "https://seclists.org/rss/oss-sec.rss",
        )
    },
    interval_seconds=3600,
    stale_after_seconds=3 * 86_400,
    canary=Canary.FIELDS,
    max_bytes=LARGEST_FEED,
    licence="titles and links only; texts belong to their authors",
    home="https://lwn.net/",
)
