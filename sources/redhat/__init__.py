"""Red Hat: what its security data API and its CSAF documents say of the kernels of Enterprise Linux."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.base import Canary, SourceSpec
from sources.redhat.fetch import CSAF_BYTES, fetch
from sources.redhat.parse import parse

__all__ = ["SOURCE"]

SOURCE = SourceSpec(
    name="redhat",
    title="Red Hat",
    gives="status, first fixed kernel and erratum of Red Hat Enterprise Linux, stream by stream; live patches",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={
        "url": "https://access.redhat.com/hydra/rest/securitydata",
        "csaf_url": ("https://security.access.redhat.com/data/csaf/v2/vex-feed",),
    },
    interval_seconds=3600,
    stale_after_seconds=3 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=CSAF_BYTES,
    licence="CC-BY-4.0, https://access.redhat.com/security/data",
    home="https://access.redhat.com/security/security-updates/",
)
