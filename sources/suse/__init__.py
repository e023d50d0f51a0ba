"""SUSE: its CSAF errata and CSAF VEX records for SUSE Linux Enterprise and openSUSE."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.base import Canary, SourceSpec
from sources.suse.fetch import MOST_BYTES, fetch
from sources.suse.parse import parse

__all__ = ["SOURCE"]

SOURCE = SourceSpec(
    name="suse",
    title="SUSE",
    gives="status, first fixed kernel and erratum of SUSE Linux Enterprise, Leap and Tumbleweed; live patches",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={
        "url": (
            "https://ftp.suse.com/pub/projects/security/csaf-vex",
            "https://ftp.suse.com/pub/projects/security/csaf",
        )
    },
    interval_seconds=6 * 3600,
    stale_after_seconds=4 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=MOST_BYTES,
    licence="CC-BY-4.0, https://www.suse.com/support/security/csaf/",
    home="https://www.suse.com/security/cve/",
)
