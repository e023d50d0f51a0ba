"""CISA KEV: which vulnerabilities are known to be exploited, since when, and until when agencies must act."""

from __future__ import annotations

from collections.abc import Iterator

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.kev.parse import parse

__all__ = ["SOURCE"]


def fetch(context: FetchContext) -> Iterator[Batch]:
    """The whole catalogue when it changed. Raises FetchError."""
    url = context.url()
    document = context.get(url, expect="json", max_bytes=SOURCE.max_bytes)
    yield context.batch(url, document)


SOURCE = SourceSpec(
    name="kev",
    title="CISA KEV",
    gives="known exploitation: since when, and the date by which US agencies must act",
    evidence_class=EvidenceClass.CATALOGUE,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"},
    interval_seconds=30 * 60,
    stale_after_seconds=5 * 86_400,
    canary=Canary.SETTLED,
    whole_list=True,
    max_bytes=16 * 1024 * 1024,
    licence="CC0-1.0 (https://www.cisa.gov/sites/default/files/licenses/kev/license.txt)",
    home="https://www.cisa.gov/known-exploited-vulnerabilities-catalog",
)
