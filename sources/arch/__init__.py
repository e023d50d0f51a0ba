"""Arch Linux: vulnerability groups of its tracker and the versions of its kernels."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.arch.fetch import DEFAULTS, fetch
from sources.arch.parse import parse
from sources.base import Canary, SourceSpec

SOURCE = SourceSpec(
    name="arch",
    title="Arch Linux",
    gives="the version of each Arch kernel, and the vulnerability groups (AVG) that name a kernel",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings=DEFAULTS,
    interval_seconds=3_600,
    stale_after_seconds=14 * 86_400,
    canary=Canary.FIELDS,
    max_bytes=16 * 1024 * 1024,
    licence="no licence stated by the tracker (https://security.archlinux.org/)",
    home="https://security.archlinux.org/package/linux",
)
