"""EPSS: how likely it is that a vulnerability is exploited within 30 days."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.base import Canary, SourceSpec
from sources.epss.fetch import LARGEST_FILE, fetch
from sources.epss.parse import parse

__all__ = ["SOURCE"]

SOURCE = SourceSpec(
    name="epss",
    title="EPSS",
    gives="the probability that a vulnerability is exploited within 30 days",
    evidence_class=EvidenceClass.CATALOGUE,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://epss.empiricalsecurity.com/epss_scores-YYYY-MM-DD.csv.gz"},
    interval_seconds=6 * 3600,
    stale_after_seconds=4 * 86_400,
    canary=Canary.FIELDS,
    max_bytes=LARGEST_FILE,
    licence="free to use with attribution (https://www.first.org/epss/)",
    home="https://www.first.org/epss/",
)
