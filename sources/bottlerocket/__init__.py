"""Bottlerocket: the advisories of its kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.bottlerocket.parse import parse

__all__ = ["SOURCE"]

MOST_BYTES: Final = 8 * 1024 * 1024


def fetch(context: FetchContext) -> Iterator[Batch]:
    """One batch: the list of advisories."""
    url = context.url()
    document = context.get(url, expect="binary", max_bytes=MOST_BYTES)
    yield context.batch(url, document)


SOURCE = SourceSpec(
    name="bottlerocket",
    title="Bottlerocket",
    gives="the first fixed version of each of Bottlerocket's kernels, by GHSA id",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://advisories.bottlerocket.aws/updateinfo.xml.gz"},
    interval_seconds=12 * 3600,
    stale_after_seconds=30 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=MOST_BYTES,
    licence="no licence named in the file; facts of https://advisories.bottlerocket.aws/",
    home="https://github.com/bottlerocket-os/bottlerocket/security/advisories",
)
