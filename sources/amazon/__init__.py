"""Amazon Linux 2 and 2023: ALAS errata of kernels and live patches."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.amazon.fetch import MOST_BYTES, fetch
from sources.amazon.parse import parse
from sources.amazon.settings import SETTINGS
from sources.base import Canary, SourceSpec

SOURCE = SourceSpec(
    name="amazon",
    title="Amazon Linux security advisories (ALAS)",
    gives="fixed versions of kernel, kernel6.12, kernel6.18 (2023), of AL2's kernel and its extras, and live patches",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings=SETTINGS,
    interval_seconds=3600,
    stale_after_seconds=7 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=MOST_BYTES,
    licence="no licence named; facts of https://alas.aws.amazon.com/",
    home="https://alas.aws.amazon.com/",
)
