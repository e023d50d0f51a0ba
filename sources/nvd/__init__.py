"""NVD: severity and weaknesses as NIST sees them."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.base import Canary, SourceSpec
from sources.nvd.fetch import LARGEST_ANSWER, fetch
from sources.nvd.parse import parse

__all__ = ["SOURCE"]

SOURCE = SourceSpec(
    name="nvd",
    title="NVD",
    gives="severity and weakness of a CVE as NIST sees them; never whether it is fixed",
    evidence_class=EvidenceClass.CATALOGUE,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://services.nvd.nist.gov/rest/json/cves/2.0"},
    interval_seconds=2 * 3600,
    stale_after_seconds=2 * 86_400,
    canary=Canary.FIELDS,
    max_bytes=LARGEST_ANSWER,
    licence="public domain (https://nvd.nist.gov/general/FAQ-Sections/General-FAQs)",
    home="https://nvd.nist.gov/",
)
