"""Alpine: the kernels that its releases ship, its security database and tracker."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.alpine.fetch import DEFAULTS, fetch
from sources.alpine.parse import parse
from sources.base import Canary, SourceSpec

SOURCE = SourceSpec(
    name="alpine",
    title="Alpine Linux",
    gives="the kernel version that each release ships, and fixes of packages that go with a kernel (docker, kmod)",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings=DEFAULTS,
    interval_seconds=6 * 3_600,
    stale_after_seconds=14 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=16 * 1024 * 1024,
    licence="secdb: CC-BY-SA-4.0 (https://secdb.alpinelinux.org/license.txt)",
    home="https://security.alpinelinux.org/",
)
