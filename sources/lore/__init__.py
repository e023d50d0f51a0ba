"""lore.kernel.org, or any public-inbox: the lists where patches are posted, reviewed, applied and queued."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.lore.parse import parse

__all__ = ["SOURCE"]


def fetch(context: FetchContext) -> Iterator[Batch]:
    from sources.lore.fetch import fetch_lists

    yield from fetch_lists(context)


SOURCE: Final = SourceSpec(
    name="lore",
    title="Kernel mailing lists",
    gives="postings, revisions, reviews, applied and queued patches, pull requests, CVE announcements",
    evidence_class=EvidenceClass.LIST_MAIL,
    fetch=fetch,
    parse=parse,
    settings={
        "url": ("https://lore.kernel.org", "https://tor.lore.kernel.org", "https://sea.lore.kernel.org"),
        "lists": (),
    },
    interval_seconds=60,
    stale_after_seconds=3 * 86_400,
    canary=Canary.READ_ONCE,
    max_bytes=128 * 1024 * 1024,
    licence="as posted by their authors, https://www.kernel.org/lore.html",
    home="https://lore.kernel.org/",
)
