"""Oracle Linux errata of its two kernels, from Oracle's OVAL file."""

from __future__ import annotations

from collections.abc import Iterator

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.oracle.parse import parse

MOST_BYTES = 256 * 1024 * 1024


def fetch(context: FetchContext) -> Iterator[Batch]:
    """The one file, by its validators. Raises FetchError."""
    url = context.url()
    document = context.get(url, expect="binary", kind="oval", max_bytes=MOST_BYTES)
    yield context.batch(url, document)


SOURCE = SourceSpec(
    name="oracle",
    title="Oracle Linux errata (ELSA)",
    gives="fixed versions of kernel (RHCK) and of each Unbreakable Enterprise Kernel",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2"},
    interval_seconds=6 * 3600,
    stale_after_seconds=7 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=MOST_BYTES,
    licence="no licence named; facts of https://linux.oracle.com/security/",
    home="https://linux.oracle.com/security/",
)
