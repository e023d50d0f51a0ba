"""Rocky Linux errata of kernel packages, from Apollo."""

from __future__ import annotations

from collections.abc import Iterator

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.formats.paging import fetch_newest_first
from sources.rocky.apollo import read_page_times
from sources.rocky.parse import parse

PAGE_SIZE = 50
MOST_PAGES = 60
MOST_BYTES = 64 * 1024 * 1024


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Pages back to the newest advisory we know; those without a kernel are not kept. Raises FetchError."""
    base = context.url()
    yield from fetch_newest_first(
        context,
        address=lambda number: f"{base}/?page={number}&size={PAGE_SIZE}",
        read_times=read_page_times,
        concerns=lambda body: b'"kernel-' in body,
        page_size=PAGE_SIZE,
        most_pages=MOST_PAGES,
        max_bytes=MOST_BYTES,
    )


SOURCE = SourceSpec(
    name="rocky",
    title="Rocky Linux errata",
    gives="fixed kernel versions per release and dist tag",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://apollo.build.resf.org/api/v3/advisories/"},
    interval_seconds=1800,
    stale_after_seconds=7 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=MOST_BYTES,
    licence="BSD-3-Clause (https://github.com/resf/distro-tools)",
    home="https://errata.rockylinux.org/",
)
