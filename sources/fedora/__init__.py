"""Fedora's kernel updates, from Bodhi."""

from __future__ import annotations

from collections.abc import Iterator

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.fedora.parse import parse, read_page_times
from sources.formats.paging import fetch_newest_first

PAGE_SIZE = 50
MOST_PAGES = 10
MOST_BYTES = 64 * 1024 * 1024


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Updates of the kernel in every release, newest first, back to what is known. Raises FetchError."""
    base = context.url()
    yield from fetch_newest_first(
        context,
        address=lambda number: f"{base}/?packages=kernel&rows_per_page={PAGE_SIZE}&page={number}",
        read_times=read_page_times,
        concerns=lambda body: True,
        page_size=PAGE_SIZE,
        most_pages=MOST_PAGES,
        max_bytes=MOST_BYTES,
    )


SOURCE = SourceSpec(
    name="fedora",
    title="Fedora updates (Bodhi)",
    gives="the kernel that each release ships, kernels in testing, and the CVEs that updates name",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://bodhi.fedoraproject.org/updates/"},
    interval_seconds=3600,
    stale_after_seconds=14 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=MOST_BYTES,
    licence="no licence named; facts of https://bodhi.fedoraproject.org/",
    home="https://bodhi.fedoraproject.org/updates/?packages=kernel",
)
