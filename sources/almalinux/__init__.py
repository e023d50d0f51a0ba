"""AlmaLinux errata of kernel packages, from the project's OSV database."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.almalinux.fetch import MOST_BYTES, fetch
from sources.almalinux.parse import parse
from sources.base import Canary, SourceSpec

SOURCE = SourceSpec(
    name="almalinux",
    title="AlmaLinux errata",
    gives="fixed kernel versions per release and dist tag, also those that AlmaLinux published before RHEL",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://github.com/AlmaLinux/osv-database.git"},
    interval_seconds=1800,
    stale_after_seconds=7 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=MOST_BYTES,
    licence="MIT (https://github.com/AlmaLinux/osv-database)",
    home="https://errata.almalinux.org/",
)
