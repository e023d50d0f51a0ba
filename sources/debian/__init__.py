"""Debian: security tracker, dated advisories (DSA, DLA) and the kernel package's changelogs."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.base import Canary, SourceSpec
from sources.debian.fetch import LARGEST_TRACKER, fetch
from sources.debian.parse import parse

SOURCE = SourceSpec(
    name="debian",
    title="Debian security tracker",
    gives="the state of each kernel CVE in each Debian release, DSA and DLA with their dates, kernel changelogs",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={
        "url": "https://security-tracker.debian.org",
        "lists_url": "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data",
        "changelogs_url": "https://salsa.debian.org/kernel-team/linux/-/raw",
        "changelog_branches": (
            "debian/6.12/trixie",
            "debian/6.12/trixie-security",
            "debian/6.1/bookworm",
            "debian/6.1/bookworm-security",
            "debian/5.10/bullseye-security",
            "debian/latest",
        ),
    },
    interval_seconds=15 * 60,
    stale_after_seconds=3 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=LARGEST_TRACKER,
    licence="free to reuse, without a licence text of its own (https://www.debian.org/license); changelogs GPL-2.0",
    home="https://security-tracker.debian.org/tracker/source-package/linux",
)
