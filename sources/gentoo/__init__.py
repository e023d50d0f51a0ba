"""Gentoo: its security advisories (GLSA), of which hardly any is about a kernel."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.base import Canary, SourceSpec
from sources.gentoo.fetch import fetch
from sources.gentoo.parse import parse

SOURCE = SourceSpec(
    name="gentoo",
    title="Gentoo Linux Security Advisories",
    gives="advisories (GLSA) that name a kernel or a package that goes with one; links to the others",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={
        "url": "https://security.gentoo.org/glsa/feed.rss",
        "glsa_url": "https://gitweb.gentoo.org/data/glsa.git/plain",
    },
    interval_seconds=6 * 3_600,
    stale_after_seconds=90 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=8 * 1024 * 1024,
    licence="CC-BY-SA-2.5, as each advisory says (https://creativecommons.org/licenses/by-sa/2.5)",
    home="https://security.gentoo.org/glsa",
)
