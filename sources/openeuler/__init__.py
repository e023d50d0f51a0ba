"""openEuler: one CSAF record a CVE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.formats.csaf_feed import Directory, follow_directories
from sources.openeuler.parse import parse

__all__ = ["SOURCE"]

MOST_BYTES: Final = 8 * 1024 * 1024
_ERRATA: Final = re.compile(r"csaf-openeuler-sa-[0-9]{4}-[0-9]{1,7}\.json", re.IGNORECASE)


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Batches with the checkpoint that covers them. Lists without times: followed records are asked for in turn."""
    directories = [
        Directory(base=base, errata=_ERRATA, lists=("index.txt", "changes.csv"), max_bytes=MOST_BYTES)
        for base in context.urls()
    ]
    yield from follow_directories(context, directories, context.checkpoint)


SOURCE = SourceSpec(
    name="openeuler",
    title="openEuler",
    gives="first fixed kernel and erratum of openEuler releases and their service packs",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={"url": ("https://repo.openeuler.org/security/data/csaf/cve",)},
    interval_seconds=12 * 3600,
    stale_after_seconds=14 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=MOST_BYTES,
    licence="no licence named in the documents; facts of https://www.openeuler.org/",
    home="https://www.openeuler.org/en/security/security-bulletins/",
)
