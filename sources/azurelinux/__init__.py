"""Azure Linux: CSAF VEX records of the Microsoft Security Response Center."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from advisories.words import EvidenceClass
from sources.azurelinux.parse import parse
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.formats.csaf_feed import Directory, follow_directories

__all__ = ["SOURCE"]

MOST_BYTES: Final = 4 * 1024 * 1024
OVAL_BYTES: Final = 64 * 1024 * 1024


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Batches with the checkpoint that covers them; OVAL files only where an operator names them."""
    for url in context.urls("oval_url"):
        document = context.get(url, expect="xml", max_bytes=OVAL_BYTES)
        yield context.batch(url, document, stream=url.rpartition("/")[2])
    directories = [Directory(base=base, max_bytes=MOST_BYTES) for base in context.urls()]
    yield from follow_directories(context, directories, context.checkpoint)


SOURCE = SourceSpec(
    name="azurelinux",
    title="Azure Linux",
    gives="status and first fixed kernel of Azure Linux",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={"url": ("https://msrc.microsoft.com/csaf/vex",), "oval_url": ()},
    interval_seconds=6 * 3600,
    stale_after_seconds=7 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=OVAL_BYTES,
    licence="no licence named in the CSAF documents (a disclaimer of warranty); the OVAL file is MIT",
    home="https://msrc.microsoft.com/update-guide/",
)
