"""Amazon Linux 2 and 2023: ALAS errata of kernels and live patches."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.amazon.fetch import MOST_BYTES, fetch
from sources.amazon.parse import parse
from sources.base import SourceSpec

_CDN = "https://cdn.amazonlinux.com"

SOURCE = SourceSpec(
    name="amazon",
    title="Amazon Linux security advisories (ALAS)",
    gives="fixed versions of kernel, kernel6.12, kernel6.18 (2023), of AL2's kernel and its extras, and live patches",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={
        "url": ("https://alas.aws.amazon.com/AL2023/alas.rss", "https://alas.aws.amazon.com/AL2/alas.rss"),
        "repositories": (
            f"{_CDN}/al2023/core/mirrors/latest/x86_64/mirror.list",
            f"{_CDN}/al2023/kernel-livepatch/mirrors/latest/x86_64/mirror.list",
            f"{_CDN}/2/core/latest/x86_64/mirror.list",
            f"{_CDN}/2/extras/kernel-5.4/latest/x86_64/mirror.list",
            f"{_CDN}/2/extras/kernel-5.10/latest/x86_64/mirror.list",
            f"{_CDN}/2/extras/kernel-5.15/latest/x86_64/mirror.list",
        ),
    },
    interval_seconds=3600,
    stale_after_seconds=7 * 86_400,
    max_bytes=MOST_BYTES,
    licence="no licence named; facts of https://alas.aws.amazon.com/",
    home="https://alas.aws.amazon.com/",
)
