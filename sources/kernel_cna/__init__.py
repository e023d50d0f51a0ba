"""The CVE records of the kernel's own CNA: introduced and fixed per branch, severity, changed files."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.base import Canary, SourceSpec
from sources.kernel_cna.fetch import fetch
from sources.kernel_cna.parse import LARGEST_DOCUMENT, parse

__all__ = ["SOURCE"]

SOURCE = SourceSpec(
    name="kernel-cna",
    title="Linux kernel CNA",
    gives="where a flaw came in, the first fixed release and commit of each branch, severity; opens advisories",
    evidence_class=EvidenceClass.CNA,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://git.kernel.org/pub/scm/linux/security/vulns.git"},
    interval_seconds=15 * 60,
    stale_after_seconds=24 * 3600,
    canary=Canary.SETTLED,
    max_bytes=LARGEST_DOCUMENT,
    licence="CC0-1.0 for the records (LICENSES/ of the repository)",
    home="https://docs.kernel.org/process/cve.html",
)
