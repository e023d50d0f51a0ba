"""kernel.org's list of releases: the newest of each branch, and which branches have ended."""

from __future__ import annotations

from collections.abc import Iterator

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.kernel_releases.parse import parse

__all__ = ["SOURCE"]


def fetch(context: FetchContext) -> Iterator[Batch]:
    """The list when it changed. Raises FetchError."""
    url = context.url()
    expect = "xml" if url.endswith((".xml", ".rss")) else "json"
    document = context.get(url, expect=expect, max_bytes=SOURCE.max_bytes)
    yield context.batch(url, document)


SOURCE = SourceSpec(
    name="kernel-releases",
    title="kernel.org releases",
    gives="the newest release of each kernel branch, and which branches have ended",
    evidence_class=EvidenceClass.GIT,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://www.kernel.org/releases.json"},
    interval_seconds=30 * 60,
    stale_after_seconds=24 * 3600,
    canary=Canary.FIELDS,
    max_bytes=4 * 1024 * 1024,
    licence="facts of kernel.org, no licence named (https://www.kernel.org/)",
    home="https://www.kernel.org/",
)
