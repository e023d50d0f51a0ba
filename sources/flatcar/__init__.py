"""Flatcar Container Linux: the kernel of its newest stable release."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.flatcar.parse import parse

__all__ = ["SOURCE"]

MOST_BYTES: Final = 16 * 1024 * 1024


def fetch(context: FetchContext) -> Iterator[Batch]:
    """One batch: the list of releases."""
    url = context.url()
    document = context.get(url, expect="json", max_bytes=MOST_BYTES)
    yield context.batch(url, document)


SOURCE = SourceSpec(
    name="flatcar",
    title="Flatcar Container Linux",
    gives="the upstream release of the kernel that Flatcar's stable channel ships",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://www.flatcar.org/releases-json/releases.json"},
    interval_seconds=12 * 3600,
    stale_after_seconds=30 * 86_400,
    canary=Canary.FIELDS,
    max_bytes=MOST_BYTES,
    licence="no licence named; facts of https://www.flatcar.org/releases",
    home="https://www.flatcar.org/releases",
)
